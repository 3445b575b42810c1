"""What is told of each step, to logs, receivers and administrators, and what never is."""

import base64
import html
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import django
import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import NumericPasswordValidator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, transaction
from django.db import connection as database
from django.test import Client as Browser
from django.utils.log import AdminEmailHandler

from dbconnections import delivery, links, signals, tickets
from dbconnections.accounts import ModelUserStore
from dbconnections.delivery import deliver_due
from dbconnections.models import Client, Connection, ResetTicket
from dbconnections.passwords import PasswordRefused
from dbconnections.secret import Secret
from dbconnections.transactions import Busy
from tests.factories import MailedTicketFactory, ResetTicketFactory
from tests.support.mail import link_in
from tests.support.pages import submit
from tests.support.signals import heard, receiving
from tests.support.time import let_pass

NEW = Secret("fresh-kettle-88")
# Of a person's steps; the others tell of a worker, a mail provider or a back end.
STEPS = ("reset_requested", "reset_sent", "password_changed", "reset_revoked", "reset_refused")


@contextmanager
def listening(receiver, names=tuple(signals.__all__)) -> Iterator[None]:
    """Have a receiver told of everything: the signal's name, the sender, what it carries."""
    receivers = {
        name: lambda sender, signal, name=name, **carried: receiver(name, sender, carried)
        for name in names
    }
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(receiving(receivers[name], getattr(signals, name)))
        yield


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What receivers were told of a person's steps since the test began."""
    told = []

    def receiver(name, sender, carried):
        assert sender is ResetTicket
        told.append((name, carried))

    with listening(receiver, STEPS):
        yield told


@pytest.fixture
def logged(caplog):
    """Return a function that empties the log and returns its records' facts."""
    caplog.set_level(logging.DEBUG, logger="dbconnections")

    def logged() -> list[tuple[Any, ...]]:
        facts = ("levelname", "event", "reason", "ticket")
        records = [record for record in caplog.records if record.name == "dbconnections"]
        caplog.clear()
        return [tuple(getattr(record, fact, None) for fact in facts) for record in records]

    return logged


@pytest.fixture
def due(jane, app, connection) -> ResetTicket:
    return ResetTicketFactory(client=app, connection=connection, email=jane.email, ip="192.0.2.7")


@pytest.fixture
def ticket(jane, app, connection) -> ResetTicket:
    return MailedTicketFactory(user=jane, client=app, connection=connection)


@pytest.fixture
def retyped(jane, legacy_app, connection) -> ResetTicket:
    legacy_app.confirmation = Client.Confirmation.RETYPE
    legacy_app.save()
    ticket = MailedTicketFactory(user=jane, client=legacy_app, connection=connection)
    ticket.password_given, ticket.sealed_password = True, links.seal(NEW, ticket.pk)
    ticket.save()
    return ticket


# Each step


def test_request_is_told(app, connection, logged, told):
    request = tickets.ResetRequest(client=app, connection=connection, email="jane@example.com")
    ticket = tickets.issue(request)
    assert logged() == [("DEBUG", "requested", None, str(ticket.pk))]
    assert told == [("reset_requested", {"ticket": ticket})]


def test_sending_is_told_with_the_circumstances(due, jane, caplog, told):
    caplog.set_level(logging.INFO, logger="dbconnections")
    deliver_due()
    record, attempt = caplog.records
    assert record.getMessage() == "Password reset mail sent."
    assert {
        "event": "scpr",
        "ticket": str(due.pk),
        "client_id": "demo",
        "connection": "Username-Password-Authentication",
        "account": str(jane.pk),
        "ip": "192.0.2.7",
        "user_agent": "",
    }.items() <= vars(record).items()
    [(name, carried)] = told
    assert name == "reset_sent"
    assert (carried["ticket"], carried["account"].user) == (due, jane)
    assert attempt.name == "dbconnections.delivery"
    assert (attempt.event, attempt.ticket, attempt.outcome) == ("delivery", str(due.pk), "sent")
    assert attempt.attempts == 1
    assert 0 <= attempt.waited < 60


def test_every_attempt_is_told_with_how_often_and_how_long(due, jane, monkeypatch, caplog):
    caplog.set_level(logging.INFO, logger="dbconnections.delivery")
    with heard(signals.delivery_attempted) as told:
        with monkeypatch.context() as patched:
            patched.setattr(EmailBackend, "send_messages", fail)
            deliver_due()
        ResetTicket.objects.update(due_at="2000-01-01T00:00Z")
        let_pass(timedelta(minutes=10))
        deliver_due()
        tickets.redeem(due.pk, password=NEW)
        deliver_due()
    attempts = [(said["ticket"], said["outcome"], said["attempts"]) for said in told]
    assert attempts == [(due, "retry", 1), (due, "sent", 2), (due, "notified", 1)]
    waited = [r.waited for r in caplog.records if getattr(r, "event", "") == "delivery"]
    assert waited[0] < 60
    assert 600 <= waited[1] < 660, "since the request"
    assert waited[2] < 60, "since the change"


def cap(settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAIL_CAPS": [(0, timedelta(days=1))]}


UNSENT = [
    ("no_account", lambda settings, user: user.delete()),
    ("suppressed", lambda settings, user: cap(settings)),
    ("undeliverable", lambda settings, user: let_pass(timedelta(hours=2))),
    ("undeliverable", lambda settings, user: Connection.objects.update(is_active=False)),
]


@pytest.mark.parametrize(("reason", "prepare"), UNSENT)
def test_request_that_is_not_mailed_is_told(due, jane, settings, logged, told, reason, prepare):
    prepare(settings, jane)
    deliver_due()
    assert logged()[-1] == ("INFO", "fcpr", reason, str(due.pk))
    [(name, carried)] = told
    assert name == "reset_refused"
    assert carried == {"stage": "request", "reason": reason, "ticket": due, "details": {}}


def test_failed_attempt_is_logged_and_told_to_nobody(due, monkeypatch, logged, told):
    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    deliver_due()
    assert logged() == [("WARNING", "fcpr", "RuntimeError", str(due.pk))]
    assert told == []


def test_last_failed_attempt_is_an_error(due, monkeypatch, logged):
    ResetTicket.objects.update(unanswered=11)
    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    deliver_due()
    assert logged()[0] == ("ERROR", "fcpr", "RuntimeError", str(due.pk))


def fail(*args, **kwargs):
    raise RuntimeError(f"failed for {args!r}")


@pytest.mark.django_db(transaction=True)
def test_change_is_told_once_it_is_committed(ticket, jane, logged):
    committed = []
    with listening(
        lambda name, sender, carried: committed.append((name, transaction.get_autocommit()))
    ):
        tickets.redeem(ticket.pk, password=NEW)
    assert committed == [("password_changed", True)]
    assert logged() == [("INFO", "scp", None, str(ticket.pk))]


def test_change_is_told_with_the_account(ticket, jane, told):
    tickets.redeem(ticket.pk, password=NEW)
    [(name, carried)] = told
    assert name == "password_changed"
    assert (carried["ticket"], carried["account"].user) == (ticket, jane)
    assert set(carried) == {"ticket", "account"}


@pytest.mark.parametrize("reason", ["declined", "administrator"])
def test_revocation_is_told(ticket, logged, told, reason):
    tickets.revoke(ticket.pk, reason)
    tickets.revoke(ticket.pk, reason)
    assert logged() == [("WARNING", "fcp", reason, str(ticket.pk))]
    assert told == [("reset_revoked", {"ticket_id": ticket.pk, "reason": reason})]


REFUSALS = {
    "used": {"used_at": "2000-01-01T00:00Z"},
    "expired": {"expires_at": "2000-01-01T00:00Z"},
    "revoked": {"revoked_at": "2000-01-01T00:00Z"},
    "superseded": {"superseded_at": "2000-01-01T00:00Z"},
    "changed": {"fingerprint": "other"},
    "closed": {"account": "0"},
}


@pytest.mark.parametrize(("reason", "columns"), REFUSALS.items())
def test_refusal_of_a_change_is_told(ticket, logged, told, reason, columns):
    ResetTicket.objects.update(**columns)
    with pytest.raises(tickets.TicketRefused):
        tickets.redeem(ticket.pk, password=NEW)
    assert logged() == [("WARNING", "fcp", reason, str(ticket.pk))]
    refused = {"stage": "change", "reason": reason, "ticket": ticket, "details": {}}
    assert told == [("reset_refused", refused)]


@pytest.mark.django_db
def test_refusal_of_an_unknown_ticket_is_told(logged, told):
    with pytest.raises(tickets.TicketRefused):
        tickets.redeem(None)
    assert logged() == [("WARNING", "fcp", "unknown", None)]
    assert told[0][1]["ticket"] is None


def test_refused_password_is_told(ticket, logged, told):
    with pytest.raises(PasswordRefused):
        tickets.redeem(ticket.pk, password=Secret("12345678"))
    assert logged() == [("WARNING", "fcp", "invalid_password", str(ticket.pk))]
    assert [name for name, carried in told] == ["reset_refused"]


def test_wrong_retypes_are_told_and_the_end_they_make(retyped, settings, logged, told):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"MAX_RETYPES": 2}
    for refusal in (tickets.WrongRetype, tickets.TicketRefused):
        with pytest.raises(refusal):
            tickets.redeem(retyped.pk, retyped=Secret("wrong"))
    reasons = ["wrong_retype", "retypes", "revoked"]
    assert logged() == [("WARNING", "fcp", reason, str(retyped.pk)) for reason in reasons]
    names = ["reset_refused", "reset_revoked", "reset_refused"]
    assert [(name, carried["reason"]) for name, carried in told] == list(
        zip(names, reasons, strict=True)
    )


def test_looking_at_a_page_is_told_to_nobody(ticket, logged, told):
    tickets.open(ticket.pk)
    assert logged() == []
    assert told == []


def test_receivers_that_fail_harm_nobody(jane, legacy_app, connection, caplog):
    with listening(fail):
        request = tickets.ResetRequest(client=legacy_app, connection=connection, email=jane.email)
        ticket = tickets.issue(request)
        assert deliver_due() == {"sent": 1}
        with pytest.raises(tickets.TicketRefused):
            tickets.redeem(None)
        assert tickets.redeem(ticket.pk, password=NEW)
        assert deliver_due() == {"notified": 1}
        other = MailedTicketFactory(user=jane, client=legacy_app, connection=connection)
        assert tickets.revoke(other.pk, "declined")
    failures = [record for record in caplog.records if record.name == "django.dispatch"]
    assert len(failures) == 7, "five steps and two attempts"
    jane.refresh_from_db()
    assert jane.check_password(NEW.reveal())


# What is told to nobody: the password and the link. They are looked for wherever anything is
# written, as they are and as anything might write them.

CANARY = "Canary+73/éclair <&> 'x'"


def disguises(secret: str) -> set[str]:
    """Return a secret in every form in which it might be written."""
    data = secret.encode()
    shifted = [base64.b64encode(bytes(shift) + data)[4:-4].decode() for shift in range(3)]
    return {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        html.escape(secret),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        data.hex(),
        *shifted,
        *(text.replace("+", "-").replace("/", "_") for text in shifted),
    }


def leaks(text: str, *secrets: str) -> set[str]:
    return {form for secret in secrets for form in disguises(secret) if form in text}


def tokens_of(ticket: ResetTicket) -> list[str]:
    """Return what opens a ticket: the mailed token and the cookie's."""
    return [links.make_token(ticket.pk, purpose) for purpose in (links.MAILED, links.OPENED)]


@pytest.mark.parametrize(
    "written",
    [
        f"password={CANARY}!",
        json.dumps({"password": CANARY}),
        repr({"password": CANARY}),
        f"/?password={quote_plus(CANARY)}",
        base64.b64encode(f"1{CANARY}2".encode()).decode(),
        base64.urlsafe_b64encode(f"12{CANARY}".encode()).decode(),
        f"password={CANARY}".encode().hex(),
        html.escape(repr([CANARY])),
    ],
)
def test_canary_is_found_in_disguise(written):
    assert leaks(written, CANARY)


def dump() -> str:
    """Return every column of every table."""
    with database.cursor() as cursor:
        rows = []
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")  # noqa: S608
            rows += cursor.fetchall()
    return repr(rows)


@pytest.fixture
def reports(caplog, settings) -> Iterator[Any]:
    """Log everything, mail errors to an administrator in full; return all that was written."""
    administrator = "admin@example.com"
    settings.ADMINS = [administrator if django.VERSION >= (6, 0) else ("Admin", administrator)]
    for logger in (None, "dbconnections", "django", "django.db.backends", "django.template"):
        caplog.set_level(logging.DEBUG, logger=logger)
    to_admins = AdminEmailHandler(include_html=True)
    to_admins.setLevel(logging.ERROR)
    logging.getLogger().addHandler(to_admins)
    database.force_debug_cursor = True
    told = []

    def written() -> str:
        records = [caplog.handler.format(record) + repr(vars(record)) for record in caplog.records]
        return "\n".join([*records, *map(whole, admins()), *told])

    def remember(name, sender, carried):
        told.append(
            repr([name, carried, *(vars(thing) for thing in carried.values() if has_vars(thing))])
        )

    with listening(remember):
        yield written
    database.force_debug_cursor = False
    logging.getLogger().removeHandler(to_admins)


def has_vars(thing: object) -> bool:
    return hasattr(thing, "__dict__")


def whole(message: Any) -> str:
    """Return a mail as it is sent, and its parts without their encoding."""
    parts = [str(message.message()), message.body, *(text for text, _ in message.alternatives)]
    return "\n".join(parts)


def admins() -> list[Any]:
    return [message for message in mail.outbox if message.to == ["admin@example.com"]]


def to_jane() -> list[Any]:
    return [message for message in mail.outbox if message.to == ["jane@example.com"]]


def test_password_and_link_are_written_nowhere(ask, jane, legacy_app, reports):
    """A given password, first typed wrong, then right; and another reset with one typed anew."""
    legacy_app.confirmation = Client.Confirmation.RETYPE
    legacy_app.save()
    browser = Browser()
    dumps = []
    assert ask(client_id=legacy_app.client_id, password=CANARY).status_code == 200
    deliver_due()
    dumps.append(dump())
    page = browser.get(link_in(to_jane()[0]), follow=True)
    submit(browser, page, password=f"{CANARY}?")
    assert submit(browser, page, password=CANARY).status_code == 302
    deliver_due()
    ask()
    deliver_due()
    page = browser.get(link_in(to_jane()[2]), follow=True)
    submit(browser, page, new_password1=CANARY, new_password2=f"{CANARY}?")
    typed = {"new_password1": f"{CANARY}!", "new_password2": f"{CANARY}!"}
    assert submit(browser, page, **typed).status_code == 302
    deliver_due()
    dumps.append(dump())

    jane.refresh_from_db()
    assert jane.check_password(f"{CANARY}!")
    used = ResetTicket.objects.all()
    assert [bool(ticket.notified_at) for ticket in used] == [True, True]
    secrets = [CANARY, *(token for ticket in used for token in tokens_of(ticket))]
    for written in (*dumps, reports()):
        assert "jane@example.com" in written
        assert not leaks(written, *secrets)
    assert "'delivery_attempted'" in reports()
    assert "wrong_retype" in reports()
    assert "UPDATE" in reports()
    assert not leaks("\n".join(map(whole, mail.outbox)), CANARY)


def test_link_handed_over_is_written_nowhere(jane, app, connection, reports):
    request = tickets.ResetRequest(client=app, connection=connection, account=str(jane.pk))
    ticket = tickets.hand_over(request)
    tickets.report(ticket.pk, "delivered")
    for told in ("'reset_handed_over'", "'delivery_reported'"):
        assert told in reports()
    assert not leaks(reports() + dump(), *tokens_of(ticket))


def test_sealed_password_does_not_show_it():
    ticket = ResetTicketFactory.build(client=None, connection=None)
    sealed = links.seal(Secret(CANARY), ticket.pk)
    assert not leaks(sealed, CANARY)
    assert CANARY.encode() not in base64.urlsafe_b64decode(sealed)


def fail_with(secret):
    def failing(*args, **kwargs):
        raise RuntimeError(f"failed with {secret}")

    return failing


def quote_the_mail(self, messages):
    """Fail as a server may that quotes what it was sent; mail to administrators is taken."""
    for message in messages:
        if message.to != ["admin@example.com"]:
            raise RuntimeError(whole(message))
    return original_send_messages(self, messages)


original_send_messages = EmailBackend.send_messages


@pytest.mark.parametrize(
    ("where", "name", "failing"),
    [
        (ModelUserStore, "find", fail),
        (ModelUserStore, "fingerprint", fail),
        (links, "mailed_url", fail),
        (EmailBackend, "send_messages", quote_the_mail),
    ],
    ids=["find", "fingerprint", "link", "mail"],
)
def test_failing_delivery_writes_neither_password_nor_link(
    jane, legacy_app, connection, reports, monkeypatch, where, name, failing
):
    request = tickets.ResetRequest(
        client=legacy_app, connection=connection, email=jane.email, password=Secret(CANARY)
    )
    ticket = tickets.issue(request)
    ResetTicket.objects.update(unanswered=11)
    with monkeypatch.context() as patched:
        patched.setattr(where, name, failing)
        assert deliver_due() == {"undeliverable": 1}
    assert admins()
    ticket.refresh_from_db()
    assert ticket.last_error == "RuntimeError"
    assert not leaks(reports() + dump(), CANARY, *tokens_of(ticket))


def test_failing_template_writes_neither_password_nor_link(
    jane, legacy_app, connection, reports, settings, tmp_path
):
    template = tmp_path / "dbconnections" / "mail" / "reset.txt"
    template.parent.mkdir(parents=True)
    template.write_text("{% include url %}")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    request = tickets.ResetRequest(
        client=legacy_app, connection=connection, email=jane.email, password=Secret(CANARY)
    )
    ticket = tickets.issue(request)
    ResetTicket.objects.update(unanswered=11)
    assert deliver_due() == {"undeliverable": 1}
    assert admins()
    assert not leaks(reports() + dump(), CANARY, *tokens_of(ticket))


def test_failing_thread_writes_no_text_of_the_error(ticket, reports, monkeypatch, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"DELIVERY_MAX_DELAY": timedelta()}
    token = links.make_token(ticket.pk)
    monkeypatch.setattr(delivery, "deliver_due", fail_with(token))
    delivery.delivery_thread._deliver()
    assert "RuntimeError" in reports()
    assert not leaks(reports(), token)


FAILURES = {
    "store": lambda patch: patch.setattr(ModelUserStore, "set_password", fail_without_words),
    "sessions": lambda patch: patch.setattr(ModelUserStore, "end_sessions", fail_without_words),
    "lock": lambda patch: patch.setattr(ModelUserStore, "get", fail_without_words),
    "user": lambda patch: patch.setattr(User, "save", fail_without_words),
    "hasher": lambda patch: patch.setattr(MD5PasswordHasher, "encode", fail_without_words),
    "validator": lambda patch: patch.setattr(
        NumericPasswordValidator, "validate", fail_without_words
    ),
}


@pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES)
def test_failing_change_writes_neither_password_nor_link(ticket, reports, monkeypatch, fails):
    browser = Browser(raise_request_exception=False)
    page = browser.get(links.mailed_url(ticket.pk), follow=True)
    typed = {"new_password1": CANARY, "new_password2": CANARY}
    with monkeypatch.context() as patch:
        fails(patch)
        assert submit(browser, page, **typed).status_code == 500
    assert "RuntimeError" in reports()
    assert not leaks(reports() + dump(), CANARY, *tokens_of(ticket))


@pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES)
def test_failing_confirmation_writes_neither_password_nor_link(
    retyped, reports, monkeypatch, fails
):
    ResetTicket.objects.update(sealed_password=links.seal(Secret(CANARY), retyped.pk))
    browser = Browser(raise_request_exception=False)
    page = browser.get(links.mailed_url(retyped.pk), follow=True)
    with monkeypatch.context() as patch:
        fails(patch)
        assert submit(browser, page, password=CANARY).status_code == 500
    assert "RuntimeError" in reports()
    assert not leaks(reports() + dump(), CANARY, *tokens_of(retyped))


def fail_without_words(*args, **kwargs):
    del args, kwargs  # They would be in the report of this frame, which is the test's.
    raise RuntimeError


def test_no_exception_says_a_password(retyped, jane, monkeypatch):
    jane.last_name = CANARY
    jane.save()

    def fail(*args, **kwargs):
        raise OperationalError

    for refusal, given in {
        PasswordRefused: {"password": Secret(CANARY)},
        tickets.WrongRetype: {"retyped": Secret(CANARY)},
        Busy: {"retyped": NEW},
    }.items():
        if refusal is Busy:
            monkeypatch.setattr(ModelUserStore, "set_password", fail)
        with pytest.raises(refusal) as refused:
            tickets.redeem(retyped.pk, **given)
        said = "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
        assert not leaks(said, CANARY, NEW.reveal(), *tokens_of(retyped))
