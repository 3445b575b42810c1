"""Whole servers under load: gunicorn, PostgreSQL and a mail server that takes 30 ms.

    python -m benchmarks.load                 # five minutes for each row; needs wrk
    python -m benchmarks.load --seconds 20    # less
    python -m benchmarks.load --write         # into docs/benchmarks.md

`wrk` asks over four connections, as fast as it is answered, half for users and half for strangers,
each time from another address. Server, database, mail server and client share the machine.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import databases
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT, Process
from benchmarks.sites import SITES, Site
from benchmarks.smtp import sink

USERS = 10_000
MAIL_SECONDS = 0.03
PORT, MAIL_PORT = 8643, 8644

# Name of the site, and what sends its mails beside the server: arguments of `django-admin`.
ROWS: list[tuple[str, list[str]]] = [
    ("ours-thread", []),
    ("ours", ["deliver_reset_emails", "--loop", "--interval", "1"]),
    ("ours-task", ["db_worker", "--interval", "0.2"]),
    ("allauth-link", []),
    ("djoser", []),
]

# wrk asks with this; percentiles are printed by `done`, in microseconds.
SCRIPT = """
local number = 0
local before, after = %(before)s, %(after)s
wrk.method = "POST"
%(headers)s
function request()
    number = number + 1
    local name = "user"
    if number %% 2 == 0 then name = "nobody" end
    local email = name .. (number * 1000003 %% %(users)d + 1) .. "@example.com"
    wrk.headers["X-Forwarded-For"] = "10." .. (math.floor(number / 65536) %% 256) .. "."
        .. (math.floor(number / 256) %% 256) .. "." .. (number %% 256)
    return wrk.format(nil, "%(path)s", nil, before .. email .. after)
end
function done(summary, latency, requests)
    local failed = summary.errors.connect + summary.errors.read + summary.errors.write
        + summary.errors.status + summary.errors.timeout
    io.write(string.format("{\\"requests\\": %%d, \\"microseconds\\": %%d, \\"failed\\": %%d, "
        .. "\\"p50\\": %%d, \\"p99\\": %%d}\\n", summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(99)))
end
"""


def main() -> None:
    """Measure each row, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="of load for each row")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    databases.require_autovacuum()
    lines = [
        f"| {options.seconds} s each | workers | requests/s | p50, ms | p99, ms | p99 / p50 "
        "| mails/s | failed | memory at start, MB | at end |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, command in ROWS:
        with tempfile.TemporaryDirectory() as directory:
            address = databases.url("postgresql", f"load-{name}", Path(directory))
            try:
                fill(name, address)
                for workers in (2, 1):
                    line = measure(SITES[name], address, workers, command, options.seconds)
                    sys.stderr.write(line + "\n")
                    lines.append(line)
            finally:
                databases.drop(address)
    text = "\n".join([*lines, "", said_now([name for name, _command in ROWS])])
    show(text)
    if options.write:
        write(ROOT / "docs/benchmarks.md", text, "load")


def fill(name: str, address: str) -> None:
    """Make tables and users."""
    process = Process(name, address)
    # Not settled: what is asked meanwhile is for a worker that is not there yet.
    process.ask("prepare", users=USERS, settle=False)
    process.end()


def measure(site: Site, address: str, workers: int, command: list[str], seconds: int) -> str:
    """Put one server under load; return its row."""
    environment = os.environ | {
        "BENCHMARK_DATABASE": address,
        "BENCHMARK_SMTP": str(MAIL_PORT),
        "DJANGO_SETTINGS_MODULE": site.settings_module,
    }
    # Or a server of an earlier run would be measured.
    socket.create_server(("127.0.0.1", PORT)).close()
    with ExitStack() as stack:
        mails = stack.enter_context(sink(MAIL_PORT, MAIL_SECONDS))
        server = stack.enter_context(
            started(
                "gunicorn",
                *("--workers", str(workers), "--bind", f"127.0.0.1:{PORT}"),
                *("--log-level", "error", "benchmarks.wsgi"),
                environment=environment,
            )
        )
        await_port(PORT)
        if command:
            stack.enter_context(started("django", *command, environment=environment))
        run_wrk(site, 2)
        before, sent = memory(server.pid), mails.mails
        result = run_wrk(site, seconds)
        sent = mails.mails - sent
        after = memory(server.pid)
    p50, p99 = result["p50"] / 1000, result["p99"] / 1000
    rate = result["requests"] / result["microseconds"] * 1e6
    return (
        f"| {site.label} | {workers} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {p99 / p50:.1f} "
        f"| {sent / seconds:.0f} | {result['failed']} | {before:.0f} | {after:.0f} |"
    )


def run_wrk(site: Site, seconds: int) -> dict[str, int]:
    """Ask for so many seconds; return what wrk says."""
    headers, body = site.request("@ADDRESS@")
    before, after = body.decode().split("@ADDRESS@")
    script = SCRIPT % {
        "before": json.dumps(before),
        "after": json.dumps(after),
        "headers": "\n".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
            for name, value in headers.items()
        ),
        "users": USERS,
        "path": site.path,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        output = subprocess.run(
            [
                *("wrk", "--threads", "1", "--connections", "4", "--timeout", "30s"),
                *("--duration", f"{seconds}s", "--script", file.name, f"http://127.0.0.1:{PORT}"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found = re.search(r"^\{.*\}$", output, re.MULTILINE)
    assert found, output
    result: dict[str, int] = json.loads(found[0])
    return result


@contextmanager
def started(
    module: str, *arguments: str, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of Python for as long as the context lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_port(port: int) -> None:
    """Wait until something listens."""
    for _try in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"Nothing listens on port {port}.")


def memory(pid: int) -> float:
    """Return what a process and its children hold in megabytes, shared pages counted once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for process in (str(pid), *children):
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M)
        total += int(found[1]) if found else 0
    return total / 1024


if __name__ == "__main__":
    main()
