import sys
from contextlib import contextmanager
from uuid import uuid4
from weakref import WeakSet

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as database
from django.db import models
from django.test.utils import CaptureQueriesContext, isolate_apps

from dbconnections.accounts import Imported, ModelUserStore, Profile
from dbconnections.auth0_import import users
from dbconnections.auth0_import.exports import ExportError
from dbconnections.auth0_import.profiles import Loss
from dbconnections.auth0_import.users import Tally, import_users, survey
from tests.auth0_import.conftest import CONNECTION, HASHERS, PASSWORD, user
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

STORES = {CONNECTION: "default"}


def run(path, *, write=True, stores=STORES, batch=2, **options):
    tally = Tally()
    import_users(
        path, stores, tally, write=write, progress=lambda tally: None, batch=batch, **options
    )
    return tally


def summary(tally):
    return tally.new, tally.present, tally.left_out


def test_users_are_made(export):
    tally = run(export(user(), user("bob@example.com", username="bob", given_name="Bob")))
    assert summary(tally) == (2, 0, 0)
    bob = User.objects.get(email="bob@example.com")
    assert (bob.username, bob.first_name, bob.is_active) == ("bob", "Bob", True)
    assert not bob.is_staff
    assert User.objects.get(email="ann@example.com").username == "ann@example.com"


def test_second_time_nothing_changes(export):
    path = export(user(), user("bob@example.com"), user("cy@example.com"))
    assert summary(run(path)) == (3, 0, 0)
    before = list(User.objects.order_by("pk").values())
    assert summary(run(path)) == (0, 3, 0)
    assert list(User.objects.order_by("pk").values()) == before


def test_dry_run_says_the_same_and_writes_nothing(export):
    path = export(
        user(), user(), user("b@example.com", blocked=True), user("c@example.com", username="jo")
    )
    UserFactory(username="jo")
    tried = run(path, write=False)
    assert User.objects.count() == 1
    assert tried == run(path)


def test_account_that_is_there_is_left_as_it_is(export, jane):
    before = User.objects.values().get()
    tally = run(export(user("Jane@Example.com", username="other", blocked=True)))
    assert summary(tally) == (0, 1, 0)
    assert User.objects.values().get() == before


def test_account_without_an_address_is_found_by_its_username(export):
    path = export(user(None, username="ann"))
    assert summary(run(path)) == (1, 0, 0)
    assert summary(run(path)) == (0, 1, 0)


def lost(path, **options):
    return run(path, **options).lines


def test_first_of_the_same_address_wins_across_batches(export):
    path = export(user(), user("b@example.com"), user("c@example.com"), user("ANN@example.com"))
    assert lost(path) == {Loss.DUPLICATE: [4]}


def test_somebody_elses_username_is_not_taken(export, jane):
    assert lost(export(user(username="jane"))) == {Loss.LOGIN_TAKEN: [1]}
    assert User.objects.get() == jane


def test_two_of_one_username_in_a_batch(export):
    path = export(user(username="bob"), user("b@example.com", username="bob"))
    assert lost(path) == {Loss.LOGIN_TAKEN: [2]}


def test_username_taken_in_the_meantime_costs_only_that_user(export, monkeypatch):
    monkeypatch.setattr(ModelUserStore, "_present", lambda *args: (set(), set(), set()))
    UserFactory(username="bob")
    tally = run(export(user(), user("b@example.com", username="bob")))
    assert summary(tally) == (1, 0, 1)
    assert tally.lines == {Loss.LOGIN_TAKEN: [2]}
    assert User.objects.filter(email="ann@example.com").exists()


def test_blocked_user_stays_out(export):
    assert lost(export(user(blocked=True))) == {Loss.BLOCKED: [1]}
    assert not User.objects.get().is_active


def test_user_with_an_unverified_address_is_imported_and_told(export):
    tally = run(export(user(), user("b@example.com", email_verified=False)))
    assert (summary(tally), tally.lines) == ((2, 0, 0), {Loss.UNVERIFIED: [2]})


def test_unverified_address_can_be_left_out_and_then_takes_no_place(export):
    path = export(
        user(email_verified=False),
        user("Ann@example.com"),
        user(None, username="bob", email_verified=False),
    )
    tally = run(path, verified_only=True)
    assert (summary(tally), tally.lines) == ((2, 0, 1), {Loss.VERIFIED_ONLY: [1]})
    assert set(User.objects.values_list("email", "username")) == {
        ("Ann@example.com", "Ann@example.com"),
        ("", "bob"),
    }


def test_reasons_to_leave_users_out_add_up(export):
    social = user(email_verified=False, connection="google-oauth2", _id=None)
    social |= {"user_id": "google-oauth2|1", "identities": [{"provider": "google-oauth2"}]}
    nobody = social | {"email": None}
    tally = run(export(social, nobody, user(email_verified=False)), verified_only=True)
    assert tally.left_out == sum(tally.counts.values()) == 3
    assert tally.lines == {Loss.SOCIAL: [1, 2], Loss.VERIFIED_ONLY: [3]}


def test_user_without_a_hash_has_no_password(export):
    assert lost(export(user(passwordHash=None))) == {Loss.NO_HASH: [1]}
    assert not User.objects.get().has_usable_password()


@pytest.mark.parametrize("email", ["no address", "a" * 255 + "@example.com", "é@example.com"])
def test_address_no_request_can_name(export, email):
    assert lost(export(user(email))) == {Loss.INVALID: [1]}
    assert not User.objects.exists()


def test_value_the_model_refuses(export):
    assert lost(export(user(username="two words"))) == {Loss.INVALID: [1]}
    assert not User.objects.exists()


@pytest.mark.parametrize("domain", ["ｅx-ss.com", "ex-\u017fs.com", "ex-ß.com", "ex-ss.ⓒom"])  # noqa: RUF001 (on purpose)
def test_address_that_looks_like_another_does_not_get_in(export, domain):
    UserFactory(email="admin@ex-ss.com")
    path = export(user(f"admin@{domain}", username="evil"), user("ADMIN@ex-ss.com"))
    tally = run(path)
    assert (summary(tally), tally.lines) == ((0, 1, 1), {Loss.INVALID: [1]})


def test_address_in_a_domain_of_other_letters_is_as_good_as_any(export):
    assert summary(run(export(user("Ann@BÜCHER.example")))) == (1, 0, 0)
    assert summary(run(export(user("ann@Bücher.example")))) == (0, 1, 0)


@pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "half a surrogate pair"])
@pytest.mark.parametrize("name", ["email", "username", "given_name", "family_name", "nickname"])
def test_character_a_database_may_refuse_costs_only_that_user(export, name, character):
    bad = user("b@example.com") | {name: f"b{character}@example.com"}
    path = export(user(), bad, user("c@example.com"))
    tried = run(path, write=False, batch=3)
    tally = run(path, batch=3)
    assert tally == tried
    assert (summary(tally), tally.lines) == ((2, 0, 1), {Loss.UNSTORABLE: [2]})
    assert set(User.objects.values_list("email", flat=True)) == {
        "ann@example.com",
        "c@example.com",
    }


def test_connection_that_is_not_known(export):
    assert lost(export(user(connection="Other"))) == {Loss.UNKNOWN_CONNECTION: [1]}


def test_line_without_a_connection_belongs_to_the_only_one(export):
    path = export(user(connection=None))
    assert lost(path, stores={"A": "default", "B": "default"}) == {Loss.UNKNOWN_CONNECTION: [1]}
    assert summary(run(path)) == (1, 0, 0)


def test_interruption_keeps_whole_batches_and_a_second_run_goes_on(export, monkeypatch):
    path = export(*(user(f"u{number}@example.com") for number in range(5)))
    add, calls = ModelUserStore._add, []

    def interrupted(self, *args):
        refused = add(self, *args)
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return refused

    tally = Tally()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patched.setattr(ModelUserStore, "_add", interrupted)
        import_users(path, STORES, tally, write=True, progress=lambda tally: None, batch=2)
    assert User.objects.count() == 2, "the second batch is undone"
    assert (tally.new, tally.last_line) == (2, 2)
    assert summary(run(path)) == (3, 2, 0)


@pytest.mark.parametrize("number", [1, 500])
def test_users_are_looked_for_a_batch_at_a_time(export, number):
    path = export(*(user(f"u{one}@example.com") for one in range(number)))
    with CaptureQueriesContext(database) as captured:
        run(path, batch=500)
    assert sum(query["sql"].startswith("SELECT") for query in captured) == 3


def test_batch_holds_nothing_of_a_line_but_its_user(monkeypatch):
    class Metadata:
        pass

    alive, held = WeakSet(), []

    def read_users(path):
        for number in range(1, 21):
            data = user(f"u{number}@example.com", user_metadata=Metadata())
            alive.add(data["user_metadata"])
            yield number, data

    import_accounts = ModelUserStore.import_accounts

    def watch(self, *args, **options):
        held.append(len(alive))
        return import_accounts(self, *args, **options)

    monkeypatch.setattr(users, "read_users", read_users)
    monkeypatch.setattr(ModelUserStore, "import_accounts", watch)
    assert summary(run(None, batch=10)) == (20, 0, 0)
    assert max(held) <= 1, "the line that was read last"


def test_two_thousand_users(export):
    path = export(*(user(f"u{number}@example.com") for number in range(2000)))
    calls = []
    tally = Tally()
    import_users(path, STORES, tally, write=True, progress=lambda tally: calls.append(tally.new))
    assert User.objects.count() == tally.new == 2000
    assert calls == [500, 1000, 1500, 2000]


def test_survey_names_what_is_wrong_and_stops_early(export):
    assert survey(export(user(), user(passwordHash=None))).hashes == 1
    path = export(user(), *[user(email=7)] * 30)
    with pytest.raises(ExportError) as caught:
        survey(path)
    assert len(caught.value.args) == users.SHOWN
    with pytest.raises(ExportError, match=r"line 1: must be an object"):
        survey(export(["a"]))


# the store


def test_filter_of_the_store_is_met():
    store = ModelUserStore(filter={"last_name": "Customer"})
    outcomes = store.import_accounts([Profile(email="ann@example.com")], write=True)
    assert outcomes == [Imported.NEW]
    assert store.find(email="ann@example.com")


def test_filter_nobody_new_can_meet():
    store = ModelUserStore(filter={"groups__name": "customers"})
    with pytest.raises(ImproperlyConfigured, match="groups__name"):
        store.import_accounts([Profile(email="ann@example.com")], write=True)


def test_verified_address_is_noted():
    store = ModelUserStore(email_verified_field="is_staff")  # a stand-in for a model's own
    profiles = [
        Profile(email="a@example.com", email_verified=True),
        Profile(email="b@example.com"),
    ]
    store.import_accounts(profiles, write=True)
    assert list(User.objects.filter(is_staff=True).values_list("email", flat=True)) == [
        "a@example.com"
    ]


@pytest.mark.django_db(transaction=True)
def test_user_model_without_username_and_with_another_address_field(settings):
    # Tokens of REST framework belong to the user model there was when they were loaded.
    others = [app for app in settings.INSTALLED_APPS if app != "rest_framework.authtoken"]
    settings.INSTALLED_APPS = [*others, "tests.support.people"]
    settings.AUTH_USER_MODEL = "people.Person"
    model = get_user_model()
    profile = Profile(email="Ann@Example.com", username="ann", password="bcrypt$hash")

    class Numbered(ModelUserStore):
        def user_from(self, profile):
            user = super().user_from(profile)
            user.number = uuid4()
            return user

    with database.schema_editor() as editor:
        editor.create_model(model)
    try:
        assert Numbered().import_accounts([profile], write=True) == [Imported.NEW]
        assert Numbered().import_accounts([profile], write=True) == [Imported.PRESENT]
        person = model.objects.get()
        assert (person.mailbox, person.password) == ("Ann@example.com", "bcrypt$hash")
        nameless = Profile(username="bob")
        assert Numbered().import_accounts([nameless], write=True) == [Imported.INVALID]
    finally:
        with database.schema_editor() as editor:
            editor.delete_model(model)


@contextmanager
def tables_of(*tables):
    with database.schema_editor() as editor:
        for table in tables:
            editor.create_model(table)
    try:
        yield
    finally:
        with database.schema_editor() as editor:
            for table in reversed(tables):
                editor.delete_model(table)


def store_of(model):
    store = ModelUserStore()
    store.model = model
    return store


@pytest.mark.django_db(transaction=True)
@isolate_apps("tests.support.people")
def test_user_model_without_an_address_tells_its_users_by_their_login():
    class Nameless(AbstractBaseUser):
        login = models.CharField(max_length=100, unique=True)
        USERNAME_FIELD = "login"

        class Meta:
            app_label = "people"

    profiles = [Profile(email="ann@example.com", username="ann"), Profile(email="b@example.com")]
    with tables_of(Nameless):
        store = store_of(Nameless)
        assert store.import_accounts(profiles, write=True) == [Imported.NEW] * 2
        assert store.import_accounts(profiles, write=True) == [Imported.PRESENT] * 2
        logins = Nameless._base_manager.order_by("login").values_list("login", flat=True)
        assert list(logins) == ["ann", "b@example.com"]


@pytest.mark.django_db(transaction=True)
@isolate_apps("tests.support.people")
def test_user_model_that_extends_another_has_both_rows_or_none():
    class Anybody(AbstractBaseUser):
        email = models.EmailField(unique=True)
        USERNAME_FIELD = "email"

        class Meta:
            app_label = "people"

    class Customer(Anybody):
        class Meta:
            app_label = "people"

    profiles = [Profile(email=f"{name}@example.com") for name in ("ann", "bob", "cy")]
    with tables_of(Anybody, Customer):
        Anybody._base_manager.create(email="bob@example.com")
        store = store_of(Customer)
        expected = [Imported.NEW, Imported.LOGIN_TAKEN, Imported.NEW]
        assert store.import_accounts(profiles, write=True) == expected
        customers = Customer._base_manager.order_by("email").values_list("email", flat=True)
        assert list(customers) == ["ann@example.com", "cy@example.com"]
        assert Anybody._base_manager.count() == 3


def test_password_is_not_in_the_representation():
    assert PASSWORD not in repr(Profile(password=PASSWORD))


def test_without_bcrypt_it_says_what_to_install(settings, monkeypatch):
    settings.PASSWORD_HASHERS = HASHERS
    assert users.check_hasher() == ""
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    assert "pip install 'dbconnections[import]'" in users.check_hasher()


def test_file_that_has_changed_since_it_was_looked_through(export):
    with pytest.raises(ExportError, match=r"line 3\.email"):
        run(export(user(), user("b@example.com"), user(email=7)))
    assert User.objects.count() == 2, "whole batches only"


def test_a_loss_names_the_first_lines_and_counts_all(export):
    tally = run(export(*(user(f"u{one}@example.com", passwordHash=None) for one in range(12))))
    assert tally.counts == {Loss.NO_HASH: 12}
    assert tally.lines == {Loss.NO_HASH: list(range(1, 11))}


@isolate_apps("tests.support.people")
def test_blocked_user_is_left_out_where_nobody_can_be_kept_out():
    class AlwaysActive(AbstractBaseUser):
        email = models.EmailField(unique=True)
        USERNAME_FIELD = "email"

        class Meta:
            app_label = "people"

    store = ModelUserStore()
    store.model = AlwaysActive
    for is_blocked in (False, True):
        profile = Profile(email="ann@example.com", is_blocked=is_blocked, password="bcrypt$hash")
        made = store.user_from(profile)
        assert store._is_valid(made, profile) is not is_blocked
