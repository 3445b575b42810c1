"""The last passwords of an account, and what is said when one of them comes back."""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import translation

from dbconnections import retention, tickets
from dbconnections.accounts import UserStore
from dbconnections.models import PasswordHistory
from dbconnections.passwords import PasswordRefused, history
from dbconnections.passwords.history import check_history, in_english, reason, remember
from dbconnections.passwords.validators import HistoryValidator
from dbconnections.secret import Secret
from tests.auth0_import.conftest import HASHERS
from tests.factories import PASSWORD, ConnectionFactory, MailedTicketFactory, UserFactory

FEEDING = [{"NAME": "dbconnections.passwords.validators.HistoryValidator"}]

pytestmark = pytest.mark.django_db


@pytest.fixture
def remembering(connection):
    """A connection that remembers three passwords."""
    connection.password_history_size = 3
    connection.save()
    return connection


@pytest.fixture
def change(remembering, app, jane):
    """Change Jane's password by a mailed link."""

    def change(password):
        jane.refresh_from_db()
        ticket = MailedTicketFactory(user=jane, client=app, connection=remembering)
        tickets.redeem(ticket.pk, password=Secret(password))

    return change


def remembered():
    return PasswordHistory.objects.order_by("pk").values_list("password", flat=True)


def let_pass(time):
    PasswordHistory.objects.update(set_at=F("set_at") - time)


def test_last_passwords_do_not_come_back(change):
    for number in range(3):
        change(f"fresh-kettle-{number}")
    for number in range(3):
        with pytest.raises(PasswordRefused) as refused:
            change(f"fresh-kettle-{number}")
        assert refused.value.name == "PasswordHistoryError"
        assert refused.value.message == "Password has previously been used"
    change(PASSWORD)


def test_older_ones_are_forgotten(change):
    for number in range(5):
        change(f"fresh-kettle-{number}")
    assert len(remembered()) == 3
    change("fresh-kettle-1")


def test_password_from_before_the_history_counts_as_well(change):
    change("fresh-kettle-1")
    with pytest.raises(PasswordRefused):
        change(PASSWORD)


def test_present_password_counts_before_anything_is_remembered(change):
    with pytest.raises(PasswordRefused) as refused:
        change(PASSWORD)
    assert refused.value.description == "You may not reuse any of the last 3 passwords."
    assert refused.value.sentences == ["You may not reuse any of your last 3 passwords."]


def test_present_hash_that_nothing_can_read_forbids_nothing(change, jane, settings):
    """As an earlier version imported some from Auth0."""
    settings.PASSWORD_HASHERS = HASHERS
    jane.password = "bcrypt$$2b$04$" + "z" * 53
    jane.save()
    change("fresh-kettle-1")
    assert len(remembered()) == 2


def test_auth0s_words(change):
    change("fresh-kettle-1")
    let_pass(timedelta(minutes=1))
    with pytest.raises(PasswordRefused) as refused:
        change("fresh-kettle-1")
    assert refused.value.description == (
        "You may not reuse any of the last 3 passwords. This password was used a minute ago."
    )
    assert refused.value.sentences == [
        "You may not reuse any of your last 3 passwords. This one was set 1 minute ago."
    ]


def test_refused_password_leaves_the_ticket_alive(remembering, app, jane):
    ticket = MailedTicketFactory(user=jane, client=app, connection=remembering)
    with pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk, password=Secret(PASSWORD))
    tickets.redeem(ticket.pk, password=Secret("fresh-kettle-1"))


def test_hashes_are_the_sites_own(change, jane):
    change("fresh-kettle-1")
    jane.refresh_from_db()
    assert list(remembered())[-1] == jane.password
    assert "fresh-kettle-1" not in "".join(remembered())


def test_nothing_is_remembered_where_it_is_off(app, connection, jane):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    tickets.redeem(ticket.pk, password=Secret("fresh-kettle-1"))
    assert not remembered()
    check_history(connection, str(jane.pk), Secret("fresh-kettle-1"), "")


def test_each_connection_and_account_has_its_own(remembering, jane):
    remember(remembering, str(jane.pk), jane.password)
    check_history(remembering, "another", Secret(PASSWORD), "")
    other = ConnectionFactory(password_history_size=3)
    check_history(other, str(jane.pk), Secret(PASSWORD), "")
    with pytest.raises(PasswordRefused):
        check_history(remembering, str(jane.pk), Secret(PASSWORD), "")


def test_password_that_is_not_remembered_yet_counts_as_one_of_them(remembering, jane):
    remembering.password_history_size = 2
    for number in range(2):
        remember(remembering, str(jane.pk), make_password(f"fresh-kettle-{number}"))
    for password in (PASSWORD, "fresh-kettle-1"):
        with pytest.raises(PasswordRefused):
            check_history(remembering, str(jane.pk), Secret(password), jane.password)
    check_history(remembering, str(jane.pk), Secret("fresh-kettle-0"), jane.password)


def test_history_of_a_user_who_is_deleted_goes_along(change, jane):
    change("fresh-kettle-1")
    other = UserFactory()
    other.delete()
    assert remembered()
    jane.refresh_from_db()
    jane.delete()
    assert not remembered()


def test_site_with_a_store_that_is_no_more_may_still_change_its_users(remembering, jane):
    remembering.user_store = "gone"
    remembering.save()
    HistoryValidator().password_changed("fresh-kettle-1", jane)
    HistoryValidator().validate("fresh-kettle-1", jane)
    jane.delete()


def test_store_that_is_no_more_leaves_the_other_connections_their_history(jane):
    ConnectionFactory(name="A", password_history_size=3, user_store="gone")
    live = ConnectionFactory(name="B", password_history_size=3)  # gone through after it
    remember(live, str(jane.pk), make_password("fresh-kettle-1"))
    with pytest.raises(ValidationError):
        HistoryValidator().validate("fresh-kettle-1", jane)


class Elsewhere(UserStore):
    """A store whose keys are not those of the site's users."""

    def get(self, account_id, *, for_update=False):
        pytest.fail("a key that means nothing to it")


def test_users_of_the_site_are_none_of_another_kind_of_store(settings, remembering, jane):
    stores = {"default": {"BACKEND": f"{__name__}.Elsewhere"}}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": stores}
    remember(remembering, str(jane.pk), make_password("of-somebody-else"))
    HistoryValidator().validate("fresh-kettle-1", jane)
    HistoryValidator().password_changed("fresh-kettle-1", jane)
    jane.delete()
    assert len(remembered()) == 1


def test_history_that_is_switched_off_is_purged(remembering, change):
    change("fresh-kettle-1")
    retention.purge()
    assert remembered()
    remembering.password_history_size = 0
    remembering.save()
    retention.purge()
    assert not remembered()


def test_overlong_password_is_never_hashed(remembering, app, jane, monkeypatch):
    monkeypatch.setattr(history, "check_password", lambda *_: pytest.fail("hashed"))
    ticket = MailedTicketFactory(user=jane, client=app, connection=remembering)
    for password in ("x" * 129, "12345"):
        with pytest.raises(PasswordRefused) as refused:
            tickets.redeem(ticket.pk, password=Secret(password))
        assert refused.value.name == "PasswordStrengthError"


def test_shorter_history_forgets_at_once(remembering, change):
    for number in range(3):
        change(f"fresh-kettle-{number}")
    remembering.password_history_size = 1
    remembering.save()
    change("fresh-kettle-0")


def test_unusable_password_is_not_remembered(remembering, jane):
    remember(remembering, str(jane.pk), "")
    assert not remembered()


# Changes elsewhere


def test_change_elsewhere_counts_with_the_validator(settings, remembering, change, jane):
    settings.AUTH_PASSWORD_VALIDATORS = FEEDING
    jane.set_password("fresh-kettle-1")
    jane.save()
    jane.set_password("fresh-kettle-2")
    jane.save()
    assert len(remembered()) == 2
    with pytest.raises(PasswordRefused):
        change("fresh-kettle-1")


def test_change_by_link_is_remembered_once_with_the_validator(settings, change):
    settings.AUTH_PASSWORD_VALIDATORS = FEEDING
    change("fresh-kettle-1")
    assert len(remembered()) == 2, "that from before, and the new one"


def test_change_by_link_is_remembered_in_order_with_the_validator(settings, change, jane):
    """It is told of the new password before anybody is of the one from before."""
    settings.AUTH_PASSWORD_VALIDATORS = FEEDING
    before = jane.password
    change("fresh-kettle-1")
    jane.refresh_from_db()
    assert list(remembered()) == [before, jane.password]


def test_same_hash_is_remembered_once(remembering, jane):
    """As with a store that writes the password later."""
    remember(remembering, str(jane.pk), jane.password, before=jane.password)
    assert list(remembered()) == [jane.password]


def test_account_outside_the_store_is_not_remembered(settings, remembering):
    store = {"BACKEND": "dbconnections.accounts.ModelUserStore"}
    customers = store | {"OPTIONS": {"filter": {"is_staff": False}}}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": {"default": customers}}
    settings.AUTH_PASSWORD_VALIDATORS = FEEDING
    # As a form does; `create_user` tells no validator.
    boss, customer = UserFactory(is_staff=True), UserFactory()
    boss.set_password("fresh-kettle-1")
    boss.save()
    assert not remembered()
    customer.set_password("fresh-kettle-1")
    customer.save()
    PasswordHistory.objects.get(account=str(customer.pk)).delete()
    UserFactory().save()
    assert not remembered(), "nothing was changed"


# How long ago


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "a few seconds ago"),
        (timedelta(seconds=44), "a few seconds ago"),
        (timedelta(seconds=45), "a minute ago"),
        (timedelta(seconds=89), "a minute ago"),
        (timedelta(seconds=91), "2 minutes ago"),
        (timedelta(minutes=44), "44 minutes ago"),
        (timedelta(minutes=45), "an hour ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(hours=21), "21 hours ago"),
        (timedelta(hours=22), "a day ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=25), "25 days ago"),
        (timedelta(days=27), "a month ago"),
        (timedelta(days=60), "2 months ago"),
        (timedelta(days=300), "10 months ago"),
        (timedelta(days=330), "a year ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_age_in_auth0s_words(age, words):
    assert in_english(age) == words


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), " This one was set less than a minute ago."),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=31), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_age_in_words(age, words):
    assert words in reason(5, age)


def test_another_connections_history_is_not_forgotten():
    one, other = ConnectionFactory.create_batch(2, password_history_size=3)
    for connection in (one, other):
        remember(connection, "7", make_password("fresh-kettle-88"))
    history.forget("7", [one])
    assert [known.connection for known in PasswordHistory.objects.all()] == [other]


def test_size_in_words():
    assert reason(1, None).startswith("You may not reuse your last password.")
    with translation.override("de"):
        assert "letzten 5 Passwörter" in reason(5, timedelta(days=3))
