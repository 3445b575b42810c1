"""Tasks for Django Tasks (`django.tasks`, or `django-tasks` below Django 6)."""

from datetime import UTC, datetime, timedelta

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task  # type: ignore[no-redef]  # the same, below Django 6

from dbconnections.conf import settings
from dbconnections.delivery import deliver_due, next_retry
from dbconnections.retention import purge

# A queue's clock may run ahead of the database's, and a look too early finds nothing.
MARGIN = timedelta(seconds=1)


# Named here too, for a site whose default backend or queue is another, or missing.
@task(backend=settings.TASK_BACKEND, queue_name=settings.TASK_QUEUE)
def deliver_reset_emails() -> None:
    """Send everything that is due; come back when a mail that failed is to be tried again.

    Takes no arguments: a queue must hold neither address nor link. It is only a wake-up; what
    is to be sent stands in the tickets.
    """
    # One that found nothing has no successor, so that wake-ups do not multiply.
    if deliver_due() and (pause := next_retry()) is not None:
        enqueue(after=pause + MARGIN)


def enqueue(after: timedelta | None = None) -> None:
    """Put a wake-up on the configured queue; one for later only where the backend can defer."""
    wake_up = deliver_reset_emails.using(
        backend=settings.TASK_BACKEND, queue_name=settings.TASK_QUEUE
    )
    if after is None:
        wake_up.enqueue()
    elif wake_up.get_backend().supports_defer:
        wake_up.using(run_after=datetime.now(UTC) + after).enqueue()


@task(backend=settings.TASK_BACKEND, queue_name=settings.TASK_QUEUE)
def purge_reset_tickets() -> None:
    """Delete what has been kept for ``RETENTION``, as the command of this name does."""
    purge()
