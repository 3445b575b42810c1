"""How long tickets are kept: they hold addresses, and say who asked for what."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from django.db import connections

from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import PasswordHistory, ResetTicket, ResetTicketQuerySet
from dbconnections.transactions import database

__all__ = ["purge"]

# Rows deleted in one statement: few enough to hold up others for a moment only.
BATCH = 20_000

# The share of a batch's time that is left to others before the next. SQLite has one writer at a
# time and no queue: who waits looks again now and then, and would always find it busy.
PAUSE = 0.5

# KiB. Keys are random, so a batch touches pages all over their index; in the 2,000 KiB that SQLite
# keeps by default they are read and written again for every few rows.
SQLITE_CACHE = 64_000


def purge() -> int:
    """Delete tickets requested longer ago than ``RETENTION``; return how many.

    Or longer ago than the longest of ``MAIL_CAPS`` and ``BOUNCE_WINDOW``, if that is longer. One
    that still works, or has a mail to come, is kept whatever its age. Passwords that are remembered
    for a connection without a history go as well.
    """
    # Mail caps count what was sent, and bounces hold mails back: neither must be forgotten early.
    caps = (period for _most, period in settings.MAIL_CAPS)
    kept = max(settings.RETENTION, settings.BOUNCE_WINDOW, *caps)
    old = ResetTicket.objects.filter(requested_at__lt=DatabaseNow() - kept)
    with _room_for_pages():
        deleted = _delete_in_batches(old, expires_at__lt=DatabaseNow(), due_at__isnull=True)
    PasswordHistory.objects.filter(connection__password_history_size=0).delete()
    return deleted


def _delete_in_batches(tickets: ResetTicketQuerySet, **ended: Any) -> int:
    """Delete those of the tickets that have ended, the oldest first; return how many.

    Which make a batch is asked without ``ended``: the index of their times answers that alone,
    whatever the database guesses about the rest.
    """
    deleted = 0
    rest = tickets
    while True:
        times = rest.order_by("requested_at").values_list("requested_at", flat=True)
        last = times[BATCH - 1 : BATCH].first()
        if last is None:
            return deleted + rest.filter(**ended).delete()[0]
        of_one_time = tickets.filter(requested_at=last, **ended)
        while of_one_time[BATCH:].exists():
            # More than may go at once, as after an import.
            some = list(of_one_time.values_list("pk", flat=True)[:BATCH])
            deleted += _delete(tickets.filter(pk__in=some))
        deleted += _delete(rest.filter(requested_at__lte=last, **ended))
        # What was deleted is not stepped over again and again.
        rest = tickets.filter(requested_at__gt=last)


def _delete(batch: ResetTicketQuerySet) -> int:
    """Delete a batch, and let others write before the next; return how many."""
    begun = monotonic()
    deleted = batch.delete()[0]
    sleep(PAUSE * (monotonic() - begun))
    return deleted


@contextmanager
def _room_for_pages() -> Iterator[None]:
    """Have SQLite keep more pages for a while; other databases see to it themselves."""
    connection = connections[database()]
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA cache_size").fetchone()[0]
        cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE:d}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {before:d}")
