"""What the stress commands share: a database, processes that may be killed, a journal, a table."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command
from django.db import connections
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import setup_databases, teardown_databases

from dbconnections.models import ResetTicket
from tests.factories import PASSWORD, ClientFactory, ConnectionFactory
from tests.stress.journal import write
from tests.support.mail import link_in
from tests.support.pages import submit
from tests.support.processes import ROOT

URL = "/dbconnections/change_password"
CONNECTION = "Username-Password-Authentication"
NEW_PASSWORD = "fresh-kettle-88"

# What is broken shows sooner.
CONTROL_POSTS = 500

Process = multiprocessing.process.BaseProcess


@contextmanager
def database() -> Iterator[None]:
    """Make a database, and remove it afterwards."""
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        connections.close_all()
        teardown_databases(databases, verbosity=0)


def empty_site() -> None:
    """Empty the database but for one client and one connection."""
    call_command("flush", interactive=False, verbosity=0)
    ConnectionFactory(name=CONNECTION, clients=[ClientFactory(client_id="demo")])


def add_people(addresses: Sequence[str], prefix: str = "", **fields: Any) -> None:
    """Make an account for each address; ``prefix`` tells the usernames from others."""
    fields = {"password": make_password(PASSWORD)} | fields
    User.objects.bulk_create(
        User(username=prefix + address, email=address, **fields) for address in addresses
    )


def ask(browser: Browser, address: str, **extra: Any) -> HttpResponse:
    """Ask for a reset, as a front end does."""
    fields = {"client_id": "demo", "connection": CONNECTION, "email": address}
    response: HttpResponse = browser.post(URL, fields, content_type="application/json", **extra)
    return response


def works(link: str) -> bool:
    """Say whether a mailed link leads to a new password, by choosing one."""
    browser = Browser()
    page: Any = browser.get(link, follow=True, secure=True, headers={"host": "login.example.com"})
    if page.status_code != 200 or "new_password1" not in page.text:
        return False
    passwords = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    return submit(browser, page, action="set", **passwords).status_code == 302


def start(function: Callable[..., object], *arguments: Any) -> Process:
    """Run a function in a process forked from this one, which has no threads."""
    # A connection must not be shared with a child.
    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=_begin, args=(function, arguments))
    process.start()
    return process


def _begin(function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    random.seed()  # or every child would roll the same dice
    function(*arguments)


def deliver(interval: float = 0.1) -> None:
    """Be a delivery worker until SIGTERM."""
    with open(os.devnull, "w") as nowhere:
        call_command("deliver_reset_emails", loop=True, interval=interval, stdout=nowhere)


def is_outbox_empty() -> bool:
    """Say whether no ticket is due, now or later."""
    return not ResetTicket.objects.filter(due_at__isnull=False).exists()


def kill(process: Process) -> None:
    """Kill a process as a machine that loses its power does."""
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@contextmanager
def sink(journal: Path, **odds: float) -> Iterator[int]:
    """Run a mail server in a process of its own; yield its port. ``odds`` are those of `sink`."""
    options = [f"--{name}={share}" for name, share in odds.items()]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.stress.sink", str(journal), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


class JournalBackend(BaseEmailBackend):
    """Notes each mail in the file named by ``MAIL_JOURNAL``."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            write(Path(os.environ["MAIL_JOURNAL"]), to=message.to[0], link=link_in(message))
        return len(messages)


def show(title: str, figures: dict[str, object]) -> None:
    """Print figures as a table."""
    width = max(len(label) for label in figures)
    lines = [f"{label:{width}}  {value}" for label, value in figures.items()]
    print(f"\n{title}", *lines, sep="\n", flush=True)  # noqa: T201


def verdict(failures: dict[str, str], *, control: str = "") -> bool:
    """Print what does not hold; say whether that is as it should be.

    Each failure has the name of what failed; ``control`` is the one that a broken control must
    fail.
    """
    for failure in failures.values():
        print(f"{'caught' if control else 'FAILED'}: {failure}")  # noqa: T201
    if control and control not in failures:
        print("FAILED: the broken control was not caught")  # noqa: T201
    return control in failures if control else not failures
