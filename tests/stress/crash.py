"""Kill what delivers, and what asks, at any moment, and see that no mail is lost.

Requests go through the endpoint in processes that end by SIGKILL, some of them between the commit
and the wake-up. Workers are killed while they deliver to a mail server that puts off, refuses and
hangs up. Then every mail is accounted for and every link that should work is used.
"""

import os
import random
import signal
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import F
from django.test import Client as Browser
from django.test import override_settings

from dbconnections import delivery, mail, signals, wake_ups
from dbconnections.links import read_token
from dbconnections.management.commands.deliver_reset_emails import Stop
from dbconnections.models import ResetTicket
from tests.stress import journal, support
from tests.support.mail import smtp

WORKERS = 3
WEB_PROCESSES = 2
REQUESTS_PER_WEB_PROCESS = 25

# Many times longer than a lease and the longest pause between two attempts.
STANDSTILL = 120  # seconds

LATER, MISSING, DROP = 0.20, 0.05, 0.03

SETTINGS = {
    # Short, so that what a killed worker had is soon due again; long for any one mail.
    "DELIVERY_LEASE": timedelta(seconds=10),
    "DELIVERY_BATCH": 5,
    "DELIVERY_MAX_DELAY": timedelta(seconds=1),
}


class Record(Protocol):
    """Where it is written down that a mail is to be sent, and how that is worked off."""

    def serve(self) -> None:
        """Prepare a process that takes requests."""

    def work(self) -> None:
        """Deliver until SIGTERM."""

    def is_done(self) -> bool:
        """Say whether nothing is left to do."""


class Outbox:
    """The app as it is: the ticket is the record."""

    def serve(self) -> None:
        django_settings.DBCONNECTIONS = django_settings.DBCONNECTIONS | {"WAKE_UP": "thread"}

    def work(self) -> None:
        support.deliver()

    def is_done(self) -> bool:
        return support.is_outbox_empty()


class Queue:
    """The broken control: a task in a queue is the only record, taken before it is done.

    It is kinder than most: what fails is put back, and nothing but a kill can lose it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def serve(self) -> None:
        signals.reset_requested.connect(self._put_after_commit)

    def _put_after_commit(self, ticket: ResetTicket, **kwargs: object) -> None:
        # Looked up when called, as `wake_ups` does with its own.
        transaction.on_commit(lambda: wake_ups.wake() or self._put(ticket.pk))

    def _put(self, ticket_id: UUID) -> None:
        (self.directory / str(ticket_id)).touch()

    def _take(self) -> UUID | None:
        for task in self.directory.iterdir():
            try:
                task.unlink()
            except FileNotFoundError:
                continue
            return UUID(task.name)
        return None

    def work(self) -> None:
        stop = Stop()
        signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
        mailer = mail.mailer()
        while not stop.is_set():
            ticket_id = self._take()
            if ticket_id is None:
                stop.wait(0.1)
                continue
            claim = uuid4()
            ResetTicket.objects.filter(pk=ticket_id).update(claim=claim)
            if delivery._deliver(ticket_id, claim, mailer) == "retry":
                self._put(ticket_id)

    def is_done(self) -> bool:
        return not any(self.directory.iterdir())


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=1000, help="requests (default: 1000)")
    parser.add_argument(
        "--kills", type=int, default=50, help="delivery workers to kill (default: 50)"
    )
    parser.add_argument(
        "--only", choices=["outbox", "queue"], help="the app, or the broken control, alone"
    )


def run(directory: Path, *, requests: int, kills: int, only: str | None) -> bool:
    holds = True
    for name in [only] if only else ["outbox", "queue"]:
        place = directory / name
        place.mkdir()
        record = Outbox() if name == "outbox" else Queue(place / "tasks")
        title = {"outbox": "The app", "queue": "Broken control: a task queue as the only record"}
        support.empty_site()
        run = Run(place, record, requests, kills)
        run.play()
        figures, failures = run.judge()
        support.show(title[name], figures)
        holds &= support.verdict(failures, control="lost" if name == "queue" else "")
    return holds


class Run:
    """Requests, kills, and the account given of them."""

    def __init__(self, directory: Path, record: Record, requests: int, kills: int) -> None:
        self.journal = directory / "mails"
        self.record = record
        # Of every hundred requests: 10 for nobody, 10 by 5 people who ask twice, 3 that lie until
        # their link would be too old.
        unknown, twice, self.late = requests // 10, requests // 20, requests * 3 // 100
        once = requests - unknown - 2 * twice
        self.known = [f"person{n}@example.com" for n in range(once)]
        double = [f"twice{n}@example.com" for n in range(twice)]
        support.add_people(self.known + double)
        self.asked = [
            *self.known,
            *(double * 2),
            *(f"nobody{n}@example.com" for n in range(unknown)),
        ]
        self.left_lying = self.known[: self.late]
        # Each is at a mail, so each comes.
        progress = range(2, int(0.9 * (once - self.late)))
        self.kills = sorted(random.choices(progress, k=kills))
        self.worker_kills = self.web_kills = 0

    def play(self) -> None:
        start = time.monotonic()
        with (
            support.sink(self.journal, later=LATER, missing=MISSING, drop=DROP) as port,
            smtp(port),
            override_settings(DBCONNECTIONS=django_settings.DBCONNECTIONS | SETTINGS),
        ):
            self._leave_lying()
            self._deliver()
        self.seconds = time.monotonic() - start

    def _leave_lying(self) -> None:
        """Have requests outlive their links before anyone gets to deliver them."""
        for address in self.left_lying:
            self._reap(support.start(self._serve, [address], True))
        # Still due: a process that died before its wake-up leaves exactly this.
        assert ResetTicket.objects.count() == self.late
        ResetTicket.objects.update(
            requested_at=F("requested_at") - timedelta(hours=2),
            expires_at=F("expires_at") - timedelta(hours=2),
        )

    def _deliver(self) -> None:
        rest = self.asked[:]
        for address in self.left_lying:
            rest.remove(address)
        random.shuffle(rest)
        size = REQUESTS_PER_WEB_PROCESS
        batches = [rest[n : n + size] for n in range(0, len(rest), size)]
        webs: list[support.Process] = []
        workers = [support.start(self.record.work) for _ in range(WORKERS)]
        length, moved = 0, time.monotonic()
        try:
            while batches or webs or self.kills or not self.record.is_done():
                if length != (length := journal.length(self.journal)):
                    moved = time.monotonic()
                if time.monotonic() - moved > STANDSTILL:
                    break  # What is left is lost, and is going to be judged so.
                for web in [web for web in webs if not web.is_alive()]:
                    webs.remove(web)
                    self._reap(web)
                while batches and len(webs) < WEB_PROCESSES:
                    webs.append(support.start(self._serve, batches.pop(), len(batches) % 2 == 0))
                if self.kills and journal.length(self.journal) >= self.kills[0]:
                    self.kills.pop(0)
                    self._kill_one_of(workers)
                assert all(worker.is_alive() for worker in workers), "A worker ended by itself."
                time.sleep(0.01)
            for web in webs:
                self._reap(web)
            for worker in workers:
                worker.terminate()
                worker.join()
        finally:
            for process in workers + webs:
                process.kill()

    def _kill_one_of(self, workers: list[support.Process]) -> None:
        chosen = random.randrange(len(workers))
        time.sleep(random.uniform(0, 0.05))
        support.kill(workers[chosen])
        self.worker_kills += 1
        workers[chosen] = support.start(self.record.work)

    def _serve(self, addresses: list[str], dies_before_wake_up: bool) -> None:
        """Be a web process: answer requests, deliver in the background, and be killed."""
        self.record.serve()
        browser = Browser()
        for number, address in enumerate(addresses, start=1):
            if number == len(addresses) and dies_before_wake_up:
                wake_ups.wake = die
            assert support.ask(browser, address).status_code == 200
        time.sleep(random.uniform(0, 0.05))
        die()

    def _reap(self, web: support.Process) -> None:
        web.join()
        # Any other end means that a request was not answered.
        assert web.exitcode == -signal.SIGKILL
        self.web_kills += 1

    def judge(self) -> tuple[dict[str, object], dict[str, str]]:
        """Return figures, and what should not have happened."""
        self.noted = journal.read(self.journal)
        self.mails = [entry for entry in self.noted if "link" in entry]
        tickets = {ticket.pk: ticket for ticket in ResetTicket.objects.whole()}
        self.mailed = {entry["link"]: tickets[ticket_of(entry["link"])] for entry in self.mails}
        fates = Counter(entry["fate"] for entry in self.noted)
        duplicates = len(self.mails) - len(self.mailed)
        kills = self.worker_kills + self.web_kills
        lost, states = self._lost(tickets)
        broken, used, superseded = self._broken_links()
        late = [entry for entry in self.mails if is_late(entry, self.mailed[entry["link"]])]
        failures = {}
        if lost:
            failures["lost"] = f"{len(lost)} requests lost, such as {lost[0]}"
        if duplicates > kills + fates["dropped"]:
            failures["duplicates"] = f"{duplicates} duplicates, more than kills and hang-ups"
        if late:
            failures["late"] = f"{len(late)} mails after the end of their link"
        if broken:
            failures["links"] = f"{len(broken)} mailed links that do not work"
        figures: dict[str, object] = {
            "requests": len(self.asked),
            "workers killed": self.worker_kills,
            "web processes killed": self.web_kills,
            "answers 421": fates["421"],
            "answers 550": fates["550"],
            "hung up after DATA": fates["dropped"],
            "mails accepted": len(self.mails),
            "tickets": ", ".join(f"{state} {number}" for state, number in sorted(states.items())),
            "lost": len(lost),
            "duplicates": f"{duplicates} (at most {kills + fates['dropped']})",
            "mailed too late": f"{len(late)} ({self.late} left lying)",
            "links": f"{used} worked, {superseded} superseded, {len(broken)} broken",
            "seconds": round(self.seconds),
        }
        return figures, failures

    def _lost(self, tickets: dict[UUID, ResetTicket]) -> tuple[list[str], Counter[str]]:
        """Return the requests that did not end as they should."""
        refused = {entry["to"] for entry in self.noted if entry["fate"] == "550"}
        out = {ticket.pk for ticket in self.mailed.values()}

        def gave_reason(ticket: ResetTicket) -> bool:
            return bool(ticket.last_error) and ticket.email in refused.union(self.left_lying)

        ends: dict[str, Callable[[ResetTicket], bool]] = {
            # A worker that died may have had the mail taken; then a refusal closes nothing.
            "sent": lambda ticket: ticket.pk in out or gave_reason(ticket),
            "undeliverable": gave_reason,
            "no_account": lambda ticket: ticket.email.startswith("nobody"),
            "superseded": lambda ticket: ticket.email.startswith("twice"),
            "expired": lambda ticket: ticket.email in self.left_lying,
        }
        missing = Counter(self.asked)
        missing.subtract(ticket.email for ticket in tickets.values())
        lost = [f"{address} without a ticket" for address in missing.elements()]
        for ticket in tickets.values():
            ended = ends.get(ticket.current_state)
            if ended is None or not ended(ticket):
                lost.append(f"{ticket.email}, {ticket.current_state}")
        return lost, Counter(ticket.current_state for ticket in tickets.values())

    def _broken_links(self) -> tuple[list[str], int, int]:
        """Use every mailed link; return those that fail, and how many worked or are superseded."""
        newest: dict[str, datetime] = {}
        for ticket in self.mailed.values():
            newest[ticket.account] = max(
                ticket.requested_at, newest.get(ticket.account, ticket.requested_at)
            )
        # SQLite's clock tells milliseconds: of several that are newest one has to stay.
        stayed = {
            ticket.account
            for ticket in self.mailed.values()
            if ticket.requested_at == newest[ticket.account] and not ticket.superseded_at
        }
        due = {}
        superseded = 0
        for link, ticket in self.mailed.items():
            is_older = ticket.requested_at < newest[ticket.account]
            if ticket.superseded_at and (is_older or ticket.account in stayed):
                superseded += 1
            else:
                due[link] = ticket
        broken = [link for link in due if not support.works(link)]
        return broken, len(due) - len(broken), superseded


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ticket_of(link: str) -> UUID:
    ticket_id = read_token(link.rpartition("/")[2])
    assert ticket_id
    return ticket_id


def is_late(entry: dict[str, Any], ticket: ResetTicket) -> bool:
    return bool(entry["at"] > ticket.expires_at.timestamp())
