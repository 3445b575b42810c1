"""Statements compiled once do what the ORM does."""

import gc
import threading
import weakref
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import (
    CASCADE,
    CharField,
    DateTimeField,
    F,
    ForeignKey,
    Model,
    UUIDField,
    Value,
)
from django.db.models.functions import Lower
from django.db.models.signals import post_save, pre_save
from django.test.utils import isolate_apps
from django.utils import timezone

from dbconnections import prepared
from dbconnections.clock import DatabaseNow
from dbconnections.models import (
    AllowedOrigin,
    Client,
    Connection,
    ResetTicket,
    asking,
    whole_ticket,
)
from dbconnections.prepared import PreparedInsert, PreparedQuery, PreparedUpdate
from tests.factories import (
    AllowedOriginFactory,
    ClientFactory,
    ConnectionFactory,
    UserFactory,
)
from tests.support.signals import receiving

pytestmark = pytest.mark.django_db

ORIGIN = "https://app.example.com"


def facts(instance: Any) -> Any:
    """Return all columns and annotations of an instance, of those it brings along too."""
    if instance is None:
        return None
    found = {name: value for name, value in vars(instance).items() if name != "_state"}
    return {
        name: facts(value) if isinstance(value, Connection) else value
        for name, value in found.items()
    }


@pytest.fixture
def app() -> Client:
    client = ClientFactory(client_id="demo", accepts_password=True)
    ConnectionFactory(
        name="Users",
        clients=[client],
        ticket_lifetime=timedelta(minutes=90),
        password_complexity={"min_length": 12},
        password_dictionary_words=["Acme2026!"],
    )
    ConnectionFactory(name="Old", clients=[client], is_active=False)
    AllowedOriginFactory(client=client, origin=ORIGIN)
    return client


@pytest.mark.parametrize("client_id", ["demo", "missing", "", "x" * 64])
@pytest.mark.parametrize("name", ["Users", "Old", "Missing", "", "%s"])
@pytest.mark.parametrize("origin", [ORIGIN, "", "https://other.example.com"])
def test_query_finds_what_the_orm_finds(app, client_id, name, origin):
    texts = {"client_id": client_id, "connection": name, "origin": origin}
    found = asking.first(**texts)
    expected = Client.objects.asking(**texts).first()
    assert facts(found) == facts(expected)
    if found is not None:
        assert found._state.db == "default"
        assert found._state.adding is False


def test_query_brings_the_connection_along(app, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = asking.first(client_id="demo", connection="Users", origin=ORIGIN)
        assert found.asked.ticket_lifetime == timedelta(minutes=90)
        assert found.asked.password_complexity == {"min_length": 12}
        assert found.asked.is_active is True
        assert found.asking_origin == ORIGIN


def test_query_is_compiled_once(app):
    built = []

    def build(**texts: str) -> Any:
        built.append(texts)
        return Client.objects.filter(**texts)

    query = PreparedQuery(Client, build, client_id=CharField())
    assert query.first(client_id="demo") == app
    assert query.first(client_id="missing") is None
    assert query.first(client_id="demo") == app
    assert len(built) == 1


def test_ticket_is_found_whole(app, django_assert_num_queries):
    new = ticket(app)
    new.save()
    with django_assert_num_queries(1):
        found = whole_ticket.first(pk=new.pk)
        assert (found.client, found.connection.name) == (app, "Users")
    assert facts(found) == facts(ResetTicket.objects.whole().get(pk=new.pk))
    assert found.serves
    app.connections.clear()
    assert not whole_ticket.first(pk=new.pk).serves
    assert whole_ticket.first(pk=uuid4()) is None


class Shouted(CharField):
    def from_db_value(self, value: str, expression: Any, connection: Any) -> str:
        return value.upper()


@isolate_apps("tests")
def test_models_of_one_table_read_it_each_in_its_way():
    class Quiet(Model):
        username = CharField(max_length=150)

        class Meta:
            app_label = "tests"
            db_table = "auth_user"

    class Loud(Model):
        username = Shouted(max_length=150)

        class Meta:
            app_label = "tests"
            db_table = "auth_user"

    key = UserFactory(username="jane").pk

    def read(model: type[Model]) -> Any:
        query = PreparedQuery(model, lambda pk: model.objects.filter(pk=pk), pk=model._meta.pk)
        return query.first(pk=key)

    assert (read(Quiet).username, read(Loud).username) == ("jane", "JANE")


@isolate_apps("tests")
def test_models_may_change_what_they_are_made_from(app):
    told = []

    class Curious(Model):
        class Meta:
            abstract = True

        @classmethod
        def from_db(cls, db: str, field_names: list[str], values: Any, **kwargs: Any) -> Any:
            told.append([*field_names])
            instance = super().from_db(db, field_names, values, **kwargs)
            field_names.clear()
            return instance

    class Application(Curious):
        class Meta:
            app_label = "tests"
            db_table = Client._meta.db_table

    class Origin(Curious):
        client = ForeignKey(Application, CASCADE)

        class Meta:
            app_label = "tests"
            db_table = AllowedOrigin._meta.db_table

    query = PreparedQuery(
        Origin,
        lambda client: Origin.objects.filter(client=client).select_related("client"),
        client=Origin._meta.get_field("client"),
    )
    for _time in range(2):
        assert query.first(client=app.pk).client.pk == app.pk
    assert told == [["id", "client_id"], ["id"]] * 2


@pytest.mark.django_db(transaction=True)
def test_row_is_locked_within_a_transaction_only(app):
    locked = Client.objects.select_for_update()
    query = PreparedQuery(
        Client,
        lambda client_id: locked.filter(client_id=client_id),
        client_id=CharField(),
    )
    with transaction.atomic():
        assert query.first(client_id="demo") == app
    has_locks = connection.features.has_select_for_update
    refused = pytest.raises(
        transaction.TransactionManagementError, match="outside of a transaction"
    )
    for first in (locked.filter(client_id="demo").first, lambda: query.first(client_id="demo")):
        with refused if has_locks else nullcontext():
            assert first() == app


def ticket(app: Client, **columns: Any) -> ResetTicket:
    values = {
        "id": uuid4(),
        "client": app,
        "connection": Connection.objects.get(name="Users"),
        "email": "jane@example.com",
        "ip": "2001:db8::1",
        "user_agent": "100 %s",
        "requested_at": DatabaseNow(),
        "expires_at": DatabaseNow() + timedelta(hours=1),
        "due_at": DatabaseNow(),
    }
    return ResetTicket(**{**values, **columns})


def test_insert_writes_what_saving_writes(app):
    kept, saved = ticket(app), ticket(app)
    with transaction.atomic():  # the database's clock stands still on PostgreSQL at most
        PreparedInsert(ResetTicket).run(kept, kind="due")
        saved.save(force_insert=True)
    first, second = (ResetTicket.objects.values().get(pk=instance.pk) for instance in (kept, saved))
    for times in (first, second):
        del times["id"]
        assert times.pop("expires_at") - times.pop("requested_at") >= timedelta(hours=1)
        assert times.pop("due_at")
    assert first == second
    assert (kept._state.adding, kept._state.db) == (False, "default")


def test_insert_is_compiled_once_for_a_kind(app, monkeypatch):
    insert = PreparedInsert(ResetTicket)
    insert.run(ticket(app), kind="due")
    monkeypatch.setattr(PreparedInsert, "_compile", None)
    insert.run(ticket(app, email="joe@example.com", ip=None), kind="due")
    assert ResetTicket.objects.filter(email="joe@example.com", ip=None).exists()
    with pytest.raises(TypeError):
        insert.run(ticket(app, due_at=None), kind="not due")


def test_insert_keeps_a_bounded_number_of_kinds(app, monkeypatch):
    monkeypatch.setattr(prepared, "MAX_PLANS", 3)
    insert = PreparedInsert(ResetTicket)
    for minutes in range(1, 9):
        lifetime = timedelta(minutes=minutes)
        new = ticket(app, expires_at=DatabaseNow() + lifetime)
        insert.run(new, kind=lifetime)
        assert len(insert._plans) <= 3
        stored = ResetTicket.objects.get(pk=new.pk)
        assert abs(stored.expires_at - stored.requested_at - lifetime) < timedelta(seconds=5)


def test_insert_tells_receivers_what_saving_tells(app, monkeypatch):
    told, of = [], []

    def note(signal: Any, instance: Any, **kwargs: Any) -> None:
        told.append((signal is post_save, kwargs))
        of.append(instance)

    insert = PreparedInsert(ResetTicket)
    insert.run(ticket(app), kind="due")
    saved, new = ticket(app), ticket(app)
    with receiving(note, pre_save, post_save):
        saved.save(force_insert=True)
        expected = [*told]
        told.clear()
        monkeypatch.setattr(PreparedInsert, "_compile", None)  # nor is it compiled anew for them
        insert.run(new, kind="due")
    assert [is_after for is_after, _kwargs in told] == [False, True]
    assert told == expected
    assert of == [saved, saved, new, new]


SHORT = timezone.now() + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("column", "written", "stored"),
    [
        ("expires_at", SHORT, SHORT),
        ("organization", "acme", "acme"),
        ("organization", Lower(Value("ACME")), "acme"),
    ],
    ids=["for an expression", "for a value", "an expression"],
)
def test_what_a_receiver_writes_before_is_stored(app, column, written, stored):
    """A site may shorten the life of links so, and an expression is part of the SQL."""

    def write(instance: Any, **kwargs: Any) -> None:
        setattr(instance, column, written)

    insert = PreparedInsert(ResetTicket)
    insert.run(ticket(app), kind="due")
    with receiving(write, pre_save):
        new = ticket(app)
        insert.run(new, kind="due")
    assert getattr(ResetTicket.objects.get(pk=new.pk), column) == stored
    # The statement it took is nobody else's.
    insert.run(other := ticket(app), kind="due")
    assert getattr(ResetTicket.objects.get(pk=other.pk), column) != stored


class ToldOfTheModelAlone:
    """A router that names another database where it is told of an instance, or of no ticket."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "elsewhere" if "instance" in hints or model is not ResetTicket else None


def test_writes_go_where_the_transaction_around_them_is(app, settings):
    """`transactions.writing` opens one where the router, told of the model alone, says."""
    new = ticket(app)
    update = PreparedUpdate(
        ResetTicket, lambda pk: ResetTicket.objects.filter(pk=pk), {"attempts": 7}, pk=UUIDField()
    )
    settings.DATABASE_ROUTERS = [ToldOfTheModelAlone()]
    PreparedInsert(ResetTicket).run(new, kind="due")
    assert new._state.db == "default"
    assert update.run(pk=new.pk) == 1


def test_none_is_refused_where_it_would_equal_nothing(app):
    def build(email: str) -> Any:
        return ResetTicket.objects.filter(email=email)

    query = PreparedQuery(ResetTicket, build, email=CharField())
    update = PreparedUpdate(ResetTicket, build, {"attempts": 0}, email=CharField())
    for run in (query.first, update.run):
        with pytest.raises(ValueError, match="None is no value"):
            run(email=None)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ResetTicket.objects.all()[:1],
        lambda: ResetTicket.objects.filter(attempts=0).union(ResetTicket.objects.all()),
    ],
    ids=["slice", "union"],
)
def test_update_takes_no_slice_and_no_union(build):
    with pytest.raises(ValueError, match="cannot be updated"):
        PreparedUpdate(ResetTicket, build, {"attempts": 0}).run()


def test_insert_that_fails_leaves_the_transaction_to_be_rolled_back(app):
    insert = PreparedInsert(ResetTicket)
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert.run(ticket(app, email=""), kind="due")
        assert connection.needs_rollback
        transaction.set_rollback(True)


def test_update_changes_what_the_orm_changes(app):
    tickets = [ticket(app, account=account) for account in ("1", "1", "2", "%s", "")]
    for new in tickets:
        new.save()
    columns = {"attempts": F("attempts") + 1, "last_error": "100 %s", "claim": None}
    built = []

    def build(account: str, before: Any, pk: Any) -> Any:
        built.append(account)
        rows = ResetTicket.objects.open().serving()
        return rows.filter(account=account, requested_at__lte=before).exclude(pk=pk)

    update = PreparedUpdate(
        ResetTicket, build, columns, account=CharField(), before=DateTimeField(), pk=UUIDField()
    )
    now = timezone.now() + timedelta(minutes=1)
    for account in ("1", "2", "%s", "missing"):
        found = {"account": account, "before": now, "pk": tickets[0].pk}
        expected = set(build(**found).values_list("pk", flat=True))
        assert update.run(**found) == len(expected)
        changed = ResetTicket.objects.filter(attempts=1, last_error="100 %s")
        assert set(changed.values_list("pk", flat=True)) == expected
        changed.update(attempts=0)
    places = [account for account in built if isinstance(account, prepared.Place)]
    assert len(places) == 1, "it was compiled more than once"
    assert update.run(account="1", before=now - timedelta(days=1), pk=uuid4()) == 0


def test_update_takes_no_join(app):
    update = PreparedUpdate(
        ResetTicket,
        lambda name: ResetTicket.objects.filter(client__name=name),
        {"attempts": 0},
        name=CharField(),
    )
    with pytest.raises(ValueError, match="A join cannot be prepared"):
        update.run(name="Acme")


@pytest.mark.django_db(transaction=True)
def test_connection_of_a_thread_that_ended_is_freed(app):
    """Delivery has a thread for each spell of work, and some servers one for each request."""
    kept = []

    def ask() -> None:
        assert asking.first(client_id="demo", connection="Users", origin=ORIGIN)
        kept.append(weakref.ref(connections["default"]))
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    gc.collect()
    assert [reference() for reference in kept] == [None]


def test_update_that_fails_leaves_the_transaction_to_be_rolled_back(app):
    new = ticket(app)
    new.save()
    update = PreparedUpdate(
        ResetTicket, lambda pk: ResetTicket.objects.filter(pk=pk), {"email": ""}, pk=UUIDField()
    )
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            update.run(pk=new.pk)
        assert connection.needs_rollback
        transaction.set_rollback(True)
