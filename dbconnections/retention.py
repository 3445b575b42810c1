"""How long tickets are kept: they hold addresses, and say who asked for what."""

from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import ResetTicket

# Rows deleted in one statement: few enough to lock the table for a moment only.
BATCH = 5_000


def purge() -> int:
    """Delete tickets that ended longer ago than ``RETENTION``; return how many.

    One that still works, or has a mail to come, is kept whatever its age.
    """
    ended = ResetTicket.objects.filter(
        requested_at__lt=DatabaseNow() - settings.RETENTION,
        expires_at__lt=DatabaseNow(),
        due_at__isnull=True,
    )
    deleted = 0
    while batch := list(ended.order_by("requested_at").values_list("pk", flat=True)[:BATCH]):
        deleted += ResetTicket.objects.filter(pk__in=batch).delete()[0]
    return deleted
