"""Many processes at once, on whichever database the suite runs on."""

import os
import random
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from dbconnections import tickets
from dbconnections.delivery import deliver_due
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from dbconnections.transactions import Busy
from tests.factories import MailedTicketFactory, ResetTicketFactory
from tests.support import processes
from tests.support.mail import send_through

pytestmark = pytest.mark.django_db(transaction=True)

MAIL_END = b"\n" + b"-" * 79 + b"\n"


@pytest.fixture
def users(request) -> list[User]:
    """As many as a test asks for, 200 unless told."""
    password = make_password("old-tractor-violin-41")
    names = [f"person{number}" for number in range(getattr(request, "param", 200))]
    User.objects.bulk_create(
        User(username=name, email=f"{name}@example.com", password=password) for name in names
    )
    return list(User.objects.all())


def new_tickets(factory, users, app, connection, **fields) -> list[ResetTicket]:
    fields = {"client": app, "connection": connection, **fields}
    return [factory(email=user.email, **fields) for user in users]


# Redeeming. Each of these functions runs in every process.


def redeem(ticket_id: str, password: str) -> bool:
    while True:
        try:
            tickets.redeem(UUID(ticket_id), password=Secret(password))
        except tickets.TicketRefused:
            return False
        except Busy:
            continue
        return True


def redeem_naively(ticket_id: str, password: str) -> bool:
    """Read, check, write: what `redeem` must not be."""
    try:
        ticket = ResetTicket.objects.get(pk=ticket_id)
        if ticket.used_at:
            return False
        user = User.objects.get(pk=ticket.account)
        user.set_password(password)
        user.save()
        ticket.used_at = timezone.now()
        ticket.save()
    except OperationalError:
        return False
    return True


def redeem_all(ticket_ids: list[str], how: str) -> int:
    redeem_one = {"redeem": redeem, "naively": redeem_naively}[how]
    # In the same order for all of them, so that they meet.
    random.Random(0).shuffle(ticket_ids)
    return sum(redeem_one(ticket_id, "fresh-kettle-88") for ticket_id in ticket_ids)


def redeem_with_own_password(ticket_ids: list[str]) -> str | None:
    """Return the password this process chose if it was the one to set it."""
    password = f"fresh-kettle-{random.SystemRandom().randrange(10**9)}"
    random.SystemRandom().shuffle(ticket_ids)
    redeemed = [redeem(ticket_id, password) for ticket_id in ticket_ids]
    return password if any(redeemed) else None


def ids(tickets: list[ResetTicket]) -> list[str]:
    return [str(ticket.pk) for ticket in tickets]


@pytest.fixture
def mailed(users, app, connection) -> list[ResetTicket]:
    fields = {"client": app, "connection": connection}
    return [MailedTicketFactory(user=user, **fields) for user in users]


def test_each_of_200_tickets_is_redeemed_once_by_16_processes(mailed):
    counts = processes.run(redeem_all, 16, ticket_ids=ids(mailed), how="redeem")
    assert sum(counts) == 200
    assert ResetTicket.objects.filter(used_at__isnull=False).count() == 200


def test_reading_checking_and_writing_would_redeem_tickets_twice(mailed):
    """The same race lost, or the test above would prove nothing."""
    counts = processes.run(redeem_all, 16, ticket_ids=ids(mailed), how="naively")
    assert sum(counts) > 200


@pytest.mark.parametrize("open_tickets", [1, 2])
def test_one_of_16_processes_sets_the_password_of_an_account(jane, app, connection, open_tickets):
    links = [
        MailedTicketFactory(user=jane, client=app, connection=connection)
        for _ in range(open_tickets)
    ]
    results = processes.run(redeem_with_own_password, 16, ticket_ids=ids(links))
    [winner] = filter(None, results)
    jane.refresh_from_db()
    assert check_password(winner, jane.password)
    assert ResetTicket.objects.filter(used_at__isnull=False).count() == 1


# Delivering


def deliver(directory: str, coalesced: bool = True, **settings: Any) -> Counter[str]:
    """Deliver what is due; the mails go to files."""
    from django.conf import settings as django_settings

    # Django names a file by the second and an address in memory, which forked processes share.
    directory = f"{directory}/{os.getpid()}"

    if not coalesced:
        settings["COALESCE_WINDOW"] = timedelta()
    with (
        send_through("django.core.mail.backends.filebased.EmailBackend", file_path=directory),
        override_settings(DBCONNECTIONS=django_settings.DBCONNECTIONS | settings),
    ):
        return deliver_due()


def recipients(directory: Path) -> list[str]:
    mails = [
        message_from_bytes(text)
        for file in directory.glob("*/*.log")
        for text in file.read_bytes().split(MAIL_END)
        if text
    ]
    return [mail["To"] for mail in mails]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("users", [1000], indirect=True)
def test_each_mail_is_sent_once_by_8_workers(users, app, connection, tmp_path):
    new_tickets(ResetTicketFactory, users, app, connection)
    processes.run(deliver, 8, timeout=500, directory=str(tmp_path), DELIVERY_BATCH=5)
    assert sorted(recipients(tmp_path)) == sorted(user.email for user in users)
    assert not ResetTicket.objects.filter(sent_at__isnull=True).exists()
    assert not ResetTicket.objects.filter(due_at__isnull=False).exists(), "none is sent again"


@pytest.mark.parametrize("accounts", [1, 2, 4])
def test_mailbox_gets_no_more_than_its_cap_from_8_workers(app, connection, tmp_path, accounts):
    """Nor does it when several accounts share the mailbox."""
    for number in range(accounts):
        User.objects.create_user(f"jane{number}", "jane@example.com", "old-tractor-violin-41")
    at_once = timezone.now() - timedelta(seconds=10)
    for _ in range(40):
        ResetTicketFactory(
            client=app, connection=connection, email="jane@example.com", requested_at=at_once
        )
    processes.run(deliver, 8, directory=str(tmp_path), coalesced=False, DELIVERY_BATCH=1)
    assert recipients(tmp_path) == ["jane@example.com"] * 3


@pytest.mark.parametrize("accounts", [1, 3])
def test_identical_requests_get_one_mail_from_8_workers(app, connection, tmp_path, accounts):
    """One to each account of the address, and its link works."""
    for number in range(accounts):
        User.objects.create_user(f"jane{number}", "jane@example.com", "old-tractor-violin-41")
    for _ in range(20):
        ResetTicketFactory(client=app, connection=connection, email="jane@example.com")
    outcomes = processes.run(deliver, 8, directory=str(tmp_path), DELIVERY_BATCH=1)
    assert sum(map(Counter, outcomes), Counter()) == {"sent": accounts, "coalesced": 19}
    assert recipients(tmp_path) == ["jane@example.com"] * accounts
    for mailed in ResetTicket.objects.filter(sent_at__isnull=False):
        tickets.redeem(mailed.pk, password=Secret("fresh-kettle-88"))
