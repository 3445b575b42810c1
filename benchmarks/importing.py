"""How long it takes to import the users of an export of Auth0, and how much memory.

    python -m benchmarks.importing           # 2,000 and 100,000 users, SQLite and PostgreSQL
    python -m benchmarks.importing --write   # into docs/benchmarks.md

Each import is ``manage.py import_auth0 --apply`` in a process of its own, on an empty database.
"""

import argparse
import json
import resource
import tempfile
import time
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.figures import VENDORS
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT, alone

CONNECTION = "Username-Password-Authentication"
TENANT = f"""
clients:
  - name: Acme
    client_id: app
databases:
  - name: {CONNECTION}
    strategy: auth0
    enabled_clients: [Acme]
"""


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--users", type=int, default=100_000, help="of the larger export")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        show(json.dumps(load(options.worker)))
        return
    lines = [
        "| | users | MB | seconds | CPU of the command, s | memory at most, MB |",
        "|---|---|---|---|---|---|",
    ]
    for vendor, label in VENDORS.items():
        for users in (2_000, options.users):
            found = measure(vendor, users)
            lines.append(
                f"| {label} | {users:,} | {found['size'] / 1e6:.0f} | {found['wall']:.1f} "
                f"| {found['cpu']:.1f} | {found['memory'] * 1024 / 1e6:.0f} |"
            )
    text = "\n".join([*lines, "", said_now(["ours"])])
    show(text)
    if options.write:
        write(ROOT / "docs/benchmarks.md", text, "import")


def measure(vendor: str, users: int) -> dict[str, float]:
    """Have a process import so many users; return how it went."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "tenant.yaml").write_text(TENANT)
        export(directory / "users.ndjson", users)
        settings = "benchmarks.sites.ours.settings_import"
        found: dict[str, float] = alone("importing", vendor, directory, settings, name)
        assert found.pop("users") == users
        return found | {"size": (directory / "users.ndjson").stat().st_size}


def export(path: Path, users: int) -> None:
    """Write an export with as many users as Auth0's support sends it."""
    with path.open("w") as file:
        for number in range(1, users + 1):
            file.write(json.dumps(user(number)) + "\n")


def user(number: int) -> dict[str, Any]:
    """Return a line of the export."""
    return {
        "_id": {"$oid": f"{number:024x}"},
        "email": f"user{number}@example.com",
        "email_verified": True,
        "name": f"User Number {number}",
        # A salt of 22 characters and a hash of 31; nobody verifies it here.
        "passwordHash": f"$2b$10${number:022}{'A' * 31}",
        "password_set_date": {"$date": "2019-12-06T18:36:12.412Z"},
        "tenant": "acme",
        "connection": CONNECTION,
        "_tmp_is_unique": True,
    }


def load(directory: Path) -> dict[str, float]:
    """Run the command; this is what the process does. Memory is in units of 1,024 bytes."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    wall, cpu = time.perf_counter(), time.process_time()
    call_command(
        "import_auth0",
        directory / "tenant.yaml",
        users=directory / "users.ndjson",
        apply=True,
        stdout=StringIO(),
        stderr=StringIO(),
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "users": get_user_model().objects.count(),
        "wall": wall,
        "cpu": cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


if __name__ == "__main__":
    main()
