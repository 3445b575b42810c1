"""The life of a ticket: issued, opened, redeemed once, and every way it dies before that."""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone

from dbconnections import links, signals, tickets
from dbconnections.accounts import ModelUserStore
from dbconnections.delivery import deliver_due
from dbconnections.models import Client, Connection, ResetTicket, TicketState
from dbconnections.passwords import PasswordRefused
from dbconnections.secret import Secret
from dbconnections.tickets import (
    Reason,
    ResetRequest,
    Taken,
    TicketRefused,
    Unmailable,
    WrongRetype,
)
from dbconnections.transactions import Busy
from tests.factories import PASSWORD, MailedTicketFactory, ResetTicketFactory, UserFactory
from tests.support.signals import heard
from tests.support.time import let_pass

NEW = Secret("fresh-kettle-88")
GIVEN = Secret("brave-lantern-53")


@pytest.fixture
def ticket(jane, app, connection) -> ResetTicket:
    return MailedTicketFactory(user=jane, client=app, connection=connection)


@pytest.fixture
def sealed(jane, legacy_app, connection) -> ResetTicket:
    """A ticket of a request that brought a password along."""
    return sealed_ticket(user=jane, client=legacy_app, connection=connection)


@pytest.fixture
def retyped(sealed, legacy_app) -> ResetTicket:
    """The same, of a client that wants the password typed again."""
    legacy_app.confirmation = Client.Confirmation.RETYPE
    legacy_app.save()
    return sealed


def sealed_ticket(factory=MailedTicketFactory, password: Secret = GIVEN, **fields) -> ResetTicket:
    ticket_id = uuid4()
    return factory(
        id=ticket_id,
        password_given=True,
        sealed_password=links.seal(password, ticket_id),
        **fields,
    )


def columns(ticket: ResetTicket) -> dict:
    return ResetTicket.objects.filter(pk=ticket.pk).values().first() or {}


@contextmanager
def nothing_changes(ticket: ResetTicket):
    before = (columns(ticket), list(User.objects.values_list("pk", "password")))
    yield
    assert (columns(ticket), list(User.objects.values_list("pk", "password"))) == before


def logs_in(password: Secret) -> bool:
    return authenticate(username="jane", password=password.reveal()) is not None


def give_up_from(number: int) -> Callable:
    """Return a wrapper for queries that has the database give up from one of them on."""
    made = 0

    def wrapper(execute, sql, params, many, context):
        nonlocal made
        made += 1
        if made >= number:
            raise OperationalError("could not serialize access")
        return execute(sql, params, many, context)

    wrapper.reached = lambda: made >= number
    return wrapper


# Issued


def test_issuing_is_one_insert(app, connection, django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        tickets.issue(ResetRequest(client=app, connection=connection, email="jane@example.com"))
    assert queries[0]["sql"].startswith("INSERT")


def test_issued_ticket_is_due_and_lives_as_long_as_the_connection_says(app, connection):
    connection.ticket_lifetime = timedelta(minutes=7)
    ticket = tickets.issue(ResetRequest(client=app, connection=connection, username="jane"))
    assert ticket.expires_at - ticket.requested_at == timedelta(minutes=7)
    assert ticket.due_at == ticket.requested_at
    assert ticket.submitted == "jane"


def test_issued_ticket_holds_all_that_was_said(app, connection):
    said = {
        "email": "jane@example.com",
        "organization": "org_1",
        "language": "de",
        "ip": "192.0.2.1",
        "user_agent": "curl/8.5",
        "caller": "auth0.js 9.28",
        "base_url": "https://login.example.com",
        "account": "7",
        "requested_by": "joan",
        "result_url": "https://app.example.com/done",
        "include_email_in_redirect": True,
        "mark_email_as_verified": True,
        "may_open_staff": True,
    }
    ticket = tickets.issue(ResetRequest(client=app, connection=connection, **said))
    asked = {"client_id": app.pk, "connection_id": connection.pk, "username": ""}
    assert columns(ticket).items() >= (said | asked).items()
    elsewhere = {"client", "connection", "username", "password", "lifetime", "caller_id"}
    assert {field.name for field in fields(ResetRequest)} == {*said, *elsewhere}


def test_issued_ticket_holds_its_password_sealed(legacy_app, connection):
    ticket = tickets.issue(
        ResetRequest(client=legacy_app, connection=connection, email="a@b.example", password=GIVEN)
    )
    assert ticket.password_given
    assert GIVEN.reveal() not in str(columns(ticket))
    assert tickets.given_password(ticket) == GIVEN


# Opened


def test_opening_returns_ticket_and_account_and_changes_nothing(ticket, jane):
    with nothing_changes(ticket):
        opened, account = tickets.open(ticket.pk)
    assert (opened, account.user) == (ticket, jane)


@pytest.mark.parametrize("ticket_id", [None, UUID(int=0)])
@pytest.mark.parametrize("use", [tickets.open, tickets.redeem])
@pytest.mark.django_db
def test_unknown_ticket_is_refused(use, ticket_id):
    with pytest.raises(TicketRefused, match="unknown"):
        use(ticket_id)


def test_token_of_another_purpose_is_no_ticket(ticket):
    with nothing_changes(ticket), pytest.raises(TicketRefused, match="unknown"):
        tickets.redeem(links.read_token(links.make_token(ticket.pk, links.OPENED)), password=NEW)


# Redeemed


def test_redeeming_sets_the_password_once(ticket):
    assert tickets.redeem(ticket.pk, password=NEW) == ticket
    assert logs_in(NEW)
    with nothing_changes(ticket), pytest.raises(TicketRefused, match="used"):
        tickets.redeem(ticket.pk, password=Secret("other-kettle-99"))


def test_redeeming_is_dated_and_has_the_person_told(ticket):
    tickets.redeem(ticket.pk, password=NEW)
    ticket.refresh_from_db()
    assert ticket.used_at == ticket.opened_at == ticket.due_at
    assert ticket.attempts == 0


def test_redeeming_closes_the_other_links_of_the_account(ticket, jane, app, connection):
    request = {"client": app, "connection": connection, "requested_at": ticket.requested_at}
    other = MailedTicketFactory(user=jane, **request)
    somebody = MailedTicketFactory(**request)
    tickets.redeem(ticket.pk, password=NEW)
    other.refresh_from_db()
    assert other.superseded_at
    assert tickets.open(somebody.pk)


def test_weak_password_is_refused_and_the_ticket_lives_on(ticket):
    before = columns(ticket)
    with pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk, password=Secret("jane@example.com"))
    assert logs_in(Secret(PASSWORD))
    assert columns(ticket) == before | {"opened_at": columns(ticket)["opened_at"]}
    tickets.redeem(ticket.pk, password=NEW)


@pytest.mark.parametrize("failing", ["set_password", "end_sessions", "fingerprint"])
def test_failing_store_changes_nothing(ticket, monkeypatch, failing):
    def fail(*args):
        raise RuntimeError

    original = getattr(ModelUserStore, failing)
    # At the last step possible, after whatever it did.
    monkeypatch.setattr(
        ModelUserStore, failing, lambda *args: (original(*args), fail())[0], raising=True
    )
    with nothing_changes(ticket), pytest.raises(RuntimeError):
        tickets.redeem(ticket.pk, password=NEW)


# The ways to die, by name: what happens, and the reason given from then on.


def expire(ticket, user):
    past = timezone.now() - timedelta(seconds=1)
    ResetTicket.objects.filter(pk=ticket.pk).update(expires_at=past)


def stamp(column):
    return lambda ticket, user: ResetTicket.objects.filter(pk=ticket.pk).update(
        **{column: timezone.now()}
    )


def newer_is_sent(ticket, user):
    ResetTicketFactory(
        client=ticket.client,
        connection=ticket.connection,
        email=user.email,
        requested_at=ticket.requested_at + timedelta(minutes=2),  # on purpose, not a repetition
        due_at=ticket.requested_at,
    )
    assert deliver_due() == {"sent": 1}


def change_password(ticket, user):
    user.set_password("changed-elsewhere-7")
    user.save()


def change_user(**fields):
    return lambda ticket, user: User.objects.filter(pk=user.pk).update(**fields)


def make_unusable(ticket, user):
    user.set_unusable_password()
    user.save()


def change_client(**fields):
    return lambda ticket, user: Client.objects.filter(pk=ticket.client_id).update(**fields)


def change_connection(**fields):
    return lambda ticket, user: Connection.objects.filter(pk=ticket.connection_id).update(**fields)


DEATHS = {
    "used": (lambda ticket, user: tickets.redeem(ticket.pk, password=NEW), Reason.USED),
    "expired": (expire, Reason.EXPIRED),
    "declined": (lambda ticket, user: tickets.revoke(ticket.pk, "declined"), Reason.REVOKED),
    "superseded": (newer_is_sent, Reason.SUPERSEDED),
    "password changed": (change_password, Reason.CHANGED),
    "address changed": (change_user(email="new@example.com"), Reason.CHANGED),
    "address removed": (change_user(email=""), Reason.CLOSED),
    "account inactive": (change_user(is_active=False), Reason.CLOSED),
    "account unusable": (make_unusable, Reason.CLOSED),
    "account deleted": (lambda ticket, user: user.delete(), Reason.CLOSED),
    "client inactive": (change_client(is_active=False), Reason.CLOSED),
    "client deleted": (lambda ticket, user: ticket.client.delete(), Reason.UNKNOWN),
    "connection inactive": (change_connection(is_active=False), Reason.CLOSED),
    "connection of another strategy": (change_connection(strategy="samlp"), Reason.CLOSED),
    "connection not for the client": (
        lambda ticket, user: ticket.connection.clients.remove(ticket.client),
        Reason.CLOSED,
    ),
    "without account": (stamp("no_account_at"), Reason.CLOSED),
    "coalesced": (stamp("coalesced_at"), Reason.CLOSED),
    "suppressed": (stamp("suppressed_at"), Reason.CLOSED),
    "undeliverable": (stamp("undeliverable_at"), Reason.CLOSED),
    "never bound": (
        lambda ticket, user: ResetTicket.objects.filter(pk=ticket.pk).update(fingerprint=""),
        Reason.CLOSED,
    ),
}
dies = pytest.mark.parametrize(("kill", "reason"), DEATHS.values(), ids=DEATHS)

# What the account, the client or the connection has become may be undone, so the ticket is open.
NOT_FOR_GOOD = {
    "password changed",
    "address changed",
    "address removed",
    "account inactive",
    "account unusable",
    "account deleted",
    "client inactive",
    "connection inactive",
    "connection of another strategy",
    "connection not for the client",
    "never bound",
}


@pytest.fixture(params=["new password", "given password"])
def any_ticket(request, jane, legacy_app, connection) -> ResetTicket:
    if request.param == "new password":
        return MailedTicketFactory(user=jane, client=legacy_app, connection=connection)
    return sealed_ticket(user=jane, client=legacy_app, connection=connection)


def redeem(ticket: ResetTicket) -> ResetTicket:
    """Redeem a ticket the way it is meant to be."""
    return tickets.redeem(ticket.pk, password=None if ticket.sealed_password else NEW)


@dies
def test_dead_ticket_is_refused(any_ticket, jane, kill, reason):
    kill(any_ticket, jane)
    for use in (lambda: tickets.open(any_ticket.pk), lambda: redeem(any_ticket)):
        with nothing_changes(any_ticket), pytest.raises(TicketRefused) as refusal:
            use()
        assert refusal.value.reason == reason
        assert refusal.value.ticket == (None if reason == Reason.UNKNOWN else any_ticket)


def test_receivers_are_told_of_a_form_that_is_refused_not_of_a_page(any_ticket):
    tickets.revoke(any_ticket.pk, "declined")
    with heard(signals.reset_refused) as told:
        for options in ({}, {"submitted": True}):
            with pytest.raises(TicketRefused):
                tickets.open(any_ticket.pk, **options)
    assert [(said["stage"], said["reason"]) for said in told] == [("change", "revoked")]


def test_account_is_locked_for_the_change_alone(ticket, monkeypatch):
    """A page that is looked at must not hold up whoever logs in."""
    locked, get = [], ModelUserStore.get

    def note(store: ModelUserStore, account_id: str, *, for_update: bool = False) -> object:
        locked.append(for_update)
        return get(store, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", note)
    tickets.redeem(ticket.pk, password=NEW)
    assert locked == [False, True]


@dies
def test_ticket_that_dies_while_its_page_is_open_is_refused(any_ticket, jane, kill, reason):
    assert tickets.open(any_ticket.pk)
    kill(any_ticket, jane)
    with nothing_changes(any_ticket), pytest.raises(TicketRefused) as refusal:
        redeem(any_ticket)
    assert refusal.value.reason == reason


@dies
def test_ticket_that_dies_while_it_is_redeemed_is_refused(
    any_ticket, jane, kill, reason, monkeypatch
):
    """What was read first counts for nothing: the change itself is conditional."""

    def open_and_die(*args, **options):
        monkeypatch.undo()
        opened = tickets.open(*args, **options)
        kill(any_ticket, jane)
        dead.update(columns(any_ticket), password=hashes())
        return opened

    def hashes():
        return list(User.objects.values_list("password", flat=True))

    dead = {}
    monkeypatch.setattr(tickets, "open", open_and_die)
    with pytest.raises(TicketRefused) as refusal:
        redeem(any_ticket)
    assert refusal.value.reason == reason
    assert columns(any_ticket) | {"password": hashes()} == dead


def test_link_that_is_dead_for_the_change_alone_changes_nothing(ticket):
    """The UPDATE decides, even if whatever stood in its way is gone when the reason is sought."""

    def switch_off_meanwhile(execute, sql, *query):
        if not sql.startswith("UPDATE") or "used_at" not in sql:
            return execute(sql, *query)
        Client.objects.update(is_active=False)
        result = execute(sql, *query)
        Client.objects.update(is_active=True)
        return result

    with (
        database.execute_wrapper(switch_off_meanwhile),
        nothing_changes(ticket),
        pytest.raises(TicketRefused) as refusal,
    ):
        redeem(ticket)
    assert refusal.value.reason == Reason.CLOSED
    redeem(ticket)


@pytest.mark.parametrize(
    ("confirmation", "typed"),
    [(Client.Confirmation.BUTTON, None), (Client.Confirmation.RETYPE, GIVEN)],
)
def test_used_link_does_not_bring_its_given_password_back(sealed, confirmation, typed):
    Client.objects.update(confirmation=confirmation)
    tickets.redeem(sealed.pk, password=NEW)
    with pytest.raises(TicketRefused, match="used"):
        tickets.redeem(sealed.pk, retyped=typed)
    assert logs_in(NEW)


# Superseded, or not


def suppressed(settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAIL_CAPS": [(0, timedelta(minutes=15))]}


def failing(settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]


def undeliverable(settings):
    failing(settings)
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"DELIVERY_MAX_ATTEMPTS": 1}


@pytest.mark.parametrize(
    ("hinder", "outcome"),
    [(suppressed, "suppressed"), (failing, "retry"), (undeliverable, "undeliverable")],
)
def test_newer_one_that_is_not_sent_takes_no_link_away(
    ticket, jane, app, connection, settings, hinder, outcome
):
    settings.DBCONNECTIONS = dict(settings.DBCONNECTIONS)
    let_pass(timedelta(minutes=2))
    ResetTicketFactory(client=app, connection=connection, email=jane.email)
    assert tickets.open(ticket.pk), "a newer one that is waiting takes nothing away"
    hinder(settings)
    assert deliver_due() == {outcome: 1}
    tickets.redeem(ticket.pk, password=NEW)


def test_newer_one_for_somebody_else_takes_no_link_away(ticket, app, connection):
    ResetTicketFactory(client=app, connection=connection, email=UserFactory().email)
    assert deliver_due() == {"sent": 1}
    assert tickets.open(ticket.pk)


def test_newer_one_for_the_same_key_in_another_store_takes_no_link_away(
    ticket, jane, app, settings
):
    stores = {
        name: {"BACKEND": "dbconnections.accounts.ModelUserStore"} for name in ("default", "b")
    }
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"USER_STORES": stores}
    other = Connection.objects.create(name="Other", user_store="b")
    other.clients.add(app)
    ResetTicketFactory(client=app, connection=other, email=jane.email)
    assert deliver_due() == {"sent": 1}
    assert tickets.open(ticket.pk)


@pytest.mark.parametrize("is_active", [True, False])
def test_newer_one_through_another_connection_of_the_store_takes_the_link_away(
    ticket, jane, app, is_active
):
    Connection.objects.update(is_active=is_active)
    other = Connection.objects.create(name="Other")
    other.clients.add(app)
    ResetTicketFactory(client=app, connection=other, email=jane.email)
    assert deliver_due() == {"sent": 1}
    Connection.objects.update(is_active=True)
    with pytest.raises(TicketRefused, match="superseded"):
        tickets.open(ticket.pk)


def test_older_one_that_was_held_up_is_not_mailed_after_a_newer_one(ticket, jane, app, connection):
    late = ResetTicketFactory(
        client=app,
        connection=connection,
        email=jane.email,
        requested_at=ticket.requested_at - timedelta(minutes=1),
    )
    assert deliver_due() == {"superseded": 1}
    assert mail.outbox == []
    late.refresh_from_db()
    assert late.superseded_at
    assert tickets.open(ticket.pk)


# Revoked


def test_revoking_works_once(ticket):
    assert tickets.revoke(ticket.pk, "declined")
    assert not tickets.revoke(ticket.pk, "declined")


@pytest.mark.parametrize("death", DEATHS)
def test_only_a_ticket_that_nothing_has_ended_for_good_is_revoked(ticket, jane, death):
    kill, _reason = DEATHS[death]
    kill(ticket, jane)
    before = ResetTicket.objects.filter(pk=ticket.pk).values().first()
    assert tickets.revoke(ticket.pk, "administrator") == (death in NOT_FOR_GOOD)
    after = ResetTicket.objects.filter(pk=ticket.pk).values().first()
    if death in NOT_FOR_GOOD:
        assert after["revoked_at"]
    else:
        assert after == before


# A password given in the request


def test_button_confirms_the_given_password(sealed):
    tickets.redeem(sealed.pk)
    assert logs_in(GIVEN)


def test_link_without_a_given_password_confirms_nothing(ticket):
    with nothing_changes(ticket), pytest.raises(TicketRefused, match="closed") as refused:
        tickets.redeem(ticket.pk, retyped=Secret(""))
    assert refused.value.ticket == ticket


def test_given_password_that_no_key_opens_confirms_nothing(sealed, settings):
    settings.SECRET_KEY = "another"
    with nothing_changes(sealed), pytest.raises(TicketRefused, match="closed"):
        tickets.redeem(sealed.pk)
    tickets.redeem(sealed.pk, password=NEW)


def test_client_that_may_no_longer_send_passwords_has_none_confirmed(sealed):
    Client.objects.update(accepts_password=False)
    with nothing_changes(sealed), pytest.raises(TicketRefused, match="closed"):
        tickets.redeem(sealed.pk)
    tickets.redeem(sealed.pk, password=NEW)


def test_right_retype_sets_the_given_password(retyped):
    tickets.redeem(retyped.pk, retyped=GIVEN)
    assert logs_in(GIVEN)


WRONG = {
    "missing": None,
    "empty": Secret(""),
    "other": NEW,
    "shorter": Secret(GIVEN.reveal()[:-1]),
    "longer": Secret(GIVEN.reveal() + " "),
    "in capitals": Secret(GIVEN.reveal().upper()),
    "not ASCII": Secret("brave-länterñ-53"),
}


@pytest.mark.parametrize("typed", WRONG.values(), ids=WRONG)
def test_wrong_retype_sets_nothing_and_the_ticket_lives_on(retyped, typed):
    before = columns(retyped)
    with pytest.raises(WrongRetype):
        tickets.redeem(retyped.pk, retyped=typed)
    assert logs_in(Secret(PASSWORD))
    noted = {"opened_at": columns(retyped)["opened_at"], "wrong_retypes": 1}
    assert columns(retyped) == before | noted
    assert noted["opened_at"]
    tickets.redeem(retyped.pk, retyped=GIVEN)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_too_many_wrong_retypes_close_the_ticket(retyped, settings, most):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAX_RETYPES": most}
    for _ in range(most - 1):
        with pytest.raises(WrongRetype):
            tickets.redeem(retyped.pk, retyped=NEW)
    with pytest.raises(TicketRefused, match="revoked") as refused:
        tickets.redeem(retyped.pk, retyped=NEW)
    assert refused.value.ticket == retyped
    with nothing_changes(retyped), pytest.raises(TicketRefused, match="revoked"):
        tickets.redeem(retyped.pk, retyped=GIVEN)
    assert columns(retyped)["sealed_password"] == ""


def test_new_password_needs_no_retype(retyped):
    tickets.redeem(retyped.pk, password=NEW)
    assert logs_in(NEW)


def test_given_password_that_the_rules_refuse_stays_sealed(jane, legacy_app, connection):
    ticket = sealed_ticket(
        user=jane, client=legacy_app, connection=connection, password=Secret("jane@example.com")
    )
    with pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk)
    assert logs_in(Secret(PASSWORD))
    assert columns(ticket)["sealed_password"] == ticket.sealed_password
    assert columns(ticket)["opened_at"]
    tickets.redeem(ticket.pk, password=NEW)
    assert logs_in(NEW)


ERASERS = {
    "used": lambda ticket, user: tickets.redeem(ticket.pk),
    "used for another password": lambda ticket, user: tickets.redeem(ticket.pk, password=NEW),
    "revoked": lambda ticket, user: tickets.revoke(ticket.pk, "declined"),
    "superseded": newer_is_sent,
}


@pytest.mark.parametrize("end", ERASERS.values(), ids=ERASERS)
def test_end_of_a_ticket_erases_its_given_password(sealed, jane, end):
    end(sealed, jane)
    assert columns(sealed)["sealed_password"] == ""


@pytest.mark.parametrize(("reason", "is_opened"), [("declined", True), ("administrator", False)])
def test_who_declines_has_opened_the_link(ticket, reason, is_opened):
    assert tickets.revoke(ticket.pk, reason)
    assert bool(columns(ticket)["opened_at"]) == is_opened


@pytest.mark.django_db
def test_ticket_is_ended_by_the_worker_that_has_it_alone():
    claim = uuid4()
    due = ResetTicketFactory(claim=claim)
    before = columns(due)
    tickets.end(due, uuid4(), TicketState.NO_ACCOUNT)
    assert columns(due) == before
    tickets.end(due, claim, TicketState.NO_ACCOUNT)
    assert columns(due)["no_account_at"]


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["sent_at", "handed_over_at"])
def test_link_that_is_out_goes_on_working_when_mailing_it_once_more_fails(sealed, column):
    claim = uuid4()
    out = {"sent_at": None, column: timezone.now(), "claim": claim, "due_at": timezone.now()}
    ResetTicket.objects.update(**out, last_error="OSError")
    sealed.refresh_from_db()
    tickets.end(sealed, claim, TicketState.UNDELIVERABLE)
    left = columns(sealed)
    assert (left["undeliverable_at"], left["claim"]) == (None, None)
    assert left["sealed_password"]
    assert left["due_at"] == sealed.expires_at, "when what is sealed is to be erased"
    assert left["last_error"] == "OSError"

    ResetTicket.objects.update(claim=claim, sealed_password="")
    sealed.refresh_from_db()
    tickets.end(sealed, claim, TicketState.UNDELIVERABLE, "Too late.")
    left = columns(sealed)
    assert (left["due_at"], left["claim"], left["last_error"]) == (None, None, "Too late.")


def test_receivers_are_told_which_rule_refused_a_password(ticket):
    with heard(signals.reset_refused) as told, pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk, password=Secret("jane@example.com"))
    [said] = told
    assert said["reason"] == "invalid_password"
    assert said["details"] == {"name": "PasswordNoUserInfoError"}


# When the database gives up: deadlocks, serialization failures, locks


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [1, 2])
def test_change_that_the_database_gives_up_is_tried_again(ticket, monkeypatch, times):
    failures = iter([OperationalError] * times)
    original = ModelUserStore.set_password

    def set_password(*args):
        original(*args)
        for failure in failures:
            raise failure

    monkeypatch.setattr(ModelUserStore, "set_password", set_password)
    tickets.redeem(ticket.pk, password=NEW)
    assert logs_in(NEW)


def test_change_within_a_foreign_transaction_is_not_tried_again(ticket, monkeypatch):
    tries = []

    def set_password(*args):
        tries.append(args)
        raise OperationalError

    monkeypatch.setattr(ModelUserStore, "set_password", set_password)
    with nothing_changes(ticket), pytest.raises(Busy):
        tickets.redeem(ticket.pk, password=NEW)
    assert len(tries) == 1


USES = {
    "new password": lambda ticket: tickets.redeem(ticket.pk, password=NEW),
    "weak password": lambda ticket: tickets.redeem(ticket.pk, password=Secret("12345678")),
    "right retype": lambda ticket: tickets.redeem(ticket.pk, retyped=GIVEN),
    "wrong retype": lambda ticket: tickets.redeem(ticket.pk, retyped=NEW),
    "revoke": lambda ticket: tickets.revoke(ticket.pk, "declined"),
    "open": lambda ticket: tickets.open(ticket.pk),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_database_that_gives_up_is_busy_and_nothing_else(retyped, use, monkeypatch):
    """Whichever statement it gives up at, and at every one from there on."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for statement in range(1, 50):
        before = (columns(retyped), list(User.objects.values_list("password")))
        giving_up = give_up_from(statement)
        refusals = suppress(Busy, WrongRetype, PasswordRefused)
        with database.execute_wrapper(giving_up), refusals:
            use(retyped)
        if not giving_up.reached():
            break
        after = (columns(retyped), list(User.objects.values_list("password")))
        assert after == before
    else:
        pytest.fail("It never came to an end.")
    assert statement > 1


def test_mail_to_any_account_of_an_address_waits_for_the_first(jane, app, connection, monkeypatch):
    """Otherwise two workers, each with an account of its own, could pass the address's cap."""
    second = UserFactory(email=jane.email)
    claim, locked = uuid4(), []
    ticket = ResetTicketFactory(
        client=app, connection=connection, account=str(second.pk), email=jane.email, claim=claim
    )
    get = ModelUserStore.get

    def note(self, account_id, *, for_update=False):
        if for_update:
            locked.append(account_id)
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", note)
    tickets.bind(ticket, claim)
    assert locked == [str(jane.pk), str(second.pk)]


@pytest.mark.parametrize("account", ["", "missing"], ids=["none", "deleted"])
def test_ticket_of_nobody_is_not_bound(app, connection, account):
    claim = uuid4()
    ticket = ResetTicketFactory(client=app, connection=connection, account=account, claim=claim)
    with nothing_changes(ticket), pytest.raises(Unmailable) as refusal:
        tickets.bind(ticket, claim)
    assert (refusal.value.state, refusal.value.reason) == (TicketState.NO_ACCOUNT, "")
    assert str(refusal.value) == "no_account"


def test_ticket_is_bound_by_the_worker_that_has_it_alone(jane, app, connection):
    ticket = ResetTicketFactory(
        client=app, connection=connection, account=str(jane.pk), claim=uuid4()
    )
    with nothing_changes(ticket), pytest.raises(Taken):
        tickets.bind(ticket, uuid4())
    tickets.bind(ticket, ticket.claim)
    assert columns(ticket)["sent_to"] == jane.email
