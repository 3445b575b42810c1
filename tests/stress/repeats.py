"""Send one request 20 times within the window, and see that it leads to one mail, which works.

Four processes send while two workers deliver, and once more when all is delivered.
"""

import os
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path

from django.conf import settings as django_settings
from django.test import Client as Browser
from django.test import override_settings

from dbconnections.delivery import deliver_due
from tests.stress import journal, support
from tests.support.mail import send_through
from tests.support.time import wait_until

POSTS = 20
PROCESSES = 4
WORKERS = 2

ADDRESS = "jane@example.com"

VARIANTS = {
    "app": ("The app", timedelta(hours=1)),
    "separate": ("Broken control: each request is taken by itself", timedelta(0)),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--only", choices=VARIANTS, help="the app, or the broken control, alone")


def run(directory: Path, *, only: str | None) -> bool:
    holds = True
    for variant in [only] if only else VARIANTS:
        title, window = VARIANTS[variant]
        support.empty_site()
        support.add_people([ADDRESS])
        settings = {"COALESCE_WINDOW": window, "MAIL_CAPS": []}
        with override_settings(DBCONNECTIONS=django_settings.DBCONNECTIONS | settings):
            links = [entry["link"] for entry in repeat(directory / variant)]
        failures = {}
        if len(links) != 1:
            failures["mails"] = f"{len(links)} mails for {POSTS} identical posts"
        working = bool(links) and support.works(links[-1])
        if not working:
            failures["link"] = "the last link does not work"
        support.show(
            title, {"identical posts": POSTS, "mails": len(links), "the link works": working}
        )
        holds &= support.verdict(failures, control="mails" if variant == "separate" else "")
    return holds


def repeat(mails: Path) -> list[dict[str, str]]:
    """Send the request, deliver, and return what was mailed."""
    os.environ["MAIL_JOURNAL"] = str(mails)
    with send_through("tests.stress.support.JournalBackend"):
        workers = [support.start(support.deliver) for _ in range(WORKERS)]
        # One post is kept for when the others are delivered.
        shares = [len(range(number, POSTS - 1, PROCESSES)) for number in range(PROCESSES)]
        callers = [support.start(ask, share) for share in shares]
        for caller in callers:
            caller.join()
            assert caller.exitcode == 0
        # A worker that is stopped holds what it has not sent until its lease ends.
        wait_until(support.is_outbox_empty, "Not everything is delivered.")
        for worker in workers:
            worker.terminate()
            worker.join()
        ask(1)
        deliver_due()
    return journal.read(mails)


def ask(times: int) -> None:
    """Be one of those who send the request."""
    browser = Browser()
    for _ in range(times):
        assert support.ask(browser, ADDRESS).status_code == 200
