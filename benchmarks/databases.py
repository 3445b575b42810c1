"""The databases of the sites: made for a run, filled by the database itself, dropped after it.

``BENCHMARK_POSTGRESQL`` names a server and a role that may create databases on it; for SQLite
there are files in a directory of the run.
"""

import os
import re
from pathlib import Path
from typing import Any

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


def add_tickets(number: int) -> None:
    """Insert tickets that have ended, of one client and one connection.

    Copies of one row, with a key of their own each. Indexes are made anew afterwards and
    references not looked up, which takes a fraction of the time and a superuser of PostgreSQL.
    """
    from django.db import connection

    from dbconnections.models import ResetTicket

    template = ResetTicket.objects.latest()
    columns = [field.column for field in ResetTicket._meta.fields]
    instead = {
        "id": "gen_random_uuid()",
        "email": "'user' || i || '@example.com'",
        "account": "CAST(i AS text)",
        "mailbox": "'user' || i || '@example.com'",
        "requested_at": "CURRENT_TIMESTAMP - i * interval '1 second'",
        "expires_at": "CURRENT_TIMESTAMP - i * interval '1 second'",
        "sent_at": "CURRENT_TIMESTAMP - i * interval '1 second'",
        "used_at": "CURRENT_TIMESTAMP - i * interval '1 second'",
        "due_at": "CAST(NULL AS timestamp with time zone)",
        "claim": "CAST(NULL AS uuid)",
    }
    values = ", ".join(instead.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = ResetTicket._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [table])
        definitions = [row[0] for row in cursor.fetchall() if "UNIQUE" not in row[0]]
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
        with connection.schema_editor() as editor:
            for index in ResetTicket._meta.indexes:
                editor.remove_index(ResetTicket, index)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} "  # noqa: S608 (our own columns)
            f"FROM {table}, generate_series(1, %s) AS series(i) WHERE id = %s",
            [number, template.pk],
        )
        for definition in definitions:
            name = definition.split(" INDEX ")[1].split(" ")[0]
            cursor.execute(definition.replace(f" INDEX {name} ", f" INDEX IF NOT EXISTS {name} "))
        cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        cursor.execute("RESET session_replication_role")
    execute(f"VACUUM ANALYZE {table}")


def execute(sql: str, *parameters: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
