"""What opening a link and redeeming it cost, the site's hasher apart.

    python -m benchmarks.steps           # on SQLite and PostgreSQL, as it comes and planning once
    python -m benchmarks.steps --write   # into docs/benchmarks.md

Requests go straight into the site's WSGI application. The hasher is one that takes no time. The
floor's request (`benchmarks.sites.floor`) is asked for each person, too, in the same process.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import VENDORS, Target, judgement
from benchmarks.report import said_now, show, write
from benchmarks.runner import ROOT, alone
from benchmarks.sites import CSRF, SITES, environ

# Vendor, and variables of the process.
CASES: dict[str, tuple[str, dict[str, str]]] = {
    **{label: (vendor, {}) for vendor, label in VENDORS.items()},
    "PostgreSQL that plans statements once": ("postgresql", {"BENCHMARK_PREPARED": "1"}),
}

PAGE = "/dbconnections/reset/"
PASSWORD = "Wandering-Fjord-42"  # noqa: S105

FLOOR = "floor"
FOLLOWING, OPENING, SETTING = "following the link", "opening the page", "setting the password"

# What is aimed at; of time, where the password is set.
MOST_STATEMENTS = {FOLLOWING: 0, OPENING: 3, SETTING: 8}
MOST_MS = 3


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        show(json.dumps(walk(options.people)))
        return
    lines = [
        "| | statements | median, ms (p95) | CPU median, ms | × floor |",
        "|---|---|---|---|---|",
    ]
    judged = []
    for label, (vendor, variables) in CASES.items():
        steps = measure(vendor, options.people, **variables)
        floor = statistics.median(steps[FLOOR]["wall"])
        for step, found in steps.items():
            median = statistics.median(found["wall"])
            p95 = statistics.quantiles(found["wall"], n=20)[-1]
            statements = " or ".join(map(str, found["statements"]))
            lines.append(
                f"| {label}, {step} | {statements} | {median:.2f} ({p95:.2f}) "
                f"| {statistics.median(found['cpu']):.2f} | {median / floor:.2f} |"
            )
            if step == FLOOR:
                continue
            where = f"{step}; {label}"
            most = MOST_STATEMENTS[step]
            is_met = max(found["statements"]) <= most
            judged.append(Target(f"at most {most} statements: {where}", statements, is_met))
            if step == SETTING:
                is_met = median < MOST_MS
                judged.append(Target(f"under {MOST_MS} ms: {where}", f"{median:.2f} ms", is_met))
    text = "\n".join([*lines, "", judgement(judged), "", said_now(["ours"])])
    show(text)
    if options.write:
        write(ROOT / "docs/benchmarks.md", text, "steps")


def measure(vendor: str, people: int, **variables: str) -> dict[str, Any]:
    """Have a process with these variables walk people through; return what each step took."""
    settings = "benchmarks.sites.ours.settings_unhashed"
    with tempfile.TemporaryDirectory() as directory:
        found: dict[str, Any] = alone(
            "steps", vendor, Path(directory), settings, "--people", str(people), **variables
        )
        return found


def walk(people: int) -> dict[str, Any]:
    """Have as many people follow their link, see the page and set a password.

    Return the times of each step and of the floor, in milliseconds, and its numbers of statements.
    """
    import django

    django.setup()
    from django.db import connection

    from benchmarks.sites.floor.models import Application
    from benchmarks.worker import Worker
    from dbconnections import links
    from dbconnections.models import ResetTicket

    worker = Worker(SITES["ours"])
    worker.prepare(people + 100)
    worker.batch(people)
    steps: dict[str, Any] = {
        step: {"wall": [], "cpu": [], "statements": set()} for step in (FLOOR, *MOST_STATEMENTS)
    }
    Application.objects.create(client_id="app")
    sent = ResetTicket.objects.filter(sent_at__isnull=False).values_list("pk", flat=True)
    for number, ticket_id in enumerate(list(sent)):
        cookie = links.make_token(ticket_id, links.OPENED)
        fields = {
            "csrfmiddlewaretoken": CSRF,
            "ticket": links.make_token(ticket_id, links.SHOWN),
            "new_password1": PASSWORD,
            "new_password2": PASSWORD,
        }
        asked = {
            FLOOR: (environ(SITES["floor"], f"user{number}@example.com", "10.1.0.1"), 200),
            FOLLOWING: (page_request(links.mailed_url(ticket_id), None, cookie, number), 302),
            OPENING: (page_request(PAGE, None, cookie, number), 200),
            SETTING: (page_request(PAGE, fields, cookie, number), 302),
        }
        for step, (request, status) in asked.items():
            seen: list[str] = []

            def note(execute: Any, sql: str, *rest: Any, seen: list[str] = seen) -> Any:
                seen.append(sql.split(None, 1)[0].upper())
                return execute(sql, *rest)

            with connection.execute_wrapper(note):
                wall, cpu, answered = timed(worker.application, request)
            assert answered == status, (step, answered)
            if number < 20:
                continue  # warming up
            steps[step]["wall"].append(wall)
            steps[step]["cpu"].append(cpu)
            control = {"BEGIN", "SAVEPOINT", "RELEASE"}
            steps[step]["statements"].add(sum(verb not in control for verb in seen))
    for found in steps.values():
        found["statements"] = sorted(found["statements"])
    return steps


def page_request(
    address: str, fields: dict[str, str] | None, cookie: str, number: int
) -> dict[str, Any]:
    """Return a browser's request for a page as a WSGI server hands it on."""
    from io import BytesIO
    from urllib.parse import urlencode, urlsplit

    content = urlencode(fields).encode() if fields else b""
    return {
        "REQUEST_METHOD": "POST" if fields else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": urlsplit(address).path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": f"10.1.{number >> 8}.{number & 255}",
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": f"csrftoken={CSRF}; dbconnections_reset_token={cookie}",
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if fields else "",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def timed(application: Any, request: dict[str, Any]) -> tuple[float, float, int]:
    """Return wall and CPU milliseconds of a request, and its status."""
    status: list[str] = []
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    answer = application(request, lambda line, headers: status.append(line))
    b"".join(answer)
    answer.close()
    cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
    return wall / 1e6, cpu / 1e6, int(status[0].split()[0])


if __name__ == "__main__":
    main()
