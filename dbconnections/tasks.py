"""Tasks for Django Tasks (`django.tasks`, or `django-tasks` below Django 6)."""

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task  # type: ignore[no-redef]  # the same, below Django 6

from dbconnections.delivery import deliver_due
from dbconnections.retention import purge


@task
def deliver_reset_emails() -> None:
    """Send everything that is due.

    Takes no arguments: a queue must hold neither address nor link. It is only a wake-up; what
    is to be sent stands in the tickets.
    """
    deliver_due()


@task
def purge_reset_tickets() -> None:
    """Delete what has been kept for ``RETENTION``, as the command of this name does."""
    purge()
