"""Time requests for addresses with and without an account, and see whether the times tell.

The figure is the AUC: the chance that a random request for a known address took longer than a
random one for an unknown. One half tells nothing. All classes are asked for in one random order,
so whatever else slows the machine slows them alike. `echo` is what somebody hears who asks for an
address while the site is quiet and then times innocent requests, one behind the other.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.test import Client as Browser
from django.test import override_settings

from dbconnections.delivery import delivery_thread, next_due
from dbconnections.models import ResetTicket
from tests.stress import support
from tests.support.mail import smtp
from tests.support.processes import ROOT, database_url
from tests.support.servers import free_port, listens
from tests.support.time import wait_until

ADDRESSES = 100  # of each class
PATIENCE = 1.5  # seconds for which an echo is listened to

CLASSES = ("unknown", "known", "inactive", "sso", "twins")


@dataclass(frozen=True)
class Site:
    """What can be asked of a running site."""

    ask: Callable[[str], None]
    """Ask for a reset."""

    probe: Callable[[], None]
    """Ask for something cheap, with which nothing is to be done later."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--posts", type=int, default=10_000, help="posts for each class (default: 10000)"
    )
    parser.add_argument(
        "--within", type=float, default=0.02, help="largest distance from 0.5 (default: 0.02)"
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        choices=CLASSES[1:],
        default=CLASSES[1:],
        help="what is compared with unknown (default: all)",
    )
    parser.add_argument("--echoes", type=int, default=100, help="pairs for the echo (default: 100)")
    parser.add_argument("--only", choices=SITES, nargs="+", help="some sites alone")


def run(
    directory: Path,
    *,
    posts: int,
    within: float,
    classes: list[str],
    echoes: int,
    only: list[str] | None,
) -> bool:
    holds = True
    for name in only or SITES:
        place = directory / name
        place.mkdir()
        is_control = "naive" in name
        number = min(posts, support.CONTROL_POSTS) if is_control else posts
        support.empty_site()
        add_everybody()
        with ExitStack() as stack:
            port = stack.enter_context(support.sink(place / "mails"))
            site = stack.enter_context(SITES[name](port))
            for address in addresses("unknown")[:20]:
                site.ask(address)
            heard = echo(site, echoes) if echoes and not is_control else "not measured"
            times = measure(site, ["unknown", *classes], number)
            figures: dict[str, object] = {"posts of each class": number}
            failures = {}
            for group in classes:
                value = auc(times["unknown"], times[group])
                figures[f"AUC {group}"] = f"{value:.3f}"
                if abs(value - 0.5) > within:
                    failures[group] = f"{group} differs from unknown: AUC {value:.3f}"
            figures["median"] = f"{median(times['unknown']) / 1e6:.2f} ms unknown, " + ", ".join(
                f"{(median(times[group]) - median(times['unknown'])) / 1e3:+.0f} µs {group}"
                for group in classes
            )
            figures["AUC of the echo"] = heard
        support.show(MEANINGS[name], figures)
        holds &= support.verdict(failures, control="known" if is_control else "")
    return holds


def measure(site: Site, classes: list[str], posts: int) -> dict[str, list[int]]:
    """Ask for every class in one random order; return the times in ns."""
    order = [group for group in classes for _ in range(posts)]
    random.shuffle(order)
    pools = {group: addresses(group) for group in classes}
    times: dict[str, list[int]] = {group: [] for group in classes}
    for group in order:
        address = random.choice(pools[group])
        start = time.perf_counter_ns()
        site.ask(address)
        times[group].append(time.perf_counter_ns() - start)
    return times


def echo(site: Site, pairs: int) -> str:
    """Ask, then time other requests for a while; say how well their times tell what was asked."""
    order = ["known", "unknown"] * pairs
    random.shuffle(order)
    heard: dict[str, list[list[int]]] = {"known": [], "unknown": []}
    for group in order:
        wait_until(is_quiet)
        site.ask(random.choice(addresses(group)))
        laps = []
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            start = time.perf_counter_ns()
            site.probe()
            laps.append(time.perf_counter_ns() - start)
        heard[group].append(laps)
    scores: dict[str, Callable[[list[int]], float]] = {
        "the next request": lambda laps: laps[0],
        "the next ten": lambda laps: sum(laps[:10]),
        "the slowest ten in a row": slowest,
        f"all in {PATIENCE} s": lambda laps: sum(laps) / len(laps),
    }
    values = {
        name: auc(*([score(laps) for laps in heard[group]] for group in ("unknown", "known")))
        for name, score in scores.items()
    }
    return ", ".join(f"{value:.3f} by {name}" for name, value in values.items())


def slowest(laps: list[int], length: int = 10) -> int:
    """Return how long the slowest ``length`` in a row took."""
    return max(sum(laps[n : n + length]) for n in range(max(1, len(laps) - length)))


def is_quiet() -> bool:
    return next_due() is None


def auc(lower: Sequence[float], higher: Sequence[float]) -> float:
    """Return the chance that a random one of ``higher`` exceeds a random one of ``lower``."""
    ranked = sorted(lower)
    wins = sum(bisect_left(ranked, x) + bisect_right(ranked, x) for x in higher)
    return wins / (2 * len(lower) * len(higher))


def median(times: list[int]) -> float:
    return sorted(times)[len(times) // 2]


# Who is asked for


def addresses(group: str) -> list[str]:
    """Return the addresses of a class, all of one length."""
    number = CLASSES.index(group)
    return [f"person{number}{n:03}@example.com" for n in range(ADDRESSES)]


def add_everybody() -> None:
    support.add_people(addresses("known"))
    support.add_people(addresses("inactive"), is_active=False)
    support.add_people(addresses("sso"), password=make_password(None))
    for prefix in ("", "other-"):
        support.add_people(addresses("twins"), prefix)


# Sites to ask


@contextmanager
def server(port: int, kind: str, *, worker: bool = False) -> Iterator[Site]:
    """Run the example site on gunicorn; ask over one connection that is kept."""
    http_port = free_port()
    address = f"127.0.0.1:{http_port}"
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "tests.stress.site",
        "STRESS_SITE": kind,
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        "BASE_URL": f"http://{address}",
        "DBCONNECTIONS_RATE_LIMIT": "0",
        "DEBUG": "off",
        "SECRET_KEY": "stress-only-0123456789abcdefghijklmnopqrstuvwxyz-0123456789",
    }
    gunicorn = ("gunicorn", "example_project.wsgi", "--bind", address)
    options = ("--threads", "4", "--keep-alive", "600", "--no-control-socket")
    commands = [[*gunicorn, *options]]
    if worker:
        commands.append(["django", "deliver_reset_emails", "--loop", "--interval", "0.05"])
    with ExitStack() as stack:
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.callback(process.wait)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
        wait_until(lambda: listens(http_port), "gunicorn does not start.")
        connection = http.client.HTTPConnection(address)
        connection.connect()
        stack.callback(connection.close)

        def ask(email: str) -> None:
            fields = {"client_id": "demo", "connection": support.CONNECTION, "email": email}
            connection.request(
                "POST", support.URL, json.dumps(fields), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            response.read()
            assert response.status == 200

        def probe() -> None:
            connection.request("GET", support.URL)
            response = connection.getresponse()
            response.read()
            assert response.status == 405

        yield Site(ask, probe)


@contextmanager
def in_process(port: int, kind: str, *, worker: bool = False) -> Iterator[Site]:
    """Ask without a server in between, by Django's test client."""
    more = {"ROOT_URLCONF": "tests.stress.naive"} if kind == "naive" else {}
    settings = django_settings.DBCONNECTIONS | {
        "WAKE_UP": "thread" if kind == "thread" else "none",
        "MAIL_CAPS": [],
    }
    with ExitStack() as stack:
        stack.enter_context(smtp(port))
        stack.enter_context(override_settings(DBCONNECTIONS=settings, **more))
        if worker:
            process = support.start(support.deliver, 0.05)
            stack.callback(support.kill, process)
        browser = Browser()

        def ask(email: str) -> None:
            assert support.ask(browser, email).status_code == 200

        def probe() -> None:
            assert browser.get(support.URL).status_code == 405

        yield Site(ask, probe)
        # The thread holds a connection to the database that is about to be removed.
        ResetTicket.objects.update(due_at=None)
        wait_until(lambda: delivery_thread._thread is None)


SITES: dict[str, Callable[[int], AbstractContextManager[Site]]] = {
    "server-thread": partial(server, kind="thread"),
    "server-worker": partial(server, kind="worker", worker=True),
    "server-naive": partial(server, kind="naive"),
    "process-thread": partial(in_process, kind="thread"),
    "process-worker": partial(in_process, kind="worker", worker=True),
    "process-naive": partial(in_process, kind="naive"),
}
MEANINGS = {
    "server-thread": "Example site on gunicorn, default wake-up",
    "server-worker": "Example site on gunicorn, no wake-up, a worker beside it",
    "server-naive": "Broken control on gunicorn: sends in the request",
    "process-thread": "In process, default wake-up",
    "process-worker": "In process, no wake-up, a worker beside it",
    "process-naive": "Broken control in process: sends in the request",
}
