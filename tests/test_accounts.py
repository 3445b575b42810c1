"""Whose password a request is about, and to whom its mail goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group, User, UserManager
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as database
from django.db import transaction
from django.db.models import AutoField, Model, QuerySet
from django.db.models.lookups import Exact
from django.db.models.sql.compiler import SQLCompiler
from django.test import Client as Browser
from django.test import modify_settings
from django.urls import include, path
from django.utils.connection import ConnectionDoesNotExist
from rest_framework.authtoken.models import Token

from dbconnections import tickets
from dbconnections.accounts import ModelUserStore, canonical, get_store
from dbconnections.delivery import deliver_due
from dbconnections.models import Connection, ResetTicket
from dbconnections.secret import Secret
from tests.factories import PASSWORD, MailedTicketFactory, ResetTicketFactory, UserFactory
from tests.support.mail import link_in, ticket_in
from tests.support.pages import submit

NEW = Secret("fresh-kettle-88")


@pytest.fixture
def request_reset(app, connection) -> Callable[..., list[tuple[str, str]]]:
    """Request a reset and deliver it; return each mail's recipient and the account it resets."""

    def request_reset(**sought: str) -> list[tuple[str, str]]:
        mail.outbox.clear()
        ResetTicketFactory(client=app, connection=connection, **{"email": ""} | sought)
        deliver_due()
        reset = dict(ResetTicket.objects.values_list("pk", "account"))
        return [(*message.to, reset[ticket_in(message)]) for message in mail.outbox]

    return request_reset


@contextmanager
def table_of(model: type[Model]) -> Iterator[None]:
    """Have a table of an app that the suite does without."""
    with database.schema_editor() as editor:
        editor.create_model(model)
    try:
        yield
    finally:
        with database.schema_editor() as editor:
            editor.delete_model(model)


# By address


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("jane@example.com", "jane@example.com"),
        ("jane@example.com", "JANE@Example.com"),
        ("Jane@Example.com", "Jane@Example.com"),
        ("Jane@Example.com", "jane@example.com"),
        ("Jane@Example.com", "JANE@EXAMPLE.COM"),
    ],
)
def test_mail_goes_to_the_stored_address_whatever_its_case(request_reset, jane, stored, asked):
    jane.email = stored
    jane.save()
    assert request_reset(email=asked) == [(stored, str(jane.pk))]


@pytest.mark.parametrize("asked", ["Jane@Example.com", "Jane@example.com"])
def test_accounts_that_differ_in_case_only_get_each_their_own_mail(request_reset, jane, asked):
    """As far as they are stored as typed, as Django stores an address, or in lower case."""
    other = UserFactory(email="Jane@example.com")
    both = [("jane@example.com", str(jane.pk)), ("Jane@example.com", str(other.pk))]
    assert sorted(request_reset(email=asked)) == sorted(both)


def test_accounts_in_another_case_are_found_all(request_reset):
    emails = ["JANE@example.com", "jAne@example.com"]
    users = [UserFactory(email=email) for email in emails]
    sent = request_reset(email="jane@example.com")
    assert sorted(sent) == sorted((user.email, str(user.pk)) for user in users)


@pytest.mark.parametrize(
    "asked",
    [
        "joan@example.com",
        "jane@example.co",
        "jane@example.com ",
        "ane@example.com",
        "%@example.com",
        "j_ne@example.com",
        "jane+tag@example.com",
        "jáne@example.com",
        "jane@éxample.com",
        "jane",
    ],
)
def test_other_address_is_nobodys(request_reset, jane, asked):
    assert request_reset(email=asked) == []


# An ASCII address, and one that databases or people may take for it.
SIMILAR = {
    "dotless i": ("mike@example.com", "m\u0131ke@example.com"),
    "dotted I": ("mike@example.com", "m\u0130ke@example.com"),
    "long s": ("sue@example.com", "\u017fue@example.com"),
    "Kelvin": ("mike@example.com", "mi\u212ae@example.com"),
    "sharp s": ("weiss@example.com", "weiß@example.com"),
    "full width": ("mike@example.com", "\uff4dike@example.com"),
    "Cyrillic": ("pat@example.com", "\u0440\u0430t@example.com"),
    "accent": ("zoe@example.com", "zoë@example.com"),
    "decomposed": ("zoë@example.com", "zoe\u0308@example.com"),
    "domain": ("mike@example.com", "mike@e\u212bample.com"),
}


@pytest.mark.parametrize(("stored", "similar"), SIMILAR.values(), ids=SIMILAR)
def test_similar_address_never_gets_a_mail(request_reset, stored, similar):
    """Whoever asks with it; at most the owner is told, at the address on record."""
    owner = UserFactory(email=stored)
    assert request_reset(email=similar) in ([], [(stored, str(owner.pk))])


@pytest.mark.parametrize(("stored", "similar"), SIMILAR.values(), ids=SIMILAR)
@pytest.mark.parametrize("asked", [0, 1])
def test_accounts_with_similar_addresses_get_each_their_own_mail(
    request_reset, stored, similar, asked
):
    users = [UserFactory(email=stored), UserFactory(email=similar)]
    sent = request_reset(email=users[asked].email)
    assert (users[asked].email, str(users[asked].pk)) in sent
    assert set(sent) <= {(user.email, str(user.pk)) for user in users}


@pytest.mark.parametrize("similar", ["dotless i", "dotted I", "accent"])
def test_letters_that_differ_for_people_are_not_the_same(similar):
    stored, asked = SIMILAR[similar]
    assert canonical(asked) != canonical(stored)


def test_accounts_that_share_an_address_get_a_link_each(request_reset):
    users = [UserFactory(email="family@example.com") for _ in range(3)]
    sent = request_reset(email="family@example.com")
    assert sorted(sent) == [("family@example.com", str(user.pk)) for user in users]
    for number, user in enumerate(users):
        ticket = ResetTicket.objects.get(account=user.pk)
        tickets.redeem(ticket.pk, password=Secret(f"fresh-kettle-{number}"))
        assert authenticate(username=user.username, password=f"fresh-kettle-{number}")


def test_accounts_that_share_an_address_each_get_the_given_password_sealed(legacy_app, connection):
    users = [UserFactory(email="family@example.com") for _ in range(2)]
    tickets.issue(
        tickets.ResetRequest(
            client=legacy_app, connection=connection, email="family@example.com", password=NEW
        )
    )
    assert deliver_due() == {"sent": 2}
    for ticket in ResetTicket.objects.all():
        tickets.redeem(ticket.pk)
    for user in users:
        assert authenticate(username=user.username, password=NEW.reveal())


def test_account_that_cannot_be_reset_does_not_hide_another(request_reset):
    UserFactory(email="family@example.com", is_active=False)
    active = UserFactory(email="family@example.com")
    assert request_reset(email="family@example.com") == [("family@example.com", str(active.pk))]


# By username


def test_username_finds_its_account(request_reset, jane):
    assert request_reset(username="jane") == [("jane@example.com", str(jane.pk))]


@pytest.mark.parametrize("asked", ["Jane", "JANE", "jané", "jane ", "jan_", "jane@example.com"])
def test_other_username_is_nobodys(request_reset, jane, asked):
    assert request_reset(username=asked) == []


def test_username_is_normalized_as_at_login(request_reset):
    user = UserFactory(username="zoë")
    assert request_reset(username="zoe\u0308") == [(user.email, str(user.pk))]


def test_address_is_not_looked_for_among_usernames(request_reset, jane):
    UserFactory(username="jane@example.com", email="else@example.com")
    assert request_reset(email="jane@example.com") == [("jane@example.com", str(jane.pk))]


# Who may be reset


def without_address(user):
    user.email = ""


def inactive(user):
    user.is_active = False


def unusable(user):
    user.set_unusable_password()


@pytest.mark.parametrize("change", [without_address, inactive, unusable])
def test_account_that_cannot_be_reset_gets_no_mail(request_reset, jane, change):
    change(jane)
    jane.save()
    assert request_reset(username="jane") == []
    assert ResetTicket.objects.get().no_account_at


def test_site_may_let_accounts_without_a_password_set_one(request_reset, jane, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"RESET_UNUSABLE_PASSWORDS": True}
    unusable(jane)
    jane.save()
    assert request_reset(username="jane") == [("jane@example.com", str(jane.pk))]
    tickets.redeem(ResetTicket.objects.get().pk, password=NEW)
    assert authenticate(username="jane", password=NEW.reveal())


# Stores


def use_store(settings, backend: str = "dbconnections.accounts.ModelUserStore", **options) -> None:
    stores = {"default": {"BACKEND": backend, "OPTIONS": options}}
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"USER_STORES": stores}


def test_filter_narrows_a_store(request_reset, jane, settings):
    use_store(settings, filter={"is_staff": True})
    assert request_reset(email="jane@example.com") == []
    assert request_reset(username="jane") == []
    User.objects.update(is_staff=True)
    assert request_reset(email="jane@example.com") == [("jane@example.com", str(jane.pk))]


def test_filter_may_cross_a_relation(request_reset, jane, settings):
    use_store(settings, filter={"groups__name__startswith": "customers"})
    assert request_reset(email="jane@example.com") == []
    # Found once, though two groups match.
    jane.groups.set([Group.objects.create(name=f"customers {number}") for number in range(2)])
    assert request_reset(email="jane@example.com") == [("jane@example.com", str(jane.pk))]
    tickets.redeem(ResetTicket.objects.latest().pk, password=NEW)


def test_account_that_leaves_its_store_is_not_reset(jane, app, connection, settings):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    use_store(settings, filter={"is_staff": True})
    with pytest.raises(tickets.TicketRefused, match="closed"):
        tickets.redeem(ticket.pk, password=NEW)


class Demanding(ModelUserStore):
    """A store that cannot be made without options that have it."""

    def __init__(self, **options: object) -> None:
        super().__init__(filter={"username": options["server"]})


MODEL_STORE = "dbconnections.accounts.ModelUserStore"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            {"BACKEND": "dbconnections.accounts.NoSuchStore"},
            'cannot be imported: Module "dbconnections.accounts" does not define a "NoSuchStore" '
            "attribute/class",
        ),
        ({"BACKEND": "no.such.module"}, "cannot be imported: No module named 'no'"),
        ({"BACKEND": "Store"}, "cannot be imported: Store doesn't look like a module path"),
        (
            {"BACKEND": MODEL_STORE, "OPTIONS": {"no_such": 1}},
            "cannot be made with its OPTIONS: ModelUserStore.__init__() got an unexpected keyword "
            "argument 'no_such'",
        ),
        (
            {"BACKEND": MODEL_STORE, "OPTIONS": {"filter": [1]}},
            "cannot be made with its OPTIONS: cannot convert dictionary update sequence element #0 "
            "to a sequence",
        ),
        (
            {"BACKEND": MODEL_STORE, "OPTIONS": {"filter": "staff"}},
            "cannot be made with its OPTIONS: dictionary update sequence element #0 has length 1; "
            "2 is required",
        ),
        ({"BACKEND": f"{__name__}.Demanding"}, "cannot be made with its OPTIONS: 'server'"),
        ({}, "has no BACKEND"),
        ({"BACKEND": None}, "has no BACKEND"),
        (MODEL_STORE, "has no BACKEND"),
        (None, "has no BACKEND"),
    ],
)
def test_store_that_cannot_be_made_is_named_with_the_reason(settings, entry, problem):
    settings.DBCONNECTIONS = {"USER_STORES": {"broken": entry}}
    with pytest.raises(ImproperlyConfigured) as raised:
        get_store("broken")
    assert str(raised.value) == f"DBCONNECTIONS[\"USER_STORES\"]: store 'broken' {problem}."


@pytest.mark.parametrize(
    ("stores", "known"),
    [
        ({"customers": {}, "staff": {}}, "customers, staff"),
        ({}, "none"),
        (None, "none"),
        ([1], "none"),
    ],
)
def test_unknown_store_is_named_with_those_there_are(settings, stores, known):
    settings.DBCONNECTIONS = {"USER_STORES": stores}
    with pytest.raises(ImproperlyConfigured) as raised:
        get_store("custmers")
    assert str(raised.value) == (
        f"DBCONNECTIONS[\"USER_STORES\"] has no store 'custmers'. There are: {known}."
    )


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_store_has_the_personal_fields_it_is_given(kind):
    jane = UserFactory.build(username="jane", email="", first_name="Jane", last_name="Roe")
    for fields, known in (
        (None, ["jane", "Jane", "Roe"]),
        (["last_name"], ["jane", "Roe"]),
        ([], ["jane"]),
    ):
        store = ModelUserStore(personal_fields=None if fields is None else kind(fields))
        assert store.personal_data(store.account_of(jane)) == known


@pytest.mark.parametrize("kind", [list, iter])
def test_personal_field_the_model_lacks_is_named(kind):
    with pytest.raises(ImproperlyConfigured, match="'nick'"):
        ModelUserStore(personal_fields=kind(["last_name", "nick"]))


def test_ticket_of_a_connection_without_store_waits(request_reset, jane, connection):
    Connection.objects.update(user_store="unknown")
    assert request_reset(email="jane@example.com") == []
    ticket = ResetTicket.objects.get()
    assert ticket.due_at
    assert ticket.last_error == "ImproperlyConfigured"


@pytest.mark.parametrize(
    "key",
    ["", "jane", "1.5", "\0", "é", *map(str, [0, -1, 2**31, 2**63 - 1, 2**63, UUID(int=1)])],
)
@pytest.mark.django_db
def test_key_of_no_account_is_nobodys(key):
    assert ModelUserStore().get(key) is None
    assert ModelUserStore().get(key, for_update=True) is None


@pytest.mark.parametrize("for_update", [False, True])
def test_user_is_looked_up_as_the_orm_does(jane, for_update, django_assert_num_queries):
    UserFactory()
    locks = for_update and database.features.has_select_for_update
    with transaction.atomic(), django_assert_num_queries(1) as captured:
        account = ModelUserStore().get(str(jane.pk), for_update=for_update)
    assert ("FOR UPDATE" in captured[0]["sql"]) == locks
    assert columns_of(account.user) == columns_of(User.objects.get(pk=jane.pk))
    assert (account.user._state.db, account.user._state.adding) == ("default", False)


def columns_of(user: User) -> dict[str, object]:
    return {name: value for name, value in vars(user).items() if name != "_state"}


@pytest.mark.parametrize("for_update", [False, True])
def test_query_for_a_user_is_compiled_once(jane, for_update, monkeypatch):
    with transaction.atomic():
        ModelUserStore().get(str(jane.pk), for_update=for_update)
        monkeypatch.setattr(SQLCompiler, "as_sql", None)
        assert ModelUserStore().get(str(jane.pk), for_update=for_update).login == "jane"


@pytest.mark.parametrize("for_update", [False, True])
def test_store_gets_none_but_its_own(jane, for_update):
    Group.objects.create(name="customers").user_set.add(jane)
    joe = UserFactory(username="joe")
    store = ModelUserStore(filter={"groups__name": "customers"})
    with transaction.atomic():
        assert store.get(str(jane.pk), for_update=for_update).login == "jane"
        assert store.get(str(joe.pk), for_update=for_update) is None


def test_user_who_leaves_the_store_while_locked_is_not_found(jane):
    customers = Group.objects.create(name="customers")
    customers.user_set.add(jane)
    store = ModelUserStore(filter={"groups__name": "customers"})
    statements = []

    def leave_after_the_first(execute, sql, *rest):
        result = execute(sql, *rest)
        statements.append(sql)
        if len(statements) == 1:
            customers.user_set.clear()
        return result

    with transaction.atomic(), database.execute_wrapper(leave_after_the_first):
        assert store.get(str(jane.pk), for_update=True) is None
    assert ("FOR UPDATE" in statements[0]) == database.features.has_select_for_update


class ReadsElsewhere:
    def db_for_read(self, model, **hints):
        return "replica"


def test_replica_is_not_asked_whether_a_locked_user_is_in_the_store(jane, settings):
    store = ModelUserStore(filter={"is_active": True})
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    with transaction.atomic():
        assert store.get(str(jane.pk), for_update=True).login == "jane"


class WithoutJane(UserManager):
    def get_queryset(self):
        return super().get_queryset().exclude(username="jane")


class ActiveQuerySet(QuerySet):
    def filter(self, *args, **kwargs):
        return super().filter(*args, is_active=True, **kwargs)


class WithAllOfItsOwn(UserManager):
    def all(self):
        return super().all().filter(is_active=True)


@pytest.mark.parametrize("for_update", [False, True])
@pytest.mark.parametrize(
    "kind", [WithoutJane, WithAllOfItsOwn, UserManager.from_queryset(ActiveQuerySet)]
)
def test_manager_of_the_user_model_has_its_say(jane, monkeypatch, kind, for_update):
    User.objects.update(is_active=False)
    manager = kind()
    manager.model = User
    store = ModelUserStore()
    with transaction.atomic():
        assert store.get(str(jane.pk), for_update=for_update), "who is found by the usual one"
        monkeypatch.setattr(User._meta, "default_manager", manager)
        assert store.get(str(jane.pk), for_update=for_update) is None


@pytest.mark.parametrize("for_update", [False, True])
def test_manager_of_the_user_model_may_name_the_database(jane, monkeypatch, for_update):
    elsewhere = User.objects.db_manager("elsewhere")
    monkeypatch.setattr(User._meta, "default_manager", elsewhere)
    with transaction.atomic(), pytest.raises(ConnectionDoesNotExist, match="elsewhere"):
        ModelUserStore().get(str(jane.pk), for_update=for_update)


class ToldOfItsHints:
    def db_for_read(self, model, **hints):
        return "by hints" if hints else "to read"

    def db_for_write(self, model, **hints):
        return "by hints" if hints else "to write"


@pytest.mark.parametrize(("for_update", "expected"), [(False, "to read"), (True, "to write")])
def test_user_is_looked_for_where_the_router_says(jane, settings, for_update, expected):
    settings.DATABASE_ROUTERS = [ToldOfItsHints()]
    with pytest.raises(ConnectionDoesNotExist, match=expected):
        ModelUserStore().get(str(jane.pk), for_update=for_update)


@pytest.mark.parametrize("for_update", [False, True])
def test_router_is_told_of_the_hints_of_a_manager(jane, settings, monkeypatch, for_update):
    hinting = User.objects.db_manager(hints={"tenant": "acme"})
    monkeypatch.setattr(User._meta, "default_manager", hinting)
    settings.DATABASE_ROUTERS = [ToldOfItsHints()]
    with pytest.raises(ConnectionDoesNotExist, match="by hints"):
        ModelUserStore().get(str(jane.pk), for_update=for_update)


class OpaqueKey(AutoField):
    """One of those that the outside knows in another form, with lookups of their own."""


@OpaqueKey.register_lookup
class Unequal(Exact):
    def as_sql(self, compiler, connection):
        return "1 = 0", []


@pytest.mark.parametrize("for_update", [False, True])
def test_key_of_the_user_model_has_its_say(jane, monkeypatch, for_update):
    monkeypatch.setattr(User._meta.pk, "__class__", OpaqueKey)
    with transaction.atomic():
        assert ModelUserStore().get(str(jane.pk), for_update=for_update) is None


@pytest.mark.django_db(transaction=True)
def test_user_model_without_username_and_with_another_address_field(request_reset, settings):
    # Tokens of REST framework belong to the user model there was when they were loaded.
    others = [app for app in settings.INSTALLED_APPS if app != "rest_framework.authtoken"]
    settings.INSTALLED_APPS = [*others, "tests.support.people"]
    settings.AUTH_USER_MODEL = "people.Person"
    model = get_user_model()
    with table_of(model):
        jane = model(number=UUID(int=7), mailbox="jane@example.com")
        jane.set_password(PASSWORD)
        jane.save()
        model.objects.create(number=UUID(int=8), password=jane.password)
        assert request_reset(email="JANE@example.com") == [("jane@example.com", str(jane.pk))]
        tickets.redeem(ResetTicket.objects.get().pk, password=NEW)
        jane.refresh_from_db()
        assert jane.check_password(NEW.reveal())
        assert ModelUserStore().get(str(UUID(int=8))).email == "", "whose address is not known"
        assert ModelUserStore().get("7") is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("for_update", [False, True])
@pytest.mark.parametrize("key", [2**31 - 1, 2**31, 2**63 - 1])
def test_key_may_be_as_large_as_its_column_holds(settings, key, for_update):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "tests.support.people"]
    settings.AUTH_USER_MODEL = "people.Member"
    model = get_user_model()
    with table_of(model), transaction.atomic():
        model.objects.create(pk=key, email="jane@example.com")
        assert ModelUserStore().get(str(key), for_update=for_update).user.pk == key


@pytest.mark.parametrize("for_update", [False, True])
def test_user_model_may_be_a_proxy(jane, for_update):
    from tests.support.people.models import Customer

    store = ModelUserStore()
    store.model = Customer
    with transaction.atomic():
        assert type(store.get(str(jane.pk), for_update=for_update).user) is Customer


# Fingerprints


def test_fingerprint_is_unmoved_by_logins_and_keys(jane, settings):
    store = ModelUserStore()
    before = store.fingerprint(store.get(str(jane.pk)))
    Browser().login(username="jane", password=PASSWORD)
    settings.SECRET_KEY = "new"
    assert store.fingerprint(store.get(str(jane.pk))) == before
    assert len(before) == 64


@pytest.mark.parametrize("change", [{"password": "x"}, {"email": "new@example.com"}])
def test_fingerprint_moves_with_password_and_address(jane, change):
    store = ModelUserStore()
    before = store.fingerprint(store.get(str(jane.pk)))
    User.objects.update(**change)
    assert store.fingerprint(store.get(str(jane.pk))) != before


# What a reset ends


def whoami(request):
    from django.http import HttpResponse

    return HttpResponse(request.user.get_username() or "nobody")


urlpatterns = [path("whoami", whoami), path("", include("dbconnections.urls"))]


@pytest.mark.urls(__name__)
def test_reset_ends_the_sessions_of_its_account_only(jane, app, connection):
    UserFactory(username="joan")
    browsers = {}
    for name in ("jane", "joan"):
        browsers[name] = Browser()
        browsers[name].login(username=name, password=PASSWORD)
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    assert browsers["jane"].get("/whoami").content == b"jane"
    tickets.redeem(ticket.pk, password=NEW)
    assert browsers["jane"].get("/whoami").content == b"nobody"
    assert browsers["joan"].get("/whoami").content == b"joan"


@pytest.mark.urls(__name__)
def test_reset_logs_nobody_in(ask, client, jane):
    ask()
    deliver_due()
    page = client.get(link_in(mail.outbox[0]), follow=True)
    passwords = {"new_password1": NEW.reveal(), "new_password2": NEW.reveal()}
    assert submit(client, page, **passwords).status_code == 302
    assert authenticate(username="jane", password=NEW.reveal())
    assert client.get("/whoami").content == b"nobody"
    assert "_auth_user_id" not in client.session


def test_reset_ends_the_api_tokens_of_its_account_only(jane, app, connection):
    for user in (jane, UserFactory(username="joan")):
        Token.objects.create(user=user)
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    tickets.redeem(ticket.pk, password=NEW)
    assert [token.user.username for token in Token.objects.all()] == ["joan"]


def test_site_without_api_tokens(jane, app, connection):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    with modify_settings(INSTALLED_APPS={"remove": "rest_framework.authtoken"}):
        tickets.redeem(ticket.pk, password=NEW)
    jane.refresh_from_db()
    assert jane.check_password(NEW.reveal())


def test_verified_address_is_recorded_where_a_field_is_named(jane):
    """Any boolean field will do here; Django's own user has none for this."""
    store = ModelUserStore(email_verified_field="is_staff")
    assert store.records_verification()
    store.mark_email_verified(store.get(str(jane.pk)))
    jane.refresh_from_db()
    assert jane.is_staff


def test_verified_address_is_not_recorded_by_default():
    assert not ModelUserStore().records_verification()
