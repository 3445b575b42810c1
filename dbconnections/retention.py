"""How long tickets are kept: they hold addresses, and say who asked for what."""

from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import PasswordHistory, ResetTicket, ResetTicketQuerySet

__all__ = ["purge"]

# Rows deleted in one statement: few enough to hold up others for a moment only.
BATCH = 5_000


def purge() -> int:
    """Delete tickets requested longer ago than ``RETENTION``; return how many.

    One that still works, or has a mail to come, is kept whatever its age. Passwords that are
    remembered for a connection without a history go as well.
    """
    # Mail caps count what was sent, and bounces hold mails back: neither must be forgotten early.
    caps = (period for _most, period in settings.MAIL_CAPS)
    kept = max(settings.RETENTION, settings.BOUNCE_WINDOW, *caps)
    ended = ResetTicket.objects.filter(
        requested_at__lt=DatabaseNow() - kept, expires_at__lt=DatabaseNow(), due_at__isnull=True
    )
    deleted = _delete_in_batches(ended)
    PasswordHistory.objects.filter(connection__password_history_size=0).delete()
    return deleted


def _delete_in_batches(tickets: ResetTicketQuerySet) -> int:
    """Delete tickets, the oldest first, along the index of their times."""
    deleted = 0
    rest = tickets
    while True:
        times = rest.order_by("requested_at").values_list("requested_at", flat=True)
        last = times[BATCH - 1 : BATCH].first()
        if last is None:
            return deleted + rest.delete()[0]
        if rest.filter(requested_at=last)[BATCH:].exists():
            # More of one time than may go at once, as after an import: one by one.
            some = rest.filter(requested_at__lte=last).values_list("pk", flat=True)[:BATCH]
            deleted += tickets.filter(pk__in=list(some)).delete()[0]
            continue
        deleted += rest.filter(requested_at__lte=last).delete()[0]
        # What was deleted is not stepped over again and again.
        rest = tickets.filter(requested_at__gt=last)
