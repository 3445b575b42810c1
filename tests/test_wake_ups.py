"""Whoever delivers is woken once what is due is committed, and never instead of it."""

import logging

import pytest
from django.core import mail
from django.db import transaction

from dbconnections import delivery, tickets
from dbconnections.delivery import deliver_due
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def request_reset(jane, app, connection):
    request = tickets.ResetRequest(client=app, connection=connection, email=jane.email)
    return lambda: tickets.issue(request)


@pytest.fixture
def wakings(settings, monkeypatch) -> list[bool]:
    """Have a thread wanted; return whether each time it was woken the ticket was there."""
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"WAKE_UP": "thread"}
    wakings: list[bool] = []

    def wake() -> None:
        is_within = transaction.get_connection().in_atomic_block
        wakings.append(ResetTicket.objects.exists() and not is_within)

    monkeypatch.setattr(delivery.delivery_thread, "wake", wake)
    return wakings


def test_request_wakes_after_its_commit(wakings, request_reset):
    with transaction.atomic():
        request_reset()
        assert wakings == []
    assert wakings == [True]


def test_request_rolled_back_wakes_nobody(wakings, request_reset):
    with transaction.atomic():
        request_reset()
        transaction.set_rollback(True)
    assert wakings == []


def test_change_wakes_too(wakings, request_reset):
    ticket = request_reset()
    deliver_due()
    tickets.redeem(ticket.pk, password=Secret("fresh-kettle-88"))
    assert wakings == [True, True]


def test_site_may_leave_delivery_to_the_command(wakings, request_reset, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"WAKE_UP": "none"}
    request_reset()
    assert wakings == []
    assert mail.outbox == []
    assert deliver_due() == {"sent": 1}


def test_wake_up_that_fails_is_told_to_our_own_log(
    request_reset, settings, monkeypatch, caplog, jane
):
    def fail() -> None:
        raise RuntimeError(jane.email)

    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"WAKE_UP": "thread"}
    monkeypatch.setattr(delivery.delivery_thread, "wake", fail)
    assert request_reset().pk
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.name, record.getMessage()) == (
        "dbconnections",
        "Nobody was woken to deliver: RuntimeError.",
    )
    assert jane.email not in str(vars(record))
