"""The database's clock decides, whatever the web server or the worker takes the time to be."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection as database
from django.utils import timezone

from dbconnections import tickets
from dbconnections.clock import DatabaseNow
from dbconnections.delivery import deliver_due, next_due
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from tests.factories import MailedTicketFactory
from tests.support.time import let_pass

NEW = Secret("fresh-kettle-88")
MINUTE = timedelta(minutes=1)

# What a server's administrator may have set. Django itself sets PostgreSQL's, SQLite has none.
ELSEWHERE = {"mysql": ("SET time_zone = '+09:00'", "SET time_zone = DEFAULT")}


@pytest.fixture(params=[-1, 0, 1], ids=["an hour slow", "right", "an hour fast"])
def app_clock(request, monkeypatch) -> timedelta:
    """Have Python's clock differ from the database's."""
    shift = timedelta(hours=request.param)
    now, seconds = timezone.now, time.time
    monkeypatch.setattr(timezone, "now", lambda: now() + shift)
    monkeypatch.setattr(time, "time", lambda: seconds() + shift.total_seconds())
    assert abs(timezone.now() - datetime.now(UTC) - shift) < MINUTE
    return shift


@contextmanager
def session_elsewhere():
    begin, end = ELSEWHERE.get(database.vendor, ("SELECT 1", "SELECT 1"))
    with database.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute(end)


def database_now() -> datetime:
    return ResetTicket.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]


@pytest.fixture
def ticket(jane, app, connection) -> ResetTicket:
    """A ticket mailed 30 minutes ago, by the database's clock, with 30 to go."""
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    now = datetime.now(UTC)
    times = {"requested_at": now - 30 * MINUTE, "expires_at": now + 30 * MINUTE}
    ResetTicket.objects.update(**times, sent_at=now - 30 * MINUTE)
    return ticket


def test_database_and_python_agree_on_the_time(ticket):
    assert abs(database_now() - datetime.now(UTC)) < timedelta(seconds=2)


def test_time_zone_of_the_session_does_not_matter(ticket):
    with session_elsewhere():
        assert abs(database_now() - datetime.now(UTC)) < timedelta(seconds=2)
        tickets.redeem(ticket.pk, password=NEW)
        ticket.refresh_from_db()
        assert abs(ticket.used_at - datetime.now(UTC)) < timedelta(seconds=2)


def test_stored_times_are_the_databases(ticket):
    ResetTicket.objects.update(requested_at=DatabaseNow() + timedelta(hours=1))
    ticket.refresh_from_db()
    ahead = ticket.requested_at - datetime.now(UTC)
    assert abs(ahead - timedelta(hours=1)) < timedelta(seconds=2)


def test_link_that_lives_is_redeemed(app_clock, ticket):
    tickets.redeem(ticket.pk, password=NEW)


def test_link_that_has_expired_is_refused(app_clock, ticket):
    let_pass(31 * MINUTE)
    with pytest.raises(tickets.TicketRefused, match="expired"):
        tickets.redeem(ticket.pk, password=NEW)


def test_issued_ticket_is_dated_delivered_and_expires_by_the_database(
    app_clock, jane, app, connection
):
    request = tickets.ResetRequest(
        client=app, connection=connection, email=jane.email, password=NEW
    )
    ticket = tickets.issue(request)
    assert abs(ticket.requested_at - database_now()) < MINUTE
    assert next_due() == timedelta()
    assert deliver_due() == {"sent": 1}
    assert 59 * MINUTE < next_due() <= 60 * MINUTE
    ticket.refresh_from_db()
    assert abs(ticket.sent_at - database_now()) < MINUTE


def test_mail_caps_count_by_the_database(app_clock, jane, app, connection, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"COALESCE_WINDOW": timedelta()}
    for outcome in ("sent", "sent", "sent", "suppressed"):
        request = tickets.ResetRequest(client=app, connection=connection, email=jane.email)
        tickets.issue(request)
        assert deliver_due() == {outcome: 1}
    assert len(mail.outbox) == 3
