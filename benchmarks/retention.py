"""How long it takes to purge many tickets, and how long anything else has to wait meanwhile.

    python -m benchmarks.retention                  # --rows 1000000
    DATABASE_URL=postgres://user:password@host/name python -m benchmarks.retention

Makes a database of its own beside the one that is named, as the tests do, fills it with tickets
that are old enough to go and 1,000 that are not, and purges it while another connection writes to
one of the live ones as often as it can. Prints the seconds of the purge and the longest of those
writes; exits with 1 if a live ticket is gone, an old one is left, or a limit was passed. The limits
are a minute for a million rows, and a second for a write.
"""

import argparse
import os
import sys
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import django

LIVE = 1_000
LONGEST_PURGE = 60.0
LONGEST_WRITE = 1.0

# The variable that limits a recursive query: MariaDB's is True's, MySQL's is False's.
LONGEST_SERIES = {True: "max_recursive_iterations", False: "cte_max_recursion_depth"}


def main() -> int:
    """Fill, purge, print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="tickets to purge")
    rows = parser.parse_args().rows
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return measure(rows)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(rows: int) -> int:
    """Fill the database, purge it while others write; return the exit code."""
    from django.db import connection

    from dbconnections.models import ResetTicket
    from dbconnections.retention import purge

    live = fill(rows)
    print(f"{connection.vendor}: {rows} tickets to purge, {len(live)} to keep")  # noqa: T201
    with writing_meanwhile(live[0]) as writes:
        begun = time.monotonic()
        deleted = purge()
        seconds = time.monotonic() - begun
    kept = ResetTicket.objects.filter(pk__in=live).count()
    left = ResetTicket.objects.count() - kept
    print(  # noqa: T201
        f"purged {deleted} in {seconds:.1f} s ({deleted / seconds:.0f} a second); "
        f"{len(writes)} writes meanwhile, the longest {max(writes) * 1000:.0f} ms"
    )
    is_good = (kept, left, deleted) == (len(live), 0, rows)
    is_fast = seconds < LONGEST_PURGE and max(writes) < LONGEST_WRITE
    return 0 if is_good and is_fast else 1


def fill(rows: int) -> list[Any]:
    """Insert old tickets, a second apart, and live ones; return the keys of the latter."""
    from django.db import connection as database
    from django.utils import timezone

    from dbconnections.models import Client, Connection, ResetTicket

    client = Client.objects.create(name="Acme Notes")
    connection = Connection.objects.create(name="Users")
    now = timezone.now()

    def ticket(requested_at: datetime, **columns: Any) -> ResetTicket:
        return ResetTicket(
            client=client,
            connection=connection,
            email="jane@example.com",
            account="1",
            mailbox="jane@example.com",
            fingerprint="0" * 64,
            requested_at=requested_at,
            expires_at=requested_at + timedelta(hours=1),
            sent_at=requested_at,
            **columns,
        )

    model = ticket(now - timedelta(days=100))
    model.save()
    # The database copies the first one: a million INSERTs from here would take minutes.
    columns = [field.column for field in ResetTicket._meta.concrete_fields]
    made = {
        "sqlite": {
            "id": "lower(hex(randomblob(16)))",
            "requested_at": (
                "strftime('%%Y-%%m-%%d %%H:%%M:%%f', requested_at, '-' || n || ' seconds')"
            ),
        },
        "postgresql": {
            "id": "gen_random_uuid()",
            "requested_at": "requested_at - n * interval '1 second'",
        },
        "mysql": {
            "id": "replace(uuid(), '-', '')",
            "requested_at": "requested_at - INTERVAL n SECOND",
        },
    }[database.vendor]
    taken = ", ".join(made.get(column, column) for column in columns)
    table = ResetTicket._meta.db_table
    with database.cursor() as cursor:
        if database.vendor == "mysql":
            cursor.execute(f"SET SESSION {LONGEST_SERIES[database.mysql_is_mariadb]} = {rows:d}")
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 (no input of anyone's)
            "WITH RECURSIVE series(n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %s) "
            f"SELECT {taken} FROM {table}, series",
            [rows - 1],
        )
        # A database does so by itself while a table grows, but not at once.
        cursor.execute(f"ANALYZE {'TABLE ' * (database.vendor == 'mysql')}{table}")
    live = [ticket(now, due_at=now + timedelta(hours=1)) for _ in range(LIVE)]
    ResetTicket.objects.bulk_create(live)
    return [ticket.pk for ticket in live]


class writing_meanwhile:  # noqa: N801 (a context manager)
    """Write to a ticket again and again from another thread; the seconds of each write."""

    def __init__(self, ticket_id: Any) -> None:
        self.ticket_id = ticket_id
        self.seconds: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> list[float]:
        self._thread.start()
        return self.seconds

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        from django.db import connections

        from dbconnections.models import ResetTicket

        try:
            while not self._stop.is_set():
                begun = time.monotonic()
                ResetTicket.objects.filter(pk=self.ticket_id).update(organization="org_1")
                self.seconds.append(time.monotonic() - begun)
                self._stop.wait(0.01)
        finally:
            connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
