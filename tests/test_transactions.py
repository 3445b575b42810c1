"""Transactions that change tickets say that they will write, and are tried again."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.test.utils import CaptureQueriesContext

from dbconnections.models import ResetTicket
from dbconnections.transactions import Busy, database, retrying, writing
from tests.factories import ResetTicketFactory

pytestmark = pytest.mark.django_db(transaction=True)


class GivesUp:
    """A change that the database gives up some times before it lets it happen."""

    def __init__(self, times: int, error: type[Exception] = OperationalError) -> None:
        self.times = times
        self.error = error
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error
        return "changed"


@pytest.fixture(autouse=True)
def pauses(monkeypatch) -> list[float]:
    """Wait for nothing; return for how long it would have been, in seconds."""
    pauses: list[float] = []
    monkeypatch.setattr("dbconnections.transactions.time.sleep", pauses.append)
    return pauses


class TicketsElsewhere:
    """A router with a database of its own for what is written."""

    def db_for_write(self, model, **hints):
        return "tickets" if model is ResetTicket else None


def test_tickets_are_written_where_the_router_says(settings):
    assert database() == "default"
    settings.DATABASE_ROUTERS = [TicketsElsewhere()]
    assert database() == "tickets"


def test_transaction_that_will_write_says_so_to_sqlite_at_once(monkeypatch):
    """As a site without settings of its own for SQLite needs it."""
    connection = connections["default"]
    connection.ensure_connection()
    is_sqlite = connection.vendor == "sqlite"
    if is_sqlite:
        monkeypatch.setattr(connection, "transaction_mode", None)
    with CaptureQueriesContext(connection) as captured, writing():
        list(ResetTicket.objects.all())
    begun = [query["sql"] for query in captured if query["sql"].startswith("BEGIN")]
    assert ("BEGIN IMMEDIATE" in begun) == is_sqlite
    assert not is_sqlite or connection.transaction_mode is None


def test_transaction_that_fails_leaves_nothing_and_no_mode(monkeypatch):
    connection = connections["default"]
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        monkeypatch.setattr(connection, "transaction_mode", None)
    with suppress(RuntimeError), writing():
        ResetTicketFactory()
        raise RuntimeError
    assert not ResetTicket.objects.exists()
    assert getattr(connection, "transaction_mode", None) is None


@pytest.mark.parametrize("times", [0, 1, 2])
def test_change_is_tried_three_times(times, pauses):
    change = GivesUp(times)
    assert retrying(change) == "changed"
    assert (change.tries, len(pauses)) == (times + 1, times)


def test_after_the_third_time_it_is_busy_and_says_why():
    change = GivesUp(3)
    with pytest.raises(Busy) as caught:
        retrying(change)
    assert change.tries == 3
    assert isinstance(caught.value.__cause__, OperationalError)
    assert str(caught.value) == "The database failed or could not decide in time."


@pytest.mark.parametrize("attempts", [1, 5])
def test_caller_may_say_how_often(attempts):
    change = GivesUp(9)
    with pytest.raises(Busy):
        retrying(change, attempts=attempts)
    assert change.tries == attempts


def test_change_within_a_foreign_transaction_is_tried_once(pauses):
    change = GivesUp(1)
    with transaction.atomic(), pytest.raises(Busy):
        retrying(change)
    assert (change.tries, pauses) == (1, [])


def test_what_is_no_matter_of_time_is_not_tried_again():
    change = GivesUp(1, IntegrityError)
    with pytest.raises(IntegrityError):
        retrying(change)
    assert change.tries == 1


def test_pauses_are_short_differ_and_grow(pauses):
    """Those that collided would otherwise collide again."""
    for _ in range(20):
        retrying(GivesUp(2))
    first, second = pauses[::2], pauses[1::2]
    assert all(0.01 <= pause <= 0.05 for pause in first)
    assert all(0.02 <= pause <= 0.1 for pause in second)
    assert max(second) > max(first)
    assert len(set(pauses)) == 40
