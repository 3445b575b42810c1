"""The databases of the sites: made for a run, filled by the database itself, dropped after it.

``BENCHMARK_POSTGRESQL`` names a server and a role that may create databases on it; for SQLite
there are files in a directory of the run.
"""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

PREFIX = "dbconnections_benchmark_"
PASSWORD = "pbkdf2_sha256$1000000$c2FsdHNhbHRzYWx0c2E$" + 43 * "A" + "="


def server() -> str:
    """Return the PostgreSQL server to use, without a database."""
    url = os.environ.get("BENCHMARK_POSTGRESQL", "postgres://postgres@127.0.0.1:5432")
    return url.rstrip("/")


def url(vendor: str, name: str, directory: Path) -> str:
    """Return the address of a site's own, empty database."""
    if vendor == "sqlite":
        return f"sqlite:///{directory / name}.sqlite3"
    address = f"{server()}/{PREFIX}{re.sub('[^a-z0-9]+', '_', name)}"
    drop(address)
    administer(f'CREATE DATABASE "{address.rpartition("/")[2]}"')
    return address


def drop(address: str) -> None:
    """Remove a database that `url` made; a file goes with its directory."""
    if address.startswith("postgres"):
        administer(f'DROP DATABASE IF EXISTS "{address.rpartition("/")[2]}" WITH (FORCE)')


def administer(*statements: str) -> None:
    with _administrator() as connection:
        for statement in statements:
            connection.execute(statement)


def require_autovacuum() -> None:
    """End the run where PostgreSQL leaves growing tables without statistics.

    It is on as PostgreSQL comes; without it plans get worse by the minute.
    """
    with _administrator() as connection:
        row = connection.execute("SHOW autovacuum").fetchone()
    if row != ("on",):
        raise SystemExit("Autovacuum is off. First: ALTER SYSTEM SET autovacuum = on; and reload.")


def _administrator() -> Any:
    import psycopg

    address = f"{server()}/postgres".replace("postgres://", "postgresql://", 1)
    return psycopg.connect(address, autocommit=True)


def add_users(first: int, last: int) -> None:
    """Insert users with these numbers, ``user1@example.com`` and so on."""
    execute(
        f"""
        WITH RECURSIVE number(i) AS (
            SELECT {first:d} UNION ALL SELECT i + 1 FROM number WHERE i < {last:d}
        )
        INSERT INTO auth_user
            (username, email, password, first_name, last_name,
             is_active, is_staff, is_superuser, date_joined)
        SELECT 'user' || i, 'user' || i || '@example.com', %s, 'Jane', 'Doe',
             true, false, false, CURRENT_TIMESTAMP
        FROM number
        """,  # noqa: S608 (numbers of our own)
        PASSWORD,
    )
    from django.apps import apps

    if apps.is_installed("allauth.account"):
        execute(
            """
            INSERT INTO account_emailaddress (user_id, email, verified, "primary")
            SELECT id, email, true, true FROM auth_user
            WHERE id NOT IN (SELECT user_id FROM account_emailaddress)
            """
        )
    execute("ANALYZE")


class Dialect(NamedTuple):
    """What each database has its own words for."""

    indexes: str
    """A query for name and definition of a table's indexes, without those of its constraints."""

    series: str
    """The numbers from one as ``i``."""

    values: dict[str, str]
    """What makes one copy of a ticket unlike the next; ``moment`` is for each time it has."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


ADDRESS = "'user' || i || '@example.com'"
DIALECTS = {
    "sqlite": Dialect(
        indexes="SELECT name, sql FROM sqlite_master "
        "WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL",
        series="(WITH RECURSIVE number(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {number:d}) SELECT i FROM number)",
        values={
            # Spread as random ones are, and in order: the key's index cannot be made afterwards.
            "id": "lower(printf('%%08x', i * (4294967295 / {number:d})) || hex(randomblob(12)))",
            "moment": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || i || ' seconds')",
            "due_at": "NULL",
            "claim": "NULL",
        },
        before=("PRAGMA foreign_keys = OFF", "PRAGMA cache_size = -1000000"),
        after=("PRAGMA foreign_keys = ON", "PRAGMA cache_size = -2000", "ANALYZE"),
    ),
    "postgresql": Dialect(
        indexes="SELECT indexname, indexdef FROM pg_indexes "
        "WHERE tablename = %s AND indexdef NOT LIKE '%%UNIQUE%%'",
        series="generate_series(1, {number:d}) AS series(i)",
        values={
            "id": "gen_random_uuid()",
            "moment": "CURRENT_TIMESTAMP - i * interval '1 second'",
            "due_at": "CAST(NULL AS timestamp with time zone)",
            "claim": "CAST(NULL AS uuid)",
        },
        before=(
            "SET maintenance_work_mem = '1GB'",
            "SET session_replication_role = replica",
            "ALTER TABLE {table} DROP CONSTRAINT {table}_pkey",
        ),
        after=(
            "ALTER TABLE {table} ADD PRIMARY KEY (id)",
            "RESET session_replication_role",
            "VACUUM ANALYZE {table}",
        ),
    ),
}


def add_tickets(number: int) -> None:
    """Insert tickets that have ended, of one client and one connection.

    Copies of one row, with a key of their own each. Indexes are made anew afterwards and
    references not looked up, which takes a fraction of the time and, on PostgreSQL, a superuser.
    """
    from django.db import connection

    from dbconnections.models import ResetTicket

    dialect = DIALECTS[connection.vendor]
    table = ResetTicket._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(dialect.indexes, [table])
        indexes = dict(cursor.fetchall())
    for statement in dialect.before:
        execute(statement.format(table=table))
    for name in indexes:
        execute(f'DROP INDEX "{name}"')
    own = {
        **dialect.values,
        **dict.fromkeys(("email", "mailbox"), ADDRESS),
        "account": "CAST(i AS text)",
        **dict.fromkeys(
            ("requested_at", "expires_at", "sent_at", "used_at"), dialect.values["moment"]
        ),
    }
    columns = [field.column for field in ResetTicket._meta.fields]
    values = ", ".join(own.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    template = ResetTicket.objects.values_list("pk").latest()[0]
    key = ResetTicket._meta.pk.get_db_prep_value(template, connection)
    execute(
        f"INSERT INTO {table} ({names}) SELECT {values.format(number=number)} "  # noqa: S608 (our own columns)
        f"FROM {table}, {dialect.series.format(number=number)} WHERE id = %s",
        key,
    )
    for definition in indexes.values():
        execute(definition)
    for statement in dialect.after:
        execute(statement.format(table=table))


def execute(sql: str, *parameters: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
