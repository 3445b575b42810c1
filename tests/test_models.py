"""Clients, connections and tickets as they are stored, found and read."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from dbconnections.models import Client, Connection, PasswordHistory, ResetTicket, TicketState
from tests.factories import (
    AllowedOriginFactory,
    ClientFactory,
    ConnectionFactory,
    MailedTicketFactory,
    ResetTicketFactory,
)

pytestmark = pytest.mark.django_db
ORIGIN = "https://app.example.com"


# Clients


def test_client_without_an_id_is_given_one():
    clients = [Client.objects.create(name="Acme") for _ in range(2)]
    ids = {client.client_id for client in clients}
    assert len(ids) == 2
    assert all(len(client_id) == 32 and client_id.isalnum() for client_id in ids)


def test_client_keeps_the_id_it_has():
    client = Client.objects.create(name="Acme", client_id="from-auth0")
    client.name = "Acme Notes"
    client.save()
    assert Client.objects.get().client_id == "from-auth0"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "a b"),
        ("client_id", "../reset"),
        ("client_id", "id\n"),
        ("result_url", "javascript:alert(1)"),
        ("result_url", "http://app.example.com"),
        ("confirmation", "none"),
        ("name", ""),
    ],
)
def test_client_is_validated(field, value):
    client = ClientFactory.build(**{field: value})
    with pytest.raises(ValidationError) as refused:
        client.full_clean()
    assert list(refused.value.message_dict) == [field]


@pytest.fixture
def asked() -> Client:
    """A client with two of three connections, of which one is inactive."""
    client = ClientFactory(client_id="demo")
    ConnectionFactory(name="Users", clients=[client])
    ConnectionFactory(name="Old", clients=[client], is_active=False)
    ConnectionFactory(name="Other")
    AllowedOriginFactory(client=client)
    return client


def test_client_and_connection_are_found_in_one_query(asked, django_assert_num_queries):
    with django_assert_num_queries(1):
        client = Client.objects.asking("demo", "Users", ORIGIN).first()
        assert client == asked
        assert client.asked.name == "Users"
        assert client.asking_origin == ORIGIN


@pytest.mark.parametrize("name", ["Old", "Other", "Missing", ""])
def test_client_is_found_without_a_connection_it_may_not_use(asked, name):
    client = Client.objects.asking("demo", name, ORIGIN).first()
    assert client == asked
    assert getattr(client, "asked", None) is None


@pytest.mark.parametrize("origin", ["", "null", f"{ORIGIN}:444", f"{ORIGIN}.evil.example"])
def test_client_is_found_without_an_origin_it_does_not_allow(asked, origin):
    AllowedOriginFactory(origin="https://other.example.com")
    for asking in (origin, "https://other.example.com"):
        assert Client.objects.asking("demo", "Users", asking).first().asking_origin is None


def test_inactive_client_is_not_found(asked):
    Client.objects.update(is_active=False)
    assert Client.objects.asking("demo", "Users", ORIGIN).first() is None
    assert Client.objects.asking("missing", "Users", ORIGIN).first() is None


def test_origin_is_allowed_once_for_a_client(asked):
    with pytest.raises(IntegrityError), transaction.atomic():
        AllowedOriginFactory(client=asked)
    AllowedOriginFactory(client=ClientFactory())


def test_names_are_shown(asked):
    connection = Connection.objects.get(name="Users")
    ticket = ResetTicketFactory(client=asked, connection=connection, email="jane@example.com")
    things = [asked, connection, asked.allowed_origins.get(), ticket]
    assert list(map(str, things)) == ["Acme Notes", "Users", ORIGIN, "jane@example.com"]


# Connections


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "-Users"),
        ("name", "Us ers"),
        ("name", "../Users"),
        ("ticket_lifetime", timedelta(minutes=5) - timedelta(seconds=1)),
        ("ticket_lifetime", timedelta(days=5, seconds=1)),
    ],
)
def test_connection_is_validated(field, value):
    connection = ConnectionFactory.build(**{field: value})
    with pytest.raises(ValidationError) as refused:
        connection.full_clean()
    assert list(refused.value.message_dict) == [field]


@pytest.mark.parametrize("lifetime", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=5)])
def test_connection_may_have_a_lifetime_of(lifetime):
    ConnectionFactory.build(ticket_lifetime=lifetime).full_clean()


@pytest.mark.parametrize(("strategy", "expected"), [("auth0", True), ("google-oauth2", False)])
def test_connection_is_a_database_by_its_strategy(strategy, expected):
    assert ConnectionFactory.build(strategy=strategy).is_database is expected


# Tickets

LATER = {"used_at": TicketState.USED, "revoked_at": TicketState.REVOKED}
ENDINGS = {
    **LATER,
    "superseded_at": TicketState.SUPERSEDED,
    "no_account_at": TicketState.NO_ACCOUNT,
    "suppressed_at": TicketState.SUPPRESSED,
    "undeliverable_at": TicketState.UNDELIVERABLE,
}
PROGRESS = {"sent_at": TicketState.SENT, "opened_at": TicketState.OPENED}


def state(ticket: ResetTicket) -> str:
    return ResetTicket.objects.with_state().get(pk=ticket.pk).current_state


def is_open(ticket: ResetTicket) -> bool:
    return ResetTicket.objects.open().filter(pk=ticket.pk).exists()


def test_new_ticket_is_requested_and_open():
    ticket = ResetTicketFactory()
    assert state(ticket) == TicketState.REQUESTED
    assert is_open(ticket)


@pytest.mark.parametrize(("column", "expected"), PROGRESS.items())
def test_ticket_on_its_way_is_open(column, expected):
    ticket = ResetTicketFactory(**{column: timezone.now()})
    assert state(ticket) == expected
    assert is_open(ticket)


@pytest.mark.parametrize(("column", "expected"), ENDINGS.items())
def test_ended_ticket_is_closed(column, expected):
    past = dict.fromkeys(PROGRESS, timezone.now())
    ticket = ResetTicketFactory(**past, **{column: timezone.now()})
    assert state(ticket) == expected
    assert not is_open(ticket)


def test_first_ending_of_the_list_is_the_state():
    columns = {}
    for column, expected in reversed(ENDINGS.items()):
        columns[column] = timezone.now()
        assert state(ResetTicketFactory(**columns)) == expected


@pytest.mark.parametrize(("column", "expected"), ENDINGS.items())
def test_ended_ticket_does_not_expire(column, expected):
    hours_ago = timezone.now() - timedelta(hours=2)
    assert state(ResetTicketFactory(requested_at=hours_ago, **{column: hours_ago})) == expected


@pytest.mark.parametrize("column", ["requested_at", *PROGRESS])
def test_ticket_expires_wherever_it_stands(column):
    hours_ago = timezone.now() - timedelta(hours=2)
    ticket = ResetTicketFactory(**{"requested_at": hours_ago, column: hours_ago})
    assert state(ticket) == TicketState.EXPIRED
    assert not is_open(ticket)


def make_inactive(thing):
    type(thing).objects.update(is_active=False)


SERVICE_ENDS = {
    "client inactive": lambda ticket: make_inactive(ticket.client),
    "connection inactive": lambda ticket: make_inactive(ticket.connection),
    "not enabled": lambda ticket: ticket.connection.clients.clear(),
    "enabled for others": lambda ticket: ticket.connection.clients.set([ClientFactory()]),
    "enabled elsewhere": lambda ticket: (
        ticket.connection.clients.clear(),
        ConnectionFactory(clients=[ticket.client]),
    ),
    "no database": lambda ticket: Connection.objects.update(strategy="samlp"),
}


@pytest.mark.parametrize("end", SERVICE_ENDS.values(), ids=SERVICE_ENDS)
def test_ticket_serves_while_client_and_connection_do(end):
    ticket = MailedTicketFactory()
    assert ResetTicket.objects.redeemable().get() == ticket
    assert ResetTicket.objects.whole().get().serves
    end(ticket)
    assert not ResetTicket.objects.redeemable().exists()
    assert ResetTicket.objects.whole().get(serves=False) == ticket


def test_ticket_that_is_bound_to_nobody_is_not_redeemable():
    ResetTicketFactory()
    assert not ResetTicket.objects.redeemable().exists()


def test_ticket_is_judged_in_one_query_of_no_other_ticket(django_assert_num_queries):
    """PostgreSQL would make a table of all others first, where it thinks that there are few."""
    MailedTicketFactory()
    with django_assert_num_queries(1) as made:
        ticket = ResetTicket.objects.whole().get()
        assert ticket.serves
        assert ticket.current_state == TicketState.SENT
        assert ticket.client.name
        assert ticket.connection.name
    tables = re.findall(r"(?:FROM|JOIN) .(dbconnections_\w+)", made.captured_queries[0]["sql"])
    assert tables.count("dbconnections_resetticket") == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"email": "", "username": ""},
        {"email": "jane@example.com", "username": "jane"},
        {"sealed_password": "sealed"},
        {"sealed_password": "sealed", "password_given": True, "used_at": timezone.now()},
    ],
    ids=["asks for nobody", "asks for two", "seals what was not given", "seals what is used"],
)
def test_database_refuses_a_ticket_that(columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        ResetTicketFactory(**columns)


@pytest.mark.parametrize("columns", [{"email": "", "username": "jane"}, {"email": "j@a.example"}])
def test_ticket_shows_what_was_submitted(columns):
    assert ResetTicketFactory(**columns).submitted == "".join(columns.values())


def test_timeline_is_in_order_of_time():
    hours = iter(range(10))
    columns = ["requested_at", "sent_at", "opened_at", "used_at", "notified_at"]
    times = {column: datetime(2026, 1, 5, next(hours), tzinfo=UTC) for column in columns}
    assert ResetTicketFactory.build(
        client=None, connection=None, **dict(reversed(times.items()))
    ).timeline() == list(
        zip(["requested", "sent", "opened", "used", "change notified"], times.values(), strict=True)
    )


def test_deleting_client_or_connection_deletes_its_tickets():
    for thing in ("client", "connection"):
        getattr(ResetTicketFactory(), thing).delete()
        assert not ResetTicket.objects.exists()


def test_new_connections_ask_for_good_passwords():
    assert Connection().password_policy == "good"


# Replicas


class ReadsFromReplica:
    """A site's router that has reads go to a copy that lags."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.parametrize("model", [ResetTicket, PasswordHistory])
def test_what_a_lagging_replica_would_revive_is_read_where_it_is_written(settings, model):
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsFromReplica"]
    assert model.objects.all().db == "default"
    assert Client.objects.all().db == "replica"
