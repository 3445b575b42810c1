"""How many mails a worker delivers a second.

    python -m benchmarks.sending           # SQLite and PostgreSQL
    python -m benchmarks.sending --write   # into docs/benchmarks.md

`deliver_due` sends to a mail server on this machine that takes 0 or 30 ms for a mail, and as long
to greet whoever connects, which is what reusing a connection saves.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks import databases
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT, alone
from benchmarks.sites import SITES
from benchmarks.smtp import sink

PORT = 8645
BACKENDS = {
    "one connection a batch": "django.core.mail.backends.smtp.EmailBackend",
    "one connection a mail": "benchmarks.mail.ConnectingBackend",
}


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sending", description=__doc__)
    parser.add_argument("--mails", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        show(json.dumps(deliver(options.mails)))
        return
    lines = [
        "| | mail server | mails/s | connections | CPU of the worker a mail, ms |",
        "|---|---|---|---|---|",
    ]
    for vendor in ("sqlite", "postgresql"):
        for delay in (0.0, 0.03):
            for name, backend in BACKENDS.items():
                found = measure(vendor, delay, backend, options.mails)
                lines.append(
                    f"| {vendor}, {name} | {delay * 1000:.0f} ms | {found['rate']:.0f} "
                    f"| {found['connections']:.0f} | {found['cpu']:.1f} |"
                )
    text = "\n".join([*lines, "", said_now(["ours"])])
    show(text)
    if options.write:
        write(ROOT / "docs/benchmarks.md", text, "sending")


def measure(vendor: str, delay: float, backend: str, mails: int) -> dict[str, float]:
    """Have a process deliver mails; return how it went."""
    with tempfile.TemporaryDirectory() as directory, sink(PORT, delay, delay) as server:
        found: dict[str, float] = alone(
            "sending",
            vendor,
            Path(directory),
            SITES["ours"].settings_module,
            *("--mails", str(mails)),
            BENCHMARK_SMTP=str(PORT),
            BENCHMARK_EMAIL_BACKEND=backend,
        )
        assert server.mails == mails, f"{server.mails} of {mails} mails arrived"
        return found | {"connections": server.connections}


def deliver(mails: int) -> dict[str, float]:
    """Issue tickets for as many users and deliver them; this is what the process does."""
    import django

    django.setup()
    from benchmarks.worker import Worker
    from dbconnections import delivery, tickets
    from dbconnections.models import Client, Connection

    Worker(SITES["ours"])  # which migrates, and makes an application that asks
    databases.add_users(1, mails)
    client, connection = Client.objects.get(), Connection.objects.get()
    for number in range(1, mails + 1):
        tickets.issue(
            tickets.ResetRequest(
                client=client, connection=connection, email=f"user{number}@example.com"
            )
        )
    wall, cpu = time.perf_counter(), time.process_time()
    outcomes = delivery.deliver_due()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert outcomes["sent"] == mails, outcomes
    return {"rate": mails / wall, "cpu": cpu / mails * 1000}


if __name__ == "__main__":
    main()
