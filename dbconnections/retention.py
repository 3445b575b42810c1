"""How long tickets are kept: they hold addresses, and say who asked for what."""

from datetime import timedelta

from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import PasswordHistory, ResetTicket

__all__ = ["purge"]

# Rows deleted in one statement: few enough to lock the table for a moment only.
BATCH = 5_000


def purge() -> int:
    """Delete tickets requested longer ago than ``RETENTION``; return how many.

    One that still works, or has a mail to come, is kept whatever its age. Passwords that are
    remembered for a connection without a history go as well.
    """
    # Mail caps count what was sent; what they need must not be forgotten.
    kept = max(settings.RETENTION, *(period for _most, period in settings.MAIL_CAPS), timedelta())
    ended = ResetTicket.objects.filter(
        requested_at__lt=DatabaseNow() - kept, expires_at__lt=DatabaseNow(), due_at__isnull=True
    ).order_by("requested_at")
    deleted = 0
    rest = ended
    while batch := list(rest.values_list("pk", "requested_at")[:BATCH]):
        deleted += ResetTicket.objects.filter(pk__in=[pk for pk, _time in batch]).delete()[0]
        # What was deleted is not stepped over again and again.
        rest = ended.filter(requested_at__gte=batch[-1][1])
    PasswordHistory.objects.filter(connection__password_history_size=0).delete()
    return deleted
