"""The outbox: what is sent, when, how often, and what happens when sending fails."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email.headerregistry import Address, parser
from smtplib import SMTP
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dbconnections import delivery, links, tickets
from dbconnections.accounts import ModelUserStore
from dbconnections.delivery import deliver_due, delivery_thread, next_due, send_again, status
from dbconnections.models import Client, Connection, ResetTicket, TicketState
from dbconnections.secret import Secret
from dbconnections.transactions import Busy
from tests.factories import (
    ClientFactory,
    ConnectionFactory,
    MailedTicketFactory,
    ResetTicketFactory,
    UserFactory,
)
from tests.support import processes
from tests.support.mail import Sink, link_in, send_through, smtp, ticket_in
from tests.support.time import let_pass, wait_until

NEW = Secret("fresh-kettle-88")
GIVEN = Secret("brave-lantern-53")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def due(jane, app, connection) -> ResetTicket:
    """A ticket that is to be mailed to Jane."""
    return ask_for(jane, app, connection)


@pytest.fixture
def sealed(due) -> ResetTicket:
    """The same, of a request that brought a password along."""
    return seal(due)


def ask_for(user, app, connection, **fields) -> ResetTicket:
    return ResetTicketFactory(client=app, connection=connection, email=user.email, **fields)


def seal(ticket: ResetTicket) -> ResetTicket:
    Client.objects.update(accepts_password=True)
    ticket.password_given = True
    ticket.sealed_password = links.seal(GIVEN, ticket.pk)
    ticket.save()
    return ticket


def now(ticket: ResetTicket) -> ResetTicket:
    """Return what has become of a ticket."""
    return ResetTicket.objects.with_state().get(pk=ticket.pk)


def change(settings, **changes) -> None:
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | changes


def make_due() -> None:
    """Let as much time pass as it takes, and have nothing expire meanwhile."""
    ResetTicket.objects.filter(due_at__isnull=False).update(due_at="2000-01-01T00:00Z")


@pytest.fixture
def on_send(monkeypatch):
    """Have something done, such as raising an error, whenever a mail is handed over."""

    def on_send(action, *, times: int = 1000, afterwards: bool = False):
        calls = iter(range(times))

        def send_messages(self, messages):
            if afterwards:
                original(self, messages)
            for _call in calls:
                action()
                break
            return len(messages) if afterwards else original(self, messages)

        monkeypatch.setattr(EmailBackend, "send_messages", send_messages)

    original = EmailBackend.send_messages
    return on_send


def raises(error: BaseException):
    def action():
        raise error

    return action


# Outcomes


def test_ticket_is_mailed_to_its_account_and_done(due, jane):
    assert deliver_due() == {"sent": 1}
    [message] = mail.outbox
    assert message.to == ["jane@example.com"]
    assert ticket_in(message) == due.pk
    ticket = now(due)
    assert ticket.current_state == TicketState.SENT
    assert (ticket.account, ticket.sent_to) == (str(jane.pk), "jane@example.com")
    assert (ticket.due_at, ticket.claim, ticket.attempts, ticket.last_error) == (None, None, 1, "")
    assert deliver_due() == {}


def test_ticket_notes_the_address_on_record_not_the_submitted_one(jane, app, connection):
    ticket = ResetTicketFactory(client=app, connection=connection, email="JANE@example.com")
    deliver_due()
    assert now(ticket).sent_to == "jane@example.com"


@pytest.mark.django_db
def test_nothing_due_is_nothing_done():
    assert deliver_due() == {}
    assert next_due() is None


def test_ticket_not_due_yet_waits(due):
    in_an_hour = due.requested_at + HOUR
    ResetTicket.objects.update(due_at=in_an_hour, expires_at=in_an_hour + HOUR)
    assert deliver_due() == {}
    assert 0.9 * HOUR < next_due() <= HOUR
    let_pass(0.9 * HOUR)
    assert deliver_due() == {}
    let_pass(0.1 * HOUR)
    assert next_due() == timedelta()
    assert deliver_due() == {"sent": 1}


def test_many_are_sent_in_batches_oldest_first(app, connection, settings):
    change(settings, DELIVERY_BATCH=2)
    users = [UserFactory() for _ in range(5)]
    for number, user in enumerate(users):
        ticket = ask_for(user, app, connection)
        ResetTicket.objects.filter(pk=ticket.pk).update(
            due_at=ticket.due_at - timedelta(minutes=number)
        )
    assert deliver_due() == {"sent": 5}
    assert [message.to for message in mail.outbox] == [[user.email] for user in reversed(users)]


def no_account(ticket, user, settings):
    user.delete()


def suppressed(ticket, user, settings):
    change(settings, MAIL_CAPS=[(0, DAY)])


def superseded(ticket, user, settings):
    newer = {"requested_at": ticket.requested_at + timedelta(seconds=1), "sent_to": "x"}
    MailedTicketFactory(user=user, client=ticket.client, connection=ticket.connection, **newer)


def expired(ticket, user, settings):
    let_pass(2 * HOUR)


def client_inactive(ticket, user, settings):
    Client.objects.update(is_active=False)


def connection_inactive(ticket, user, settings):
    Connection.objects.update(is_active=False)


def connection_not_for_the_client(ticket, user, settings):
    ticket.connection.clients.clear()


def address_impossible(ticket, user, settings):
    change(settings, FROM_EMAIL="two\nlines@example.com")


ENDS = {
    no_account: TicketState.NO_ACCOUNT,
    suppressed: TicketState.SUPPRESSED,
    superseded: TicketState.SUPERSEDED,
    expired: TicketState.UNDELIVERABLE,
    client_inactive: TicketState.UNDELIVERABLE,
    connection_inactive: TicketState.UNDELIVERABLE,
    connection_not_for_the_client: TicketState.UNDELIVERABLE,
    address_impossible: TicketState.UNDELIVERABLE,
}


@pytest.mark.parametrize(("prepare", "state"), ENDS.items())
def test_ticket_that_is_not_sent_ends_and_keeps_no_password(sealed, jane, settings, prepare, state):
    prepare(sealed, jane, settings)
    assert deliver_due() == {state.value: 1}
    assert mail.outbox == []
    ticket = now(sealed)
    assert ticket.current_state == state
    assert (ticket.sealed_password, ticket.due_at, ticket.claim) == ("", None, None)


def test_administrator_sees_that_nobody_sent_it_in_time(due):
    let_pass(2 * HOUR)
    deliver_due()
    assert now(due).last_error == "The link expired before it could be sent."


def test_given_password_is_erased_when_the_mailed_ticket_expires(sealed):
    assert deliver_due() == {"sent": 1}
    assert now(sealed).due_at == sealed.expires_at
    let_pass(HOUR - timedelta(minutes=1))
    assert deliver_due() == {}
    assert now(sealed).sealed_password
    let_pass(timedelta(minutes=1))
    assert deliver_due() == {"expired": 1}
    assert now(sealed).sealed_password == ""
    assert len(mail.outbox) == 1
    assert deliver_due() == {}


# Claims


def test_ticket_being_sent_is_nobody_elses(due, on_send):
    outcomes = []
    on_send(lambda: outcomes.append(deliver_due()), times=1)
    assert deliver_due() == {"sent": 1}
    assert outcomes == [{}]
    assert len(mail.outbox) == 1


def test_batch_that_waits_its_turn_is_nobody_elses(due, app, connection, on_send):
    """Not only the ticket that is being sent."""
    ask_for(UserFactory(), app, connection)
    outcomes = []
    on_send(lambda: outcomes.append(deliver_due()))
    assert deliver_due() == {"sent": 2}
    assert outcomes == [{}, {}]


def test_ticket_whose_lease_is_over_is_due_again(due, on_send, settings):
    change(settings, DELIVERY_LEASE=timedelta())
    outcomes = []
    on_send(lambda: outcomes.append(deliver_due()), times=1)
    deliver_due()
    assert outcomes == [{"sent": 1}]
    assert len({link_in(message) for message in mail.outbox}) == 1
    assert now(due).due_at is None


def test_worker_that_has_lost_its_claim_does_not_undo_what_another_did(due, on_send, settings):
    change(settings, DELIVERY_LEASE=timedelta())
    settled = []

    def be_overtaken():
        assert deliver_due() == {"sent": 1}
        settled.append(ResetTicket.objects.values().get())
        raise RuntimeError

    on_send(be_overtaken, times=1)
    deliver_due()
    assert ResetTicket.objects.values().get() == settled[0]


def test_of_two_mails_of_the_same_moment_one_has_a_link_that_works(
    due, jane, app, connection, on_send, settings
):
    """Each would close the other's while both are on their way."""
    change(settings, COALESCE_WINDOW=timedelta())

    def send_another():
        other = ask_for(jane, app, connection)
        at_once = now(due).requested_at
        ResetTicket.objects.filter(pk=other.pk).update(requested_at=at_once)
        assert deliver_due() == {"sent": 1}

    on_send(send_another, times=1)
    assert deliver_due() == {"sent": 1}
    assert len(mail.outbox) == 2
    assert len(ResetTicket.objects.redeemable()) == 1


def new(app, connection) -> ResetTicket:
    return ask_for(UserFactory(), app, connection)


def bound(app, connection) -> ResetTicket:
    """A ticket whose first mail failed."""
    just_now = timezone.now() - timedelta(seconds=1)
    tried = {"sent_at": None, "attempts": 1, "due_at": just_now}
    return MailedTicketFactory(client=app, connection=connection, **tried)


@pytest.mark.parametrize("waiting", [new, bound])
def test_ticket_revoked_while_it_waits_its_turn_is_not_mailed(
    due, app, connection, on_send, waiting
):
    other = waiting(app, connection)
    on_send(lambda: tickets.revoke(other.pk, "administrator"))
    assert deliver_due() == {"sent": 1, "taken": 1}
    assert [ticket_in(message) for message in mail.outbox] == [due.pk]


@pytest.mark.parametrize("waiting", [new, bound])
def test_ticket_revoked_while_its_account_is_looked_up_is_not_mailed(
    app, connection, monkeypatch, waiting
):
    ticket = waiting(app, connection)
    get = ModelUserStore.get

    def revoke_then_get(self, account_id, *, for_update=False):
        tickets.revoke(ticket.pk, "administrator")
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", revoke_then_get)
    assert deliver_due() == {"taken": 1}
    assert mail.outbox == []


def test_ticket_that_another_worker_claims_first_is_left_to_it(due, monkeypatch):
    """Where rows cannot be locked, both may have read it as due."""
    monkeypatch.setattr(database.features, "has_select_for_update_skip_locked", False)
    its_claims = [{"claim": uuid4(), "due_at": timezone.now() + timedelta(minutes=2)}]

    def claim_first(execute, sql, *query):
        result = execute(sql, *query)
        if sql.startswith("SELECT") and its_claims:
            ResetTicket.objects.update(**its_claims.pop())
        return result

    with database.execute_wrapper(claim_first):
        assert deliver_due() == {"taken": 1}
    assert mail.outbox == []


def test_rows_that_another_worker_is_claiming_are_passed_over(due):
    with CaptureQueriesContext(database) as captured:
        deliver_due()
    skipped = any("SKIP LOCKED" in query["sql"] for query in captured)
    assert skipped is database.features.has_select_for_update_skip_locked


def test_ticket_deleted_as_its_attempt_begins_holds_up_no_other(due, app, connection):
    other = ask_for(UserFactory(), app, connection)
    left = [due.pk]

    def delete(execute, sql, *query):
        result = execute(sql, *query)
        if sql.startswith("UPDATE") and "attempts" in sql and left:
            ResetTicket.objects.filter(pk=left.pop()).delete()
        return result

    with database.execute_wrapper(delete):
        assert deliver_due() == {"taken": 1, "sent": 1}
    assert [ticket_in(message) for message in mail.outbox] == [other.pk]


def test_mail_at_hand_is_the_last_once_it_is_to_stop(due, app, connection, on_send):
    other = ask_for(UserFactory(), app, connection)
    stop = threading.Event()
    on_send(stop.set)
    assert deliver_due(stop) == {"sent": 1}
    make_due()
    assert deliver_due() == {"sent": 1}, "the rest is for whoever comes next"
    assert [ticket_in(message) for message in mail.outbox] == [due.pk, other.pk]


def test_attempt_is_counted_before_it_is_made(due, on_send):
    attempts = []
    on_send(lambda: attempts.append(now(due).attempts))
    deliver_due()
    assert attempts == [1]


def test_link_used_before_its_sending_was_noted_has_its_change_told(due, on_send):
    on_send(lambda: tickets.redeem(due.pk, password=NEW), times=1)
    assert deliver_due() == {"sent": 1, "notified": 1}
    ticket = now(due)
    assert ticket.sent_at
    assert ticket.notified_at


def deliver_slowly(started: str) -> None:
    os.environ["MAIL_STARTED"] = started
    with send_through("tests.support.mail.SlowBackend"):
        deliver_due()


@pytest.mark.django_db(transaction=True)
def test_ticket_of_a_killed_worker_is_sent_after_its_lease(due, tmp_path):
    started = tmp_path / "started"
    with processes.running(deliver_slowly, started=str(started)) as worker:
        wait_until(started.exists)
        worker.kill()
    assert now(due).attempts == 1
    assert deliver_due() == {}
    let_pass(timedelta(minutes=2))
    assert deliver_due() == {"sent": 1}
    assert now(due).attempts == 2


def test_ticket_that_kills_every_worker_is_given_up(sealed):
    # As the worker left it that was killed by the last attempt.
    ResetTicket.objects.update(attempts=12, unanswered=12, claim=uuid4())
    assert deliver_due() == {"undeliverable": 1}
    assert mail.outbox == []
    assert now(sealed).sealed_password == ""


def test_link_handed_over_by_a_killed_worker_outlives_the_refusal_of_its_retry(
    sink, sealed, monkeypatch
):
    """It died between handing over the mail and noting that."""

    def die(*args):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_note_sent", die)
        with pytest.raises(SystemExit):
            deliver_due()
    assert len(sink.accepted) == 1
    let_pass(timedelta(minutes=2))
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"undeliverable": 1}
    ticket = now(sealed)
    assert ticket.current_state == TicketState.SENT
    assert tickets.given_password(tickets.open(sealed.pk)[0]) == GIVEN


@pytest.mark.parametrize("begun", [True, False])
def test_ticket_left_by_a_killed_worker_counts_as_sent_if_it_was_begun(
    app, connection, on_send, begun
):
    ticket = bound(app, connection)
    left = {"claim": uuid4(), "unanswered": int(begun)}
    ResetTicket.objects.filter(pk=ticket.pk).update(**left)
    on_send(raises(OSError()))
    assert deliver_due() == {"retry": 1}
    assert bool(now(ticket).sent_at) == begun


def test_ticket_whose_worker_was_killed_before_its_account_was_found_was_not_sent(due, on_send):
    ResetTicket.objects.update(claim=uuid4(), unanswered=1)
    on_send(raises(OSError()))
    assert deliver_due() == {"retry": 1}
    assert now(due).sent_at is None


def test_worker_that_is_told_to_exit_leaves_the_ticket_to_others(due, on_send):
    on_send(raises(SystemExit()), times=1)
    with pytest.raises(SystemExit):
        deliver_due()
    let_pass(timedelta(minutes=2))
    assert deliver_due() == {"sent": 1}


# Failing


def test_failed_mail_is_sent_again_with_the_same_link(due, on_send):
    on_send(raises(OSError("No route to jane@example.com")), times=1, afterwards=True)
    assert deliver_due() == {"retry": 1}
    ticket = now(due)
    assert ticket.current_state == TicketState.REQUESTED
    assert (ticket.last_error, ticket.claim) == ("OSError", None)
    assert deliver_due() == {}
    let_pass(timedelta(seconds=13))
    assert deliver_due() == {"sent": 1}
    assert now(due).last_error == ""
    assert len({link_in(message) for message in mail.outbox}) == 1
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 640), (8, 900), (11, 900)],
)
def test_pauses_between_attempts_grow(due, on_send, attempt, seconds):
    ResetTicket.objects.update(attempts=attempt - 1)
    on_send(raises(OSError()))
    begun = timezone.now()
    assert deliver_due() == {"retry": 1}
    pause = now(due).due_at - begun
    assert seconds * 0.75 - 1 < pause.total_seconds() < seconds * 1.25 + 5


def test_pauses_differ(app, connection, on_send):
    for _ in range(5):
        ask_for(UserFactory(), app, connection)
    on_send(raises(OSError()))
    assert deliver_due() == {"retry": 5}
    due_at = ResetTicket.objects.order_by("due_at").values_list("due_at", flat=True)
    assert due_at[4] - due_at[0] > timedelta(milliseconds=100)


def test_older_mail_is_sent_while_a_newer_one_fails(jane, app, connection, on_send):
    on_send(raises(OSError()), times=1)
    newer = ask_for(jane, app, connection)
    assert deliver_due() == {"retry": 1}
    ask_for(jane, app, connection, requested_at=newer.requested_at - timedelta(minutes=1))
    assert deliver_due() == {"sent": 1}


def test_mail_that_cannot_be_made_is_given_up_after_the_last_attempt(sealed, on_send, settings):
    change(settings, DELIVERY_MAX_ATTEMPTS=3)
    on_send(raises(RuntimeError()))
    for outcome in ("retry", "retry", "undeliverable"):
        assert deliver_due() == {outcome: 1}
        make_due()
    assert deliver_due() == {}
    ticket = now(sealed)
    assert (ticket.attempts, ticket.last_error, ticket.sealed_password) == (3, "RuntimeError", "")
    with pytest.raises(tickets.TicketRefused, match="closed"):
        tickets.open(sealed.pk)


def test_server_that_puts_a_mail_off_is_asked_until_the_link_expires(due, on_send, settings):
    change(settings, DELIVERY_MAX_ATTEMPTS=3, DELIVERY_MAX_DELAY=timedelta(minutes=1))
    on_send(raises(OSError()))
    outcomes = []
    while outcomes[-1:] != ["undeliverable"]:
        outcomes.extend(deliver_due())
        ticket = now(due)
        assert ticket.current_state in (TicketState.REQUESTED, TicketState.UNDELIVERABLE)
        if ticket.due_at:
            assert ticket.due_at < ticket.expires_at, "no attempt is planned for after the end"
            let_pass(next_due())
    assert len(outcomes) > 60, "an hour, a minute between two attempts"
    left = ticket.expires_at - ticket.undeliverable_at
    assert left < timedelta(seconds=30)
    assert ticket.last_error == "OSError. The link expires before another attempt."


def test_only_attempts_in_a_row_without_an_answer_count(due, on_send, settings):
    """A deployment now and then that ends a worker is not the ticket's fault."""
    change(settings, DELIVERY_MAX_ATTEMPTS=2)
    on_send(raises(OSError()))
    for _ in range(3):
        ResetTicket.objects.update(unanswered=1, due_at="2000-01-01T00:00Z")
        assert deliver_due() == {"retry": 1}
        assert now(due).unanswered == 0


def find(self, *, email="", username=""):
    if email == "poison@example.com":
        raise RuntimeError("poison")
    return original_find(self, email=email, username=username)


def is_resettable(self, account):
    if account.email == "poison@example.com":
        raise RuntimeError("poison")
    return True


original_find = ModelUserStore.find


@pytest.mark.parametrize("method", [find, is_resettable])
def test_poisonous_ticket_holds_up_no_other(jane, app, connection, monkeypatch, method):
    poison = ask_for(UserFactory(email="poison@example.com"), app, connection)
    ask_for(jane, app, connection)
    ask_for(UserFactory(), app, connection)
    monkeypatch.setattr(ModelUserStore, method.__name__, method)
    assert deliver_due() == {"retry": 1, "sent": 2}
    assert now(poison).last_error == "RuntimeError"


def test_broken_template_of_one_client_holds_up_no_other(due, connection, settings, tmp_path):
    template = tmp_path / "dbconnections" / "mail" / "clients" / "broken" / "reset.txt"
    template.parent.mkdir(parents=True)
    template.write_text("{% no_such_tag %}")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    broken = Client.objects.create(client_id="broken", name="Broken")
    connection.clients.add(broken)
    ask_for(UserFactory(), broken, connection)
    assert deliver_due() == {"retry": 1, "sent": 1}
    assert [ticket_in(message) for message in mail.outbox] == [due.pk]


@pytest.mark.django_db(transaction=True)
def test_database_that_gives_up_once_costs_no_mail_and_none_twice(jane, app, connection):
    """Whichever statement it gives up at, those after the mail was handed over above all."""
    for statement in range(1, 60):
        ResetTicket.objects.all().delete()
        mail.outbox.clear()
        ask_for(jane, app, connection)
        made = 0

        def give_up_once(execute, *query):
            nonlocal made
            made += 1
            if made == statement:  # noqa: B023 (called within this round only)
                raise OperationalError("Deadlock found when trying to get lock")
            return execute(*query)

        with database.execute_wrapper(give_up_once):
            try:
                deliver_due()
            except (OperationalError, Busy):
                assert mail.outbox == []
        make_due()
        deliver_due()
        assert len(mail.outbox) == 1, f"statement {statement}"
        assert tickets.open(ticket_in(mail.outbox[0]))
        if made < statement:
            return
    pytest.fail("It never came to an end.")


# Real mail servers


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink, smtp(sink.port):
        yield sink


@pytest.mark.parametrize(
    ("command", "reply", "outcome", "error"),
    [
        ("CONNECT", "421 too many connections", "retry", "SMTPConnectError 421"),
        ("CONNECT", "554 no service here", "retry", "SMTPConnectError 554"),
        ("HELO", "421 shutting down", "retry", "SMTPHeloError 421"),
        ("HELO", "550 whoever you are", "retry", "SMTPHeloError 550"),
        ("MAIL", "421 try later", "retry", "SMTPSenderRefused 421"),
        ("MAIL", "550 sender unknown", "retry", "SMTPSenderRefused 550"),
        ("RCPT", "421 jane@example.com: too busy", "retry", "SMTPRecipientsRefused 421"),
        ("RCPT", "451 jane@example.com: greylisted", "retry", "SMTPRecipientsRefused 451"),
        ("RCPT", "550 jane@example.com: unknown", "undeliverable", "SMTPRecipientsRefused 550"),
        ("RCPT", "553 jane@example.com: no mailbox", "undeliverable", "SMTPRecipientsRefused 553"),
        ("DATA", "421 shutting down", "retry", "SMTPDataError 421"),
        ("DATA", "451 try later", "retry", "SMTPDataError 451"),
        ("DATA", "550 looks like spam", "undeliverable", "SMTPDataError 550"),
        ("DATA", "554 no", "undeliverable", "SMTPDataError 554"),
    ],
)
def test_mail_server_that_refuses(sink, due, command, reply, outcome, error):
    sink.replies[command].append(reply)
    assert deliver_due() == {outcome: 1}
    assert now(due).last_error == error
    make_due()
    assert deliver_due() == ({"sent": 1} if outcome == "retry" else {})
    assert len(sink.accepted) == (outcome == "retry")


@pytest.mark.parametrize(
    "stored",
    [
        "jane doe@",
        "jane@example.com, joan@example.com",
        "jane@example.com\nBcc: joan@example.com",
        f"jane@{'x' * 70}é.example",  # no such domain in IDNA
    ],
)
def test_address_that_cannot_be_written_is_undeliverable_at_once(sink, due, jane, stored):
    """No server would ever get to see it."""
    User.objects.filter(pk=jane.pk).update(email=stored)
    ResetTicket.objects.update(account=jane.pk)
    assert deliver_due() == {"undeliverable": 1}
    assert now(due).last_error in {
        "ValueError",
        "BadHeaderError",
        "UnicodeError",
        "UnicodeEncodeError",
        "IndexError",
    }
    assert sink.accepted == []


@pytest.mark.parametrize(
    "write",
    [
        lambda: Address(addr_spec="no address"),
        lambda: parser.get_mailbox("@"),
        lambda: Address(username="jane", domain="example.com\n"),
        lambda: SMTP().putcmd("RCPT", "TO:<jane@example.com>\n"),
    ],
)
def test_mail_that_cannot_be_written_is_undeliverable_at_once(due, on_send, write):
    """Whatever Django, or the standard library, calls the error."""
    on_send(write)
    assert deliver_due() == {"undeliverable": 1}
    assert mail.outbox == []


def decoding(*args, **kwargs):
    """Fail as code does that takes one kind of text for another."""
    b"\xff".decode("ascii")


def parsing(*args, **kwargs):
    return int("x")


@pytest.mark.parametrize("broken", [decoding, parsing])
@pytest.mark.parametrize(
    ("owner", "name"),
    [(ModelUserStore, "find"), (delivery.mail, "_render"), (EmailBackend, "send_messages")],
    ids=["user store", "template", "backend"],
)
def test_error_in_the_sites_code_is_no_fault_of_the_mail(due, monkeypatch, owner, name, broken):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        assert deliver_due() == {"retry": 1}
    make_due()
    assert deliver_due() == {"sent": 1}


class TakesNothing(EmailBackend):
    """A backend that says so when it has sent nothing, and raises no error."""

    def send_messages(self, messages):
        return 0


def test_mail_that_the_backend_did_not_send_is_tried_again(due):
    with send_through(f"{__name__}.TakesNothing"):
        assert deliver_due() == {"retry": 1}
    assert (now(due).sent_at, now(due).last_error) == (None, "NotSent")
    make_due()
    assert deliver_due() == {"sent": 1}


def test_link_is_not_mailed_without_the_address_of_the_site(due, settings):
    """As when the setting gets lost after the request."""
    base_url = settings.DBCONNECTIONS["BASE_URL"]
    change(settings, BASE_URL="")
    assert deliver_due() == {"retry": 1}
    assert mail.outbox == []
    assert (now(due).sent_at, now(due).last_error) == (None, "BaseURLMissing")
    change(settings, BASE_URL=base_url)
    make_due()
    assert deliver_due() == {"sent": 1}
    assert link_in(mail.outbox[0]).startswith(base_url)


def test_mail_server_that_recovers(sink, due):
    sink.replies["DATA"] = ["421 not yet", "451 not yet", "421 not yet"]
    for outcome in ("retry", "retry", "retry", "sent"):
        assert deliver_due() == {outcome: 1}
        make_due()
    assert now(due).attempts == 4
    assert b"To: jane@example.com" in sink.accepted[0]


def test_link_taken_without_a_word_outlives_the_refusal_of_its_retry(sink, sealed):
    """The first mail may have arrived; only the second is known not to have."""
    sink.unanswered = 1
    assert deliver_due() == {"retry": 1}
    assert now(sealed).last_error == "SMTPServerDisconnected"
    make_due()
    sink.replies["DATA"].append("451 try later")
    assert deliver_due() == {"retry": 1}
    make_due()
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"undeliverable": 1}
    assert len(sink.accepted) == 1
    ticket = now(sealed)
    assert ticket.current_state == TicketState.SENT
    assert ticket.last_error == (
        "SMTPRecipientsRefused 550. An earlier attempt may have been delivered."
    )
    assert tickets.given_password(tickets.open(sealed.pk)[0]) == GIVEN
    figures = status()
    assert (figures["due"], figures["dead_last_day"]) == (0, 0)
    # Nothing is sent again, and its password does not outlive the link.
    assert deliver_due() == {}
    let_pass(HOUR)
    assert deliver_due() == {"expired": 1}
    assert now(sealed).sealed_password == ""


def test_link_taken_without_a_word_at_the_last_attempt_works_to_its_end(sink, due):
    ResetTicket.objects.update(expires_at=timezone.now() + timedelta(seconds=15))
    sink.unanswered = 1
    assert deliver_due() == {"undeliverable": 1}
    assert now(due).last_error == (
        "SMTPServerDisconnected. The link expires before another attempt."
    )
    assert tickets.open(due.pk)


def test_link_that_could_not_be_noted_outlives_the_refusal_of_its_retry(sink, due, monkeypatch):
    """The mail is out, whatever the database says of it."""

    def busy(*arguments):
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_note_sent", busy)
        assert deliver_due() == {"retry": 1}
    assert now(due).last_error == "NotNoted"
    make_due()
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"undeliverable": 1}
    assert len(sink.accepted) == 1
    assert tickets.open(due.pk)


def test_ticket_that_waited_in_the_batch_of_a_stopped_worker_was_not_sent(due, on_send):
    """That an earlier attempt failed before anything was sent does not change it."""
    on_send(raises(RuntimeError()), times=1)
    assert deliver_due() == {"retry": 1}
    assert now(due).unanswered == 1
    make_due()
    ResetTicket.objects.update(claim=uuid4())
    on_send(raises(OSError()), times=1)
    assert deliver_due() == {"retry": 1}
    assert now(due).sent_at is None


def test_mail_taken_without_a_word_is_sent_again(sink, due):
    sink.unanswered = 1
    assert deliver_due() == {"retry": 1}
    make_due()
    assert deliver_due() == {"sent": 1}
    assert len(sink.accepted) == 2
    assert now(due).last_error == ""


@pytest.mark.parametrize(
    ("command", "reply"),
    [("CONNECT", "421 later"), ("RCPT", "451 later"), ("DATA", "451 later"), ("DATA", "421 later")],
)
def test_mail_put_off_and_then_refused_is_undeliverable(sink, due, command, reply):
    """Nobody has its link: an answer came each time."""
    sink.replies[command].append(reply)
    assert deliver_due() == {"retry": 1}
    make_due()
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"undeliverable": 1}
    assert now(due).current_state == TicketState.UNDELIVERABLE
    assert now(due).last_error == "SMTPRecipientsRefused 550"


@pytest.mark.parametrize("how", ["hangs up", "worker dies"])
def test_change_told_without_a_word_is_no_link_sent(sink, jane, app, connection, how):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    tickets.redeem(ticket.pk, password=NEW)
    if how == "hangs up":
        sink.unanswered = 1
        assert deliver_due() == {"retry": 1}
        assert len(sink.accepted) == 1
    else:
        ResetTicket.objects.update(claim=uuid4(), unanswered=1)
    make_due()
    assert deliver_due() == {"notified": 1}
    assert now(ticket).sent_at == ticket.sent_at


def test_mails_of_a_batch_go_over_one_connection(sink, app, connection):
    for _ in range(5):
        ask_for(UserFactory(), app, connection)
    assert deliver_due() == {"sent": 5}
    assert sink.connections == 1


@pytest.mark.parametrize("reply", ["421 closing", "550 unknown"])
def test_mail_after_a_failed_one_is_sent(sink, app, connection, reply):
    sink.replies["RCPT"].append(reply)
    for _ in range(3):
        ask_for(UserFactory(), app, connection)
    assert deliver_due()["sent"] == 2
    assert sink.connections <= 2


def test_mail_server_that_is_not_there(due):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with smtp(port):
        assert deliver_due() == {"retry": 1}
    assert now(due).last_error == "ConnectionRefusedError"


def test_mail_server_that_never_answers(due, settings):
    change(settings, EMAIL_TIMEOUT=timedelta(seconds=1))
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server, smtp(server.getsockname()[1]):
        assert deliver_due() == {"retry": 1}
    assert time.monotonic() - begun < 10


# Caps


@pytest.fixture
def uncoalesced(settings) -> None:
    """Let requests of one moment each get a mail, for what is tested is how many there may be."""
    change(settings, COALESCE_WINDOW=timedelta())


def test_mailbox_gets_3_mails_in_15_minutes_and_6_in_a_day(jane, app, connection):
    minutes_later = [
        *[(0, "sent"), (1, "sent"), (1, "sent"), (1, "suppressed"), (11, "suppressed")],
        *[(1, "sent"), (1, "sent"), (1, "sent"), (20, "suppressed"), (60, "suppressed")],
        *[(22 * 60, "suppressed"), (30, "sent")],
    ]
    for number, (minutes, outcome) in enumerate(minutes_later):
        let_pass(timedelta(minutes=minutes))
        ask_for(jane, app, connection)
        assert deliver_due() == {outcome: 1}, number


@pytest.mark.usefixtures("uncoalesced")
def test_last_link_works_after_any_number_of_further_requests(jane, app, connection):
    for _ in range(10):
        ask_for(jane, app, connection)
        deliver_due()
    assert len(mail.outbox) == 3
    tickets.redeem(ticket_in(mail.outbox[-1]), password=NEW)
    jane.refresh_from_db()
    assert jane.check_password(NEW.reveal())


@pytest.mark.usefixtures("uncoalesced")
def test_caps_are_those_of_the_site(jane, app, connection, settings):
    change(settings, MAIL_CAPS=[])
    for _ in range(8):
        ask_for(jane, app, connection)
        assert deliver_due() == {"sent": 1}


@pytest.mark.usefixtures("uncoalesced")
def test_capped_mailbox_is_no_others_concern(jane, app, connection, settings):
    change(settings, MAIL_CAPS=[(1, DAY)])
    for user, outcome in ((jane, "sent"), (jane, "suppressed"), (UserFactory(), "sent")):
        ask_for(user, app, connection)
        assert deliver_due() == {outcome: 1}


@pytest.mark.usefixtures("uncoalesced")
def test_accounts_that_share_a_mailbox_share_its_cap(app, connection, settings):
    change(settings, MAIL_CAPS=[(3, DAY)])
    for email in ("family@example.com", "family@example.com", "Family@Example.com"):
        UserFactory(email=email)
    for username in User.objects.values_list("username", flat=True):
        ResetTicketFactory(client=app, connection=connection, email="", username=username)
        assert deliver_due() == {"sent": 1}
    ResetTicketFactory(client=app, connection=connection, email="family@example.com")
    assert deliver_due().keys() == {"suppressed"}


@pytest.mark.usefixtures("uncoalesced")
def test_mail_an_administrator_asks_for_is_not_capped(jane, app, connection, settings):
    change(settings, MAIL_CAPS=[(1, DAY)])
    for administrator, outcome in (("", "sent"), ("root", "sent"), ("", "suppressed")):
        ask_for(jane, app, connection, requested_by=administrator)
        assert deliver_due() == {outcome: 1}


@pytest.mark.usefixtures("uncoalesced")
def test_mails_that_are_still_being_tried_count(jane, app, connection, on_send, settings):
    change(settings, MAIL_CAPS=[(2, DAY)])
    on_send(raises(OSError()), times=2)
    for outcome in ("retry", "retry", "suppressed"):
        ask_for(jane, app, connection)
        assert deliver_due() == {outcome: 1}


@pytest.mark.usefixtures("uncoalesced")
def test_mail_superseded_while_it_is_handed_over_counts(due, jane, connection, on_send, settings):
    change(settings, MAIL_CAPS=[(2, DAY)])
    outcomes = []

    def ask_twice_more():
        for _ in range(2):
            ask_for(jane, due.client, connection)
            outcomes.append(deliver_due())

    on_send(ask_twice_more, times=1)
    deliver_due()
    assert outcomes == [{"sent": 1}, {"suppressed": 1}]
    assert len(mail.outbox) == 2


# Coalescing


def test_20_identical_requests_lead_to_one_mail_that_works(jane, app, connection):
    asked = [ask_for(jane, app, connection) for _ in range(20)]
    assert deliver_due() == {"sent": 1, "coalesced": 19}
    [message] = mail.outbox
    states = Counter(now(ticket).current_state for ticket in asked)
    assert states == {TicketState.SENT: 1, TicketState.COALESCED: 19}
    tickets.redeem(ticket_in(message), password=NEW)
    jane.refresh_from_db()
    assert jane.check_password(NEW.reveal())


def test_request_asked_once_more_after_the_mail_went_out_is_coalesced(mailed, jane):
    let_pass(timedelta(seconds=50))
    again = ask_for(jane, mailed.client, mailed.connection)
    assert deliver_due() == {"coalesced": 1}
    assert dict(now(again).timeline())["coalesced"]
    tickets.open(mailed.pk)


def test_person_who_asks_again_after_the_window_gets_a_new_mail(mailed, jane):
    for _ in range(2):
        let_pass(timedelta(seconds=40))
        ask_for(jane, mailed.client, mailed.connection)
    assert deliver_due() == {"coalesced": 1, "sent": 1}
    assert len(mail.outbox) == 2
    with pytest.raises(tickets.TicketRefused, match="superseded"):
        tickets.open(mailed.pk)


def test_time_of_the_requests_counts_not_that_of_the_mails(jane, app, connection):
    """Workers that were away do not turn two requests made on purpose into one."""
    ask_for(jane, app, connection)
    let_pass(timedelta(minutes=2))
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 2}


def test_request_is_coalesced_with_one_that_is_being_sent(due, jane, on_send):
    outcomes = []

    def ask_again():
        ask_for(jane, due.client, due.connection)
        outcomes.append(deliver_due())

    on_send(ask_again, times=1)
    assert deliver_due() == {"sent": 1}
    assert outcomes == [{"coalesced": 1}]


def test_request_is_coalesced_with_one_that_is_to_be_tried_again(due, jane, on_send):
    on_send(raises(OSError()), times=1)
    assert deliver_due() == {"retry": 1}
    ask_for(jane, due.client, due.connection)
    assert deliver_due() == {"coalesced": 1}
    make_due()
    assert deliver_due() == {"sent": 1}


def used(ticket):
    tickets.redeem(ticket.pk, password=NEW)
    deliver_due()


def revoked(ticket):
    tickets.revoke(ticket.pk, "declined")


def account_changed(ticket):
    User.objects.update(password=make_password("changed-elsewhere-7"))


def other_connection(ticket):
    ResetTicket.objects.filter(pk=ticket.pk).update(connection=ConnectionFactory())


def other_client(ticket):
    ResetTicket.objects.filter(pk=ticket.pk).update(client=ClientFactory())


def other_organization(ticket):
    ResetTicket.objects.filter(pk=ticket.pk).update(organization="org_1")


def other_password(ticket):
    ticket.refresh_from_db()
    seal(ticket)


@pytest.mark.parametrize(
    "differ",
    [
        *(used, revoked, account_changed),
        *(other_connection, other_client, other_organization, other_password),
    ],
)
def test_request_that_the_mailed_link_does_not_answer_gets_a_mail(mailed, jane, differ):
    differ(mailed)
    client, connection = Client.objects.get(client_id="demo"), mailed.connection
    mail.outbox.clear()
    ask_for(jane, client, connection)
    assert deliver_due() == {"sent": 1}
    assert len(mail.outbox) == 1


def test_link_that_was_handed_over_answers_no_request_for_a_mail(jane, app, connection):
    request = tickets.ResetRequest(client=app, connection=connection, account=str(jane.pk))
    tickets.hand_over(request)
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}


def test_link_of_a_caller_without_a_name_is_mailed_if_sent_again(jane, app, connection, settings):
    """It is neither its own twin, nor too much for the mailbox: both would close it."""
    change(settings, MAIL_CAPS=[(0, timedelta(hours=1))])
    request = tickets.ResetRequest(client=app, connection=connection, account=str(jane.pk))
    ticket = tickets.hand_over(request)
    assert send_again(ticket)
    assert deliver_due() == {"sent": 1}
    assert tickets.open(ticket.pk)


@pytest.mark.parametrize(("given", "outcome"), [(GIVEN, "coalesced"), (NEW, "sent")])
def test_requests_with_passwords_are_coalesced_if_these_are_the_same(sealed, jane, given, outcome):
    assert deliver_due() == {"sent": 1}
    again = ask_for(jane, Client.objects.get(), sealed.connection, password_given=True)
    again.sealed_password = links.seal(given, again.pk)
    again.save()
    assert deliver_due() == {outcome: 1}
    if outcome == "coalesced":
        assert now(again).sealed_password == ""
        assert tickets.given_password(now(sealed)) == given


def test_request_for_several_accounts_is_not_answered_by_the_mail_to_one(jane, app, connection):
    UserFactory(username="june", email=jane.email)
    ResetTicketFactory(client=app, connection=connection, email="", username="jane")
    assert deliver_due() == {"sent": 1}
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 2}
    ask_for(jane, app, connection)
    assert deliver_due() == {"coalesced": 1}
    assert len(mail.outbox) == 3


def test_mail_an_administrator_asks_for_is_not_coalesced(mailed, jane):
    ask_for(jane, mailed.client, mailed.connection, requested_by="root")
    assert deliver_due() == {"sent": 1}


def test_how_close_requests_are_coalesced_is_a_setting(jane, app, connection, settings):
    change(settings, COALESCE_WINDOW=timedelta())
    for _ in range(2):
        ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 2}


# Several accounts of one address


@pytest.fixture
def june(jane) -> User:
    """Another account of Jane's address."""
    return UserFactory(username="june", email=jane.email)


def names_mailed() -> list[str]:
    """Return whose accounts the mails so far are for, in order of the mails."""
    keys = dict(User.objects.values_list("pk", "username"))
    tickets_mailed = [ResetTicket.objects.get(pk=ticket_in(message)) for message in mail.outbox]
    return [keys[int(ticket.account)] for ticket in tickets_mailed]


def test_accounts_of_an_address_are_each_mailed_a_link(jane, june, app, connection):
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 2}
    assert names_mailed() == ["jane", "june"]
    assert set(ResetTicket.objects.values_list("attempts", "unanswered")) == {(1, 0)}
    for message in list(mail.outbox):
        tickets.redeem(ticket_in(message), password=NEW)
    assert all(user.check_password(NEW.reveal()) for user in User.objects.all())


def test_newer_link_to_one_account_keeps_no_link_from_another(jane, june, app, connection):
    """The older request, late, is superseded for one of its accounts only."""
    now_ = timezone.now()
    ResetTicketFactory(client=app, connection=connection, email="", username="jane")
    deliver_due()
    late = ask_for(jane, app, connection, requested_at=now_ - timedelta(minutes=3))
    assert deliver_due() == {"sent": 1}
    assert names_mailed() == ["jane", "june"]
    assert now(late).account == str(june.pk)
    for message in mail.outbox:
        assert tickets.open(ticket_in(message))


def test_link_that_answers_for_one_account_keeps_no_link_from_another(jane, june, app, connection):
    """The first account's still works when the person asks again, the other one's was used."""
    ask_for(jane, app, connection)
    deliver_due()
    tickets.redeem(ticket_in(mail.outbox[1]), password=NEW)
    assert deliver_due() == {"notified": 1}
    mail.outbox.clear()
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}
    assert names_mailed() == ["june"]


def test_account_closed_while_it_is_locked_keeps_no_link_from_another(
    jane, june, app, connection, monkeypatch
):
    ask_for(jane, app, connection)
    get = ModelUserStore.get

    def close_then_get(self, account_id, *, for_update=False):
        if for_update:
            User.objects.filter(pk=jane.pk).update(is_active=False)
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", close_then_get)
    assert deliver_due() == {"sent": 1}
    assert names_mailed() == ["june"]


def test_request_that_no_account_deserves_a_mail_for_leaves_one_ticket(jane, june, app, connection):
    ask_for(jane, app, connection)
    deliver_due()
    ask_for(jane, app, connection)
    assert deliver_due() == {"coalesced": 1}
    assert ResetTicket.objects.count() == 3


def test_accounts_that_a_store_tells_apart_by_their_key_only(
    jane, june, app, connection, monkeypatch
):
    """A fingerprint changes with the password, and need not differ between accounts."""
    monkeypatch.setattr(ModelUserStore, "fingerprint", lambda self, account: "the same")
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 2}
    assert names_mailed() == ["jane", "june"]


@pytest.mark.parametrize("by", ["email", "username"])
def test_mail_asked_for_by_another_name_answers_for_its_own_accounts_only(
    jane, june, app, connection, monkeypatch, by
):
    """As of a store that knows second addresses."""

    def find(self, *, email="", username=""):
        everybody = original_find(self, email=jane.email)
        return everybody[:1] if (email or username).startswith("second") else everybody

    monkeypatch.setattr(ModelUserStore, "find", find)
    for name, outcome in (("second", {"sent": 1}), ("first", {"sent": 2})):
        asked = {"email": f"{name}@example.com"} if by == "email" else {"username": name}
        ResetTicketFactory(client=app, connection=connection, **{"email": "", **asked})
        assert deliver_due() == outcome


def capped(jane, settings):
    change(settings, MAIL_CAPS=[(0, DAY)])


def bounced(jane, settings):
    MailedTicketFactory(user=jane, bounced_at=timezone.now())


@pytest.mark.parametrize(("closed", "state"), [(capped, "suppressed"), (bounced, "undeliverable")])
def test_address_that_is_to_get_nothing_costs_the_same_for_any_number_of_accounts(
    jane, app, connection, settings, monkeypatch, closed, state
):
    closed(jane, settings)
    for _ in range(5):
        UserFactory(email=jane.email)
    get, looked_at = ModelUserStore.get, []

    def note(self, account_id, *, for_update=False):
        if for_update:
            looked_at.append(account_id)
        return get(self, account_id, for_update=for_update)

    monkeypatch.setattr(ModelUserStore, "get", note)
    ask_for(jane, app, connection)
    assert deliver_due() == {state: 1}
    assert looked_at == [str(jane.pk)]


def test_ticket_for_another_account_starts_afresh(jane, june, app, connection):
    asked = ask_for(jane, app, connection, attempts=3, unanswered=2)
    claim = uuid4()
    ResetTicket.objects.update(claim=claim)
    tickets.bind(asked, claim)
    other = ResetTicket.objects.exclude(pk=asked.pk).get()
    assert (other.account, other.sent_to, other.fingerprint) == (str(june.pk), "", "")
    assert (other.attempts, other.unanswered, other.claim) == (0, 0, None)


def test_given_password_is_sealed_for_each_account(jane, june, app, connection):
    seal(ask_for(jane, app, connection))
    assert deliver_due() == {"sent": 2}
    given = [tickets.given_password(ticket) for ticket in ResetTicket.objects.all()]
    assert given == [GIVEN, GIVEN]


@pytest.mark.parametrize(("caps", "most"), [([(3, DAY), (2, HOUR)], 2), ([], 6)])
def test_one_request_makes_no_more_tickets_than_the_address_may_get_mails(
    jane, app, connection, settings, caps, most
):
    """Whoever has many accounts of one address made must not have rows made by thousands."""
    change(settings, MAIL_CAPS=caps)
    for _ in range(5):
        UserFactory(email=jane.email)
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": most}
    assert ResetTicket.objects.count() == most


# Once more


@pytest.fixture
def mailed(due) -> ResetTicket:
    deliver_due()
    return due


def test_sending_again_counts_its_attempts_anew(mailed):
    ResetTicket.objects.update(unanswered=12)
    assert send_again(mailed)
    assert deliver_due() == {"sent": 1}


def test_sending_again_mails_the_same_link_beyond_any_cap(mailed, settings):
    change(settings, MAIL_CAPS=[(1, DAY)])
    ResetTicket.objects.update(attempts=12, last_error="OSError")
    assert send_again(mailed)
    assert deliver_due() == {"sent": 1}
    assert link_in(mail.outbox[0]) == link_in(mail.outbox[1])
    assert now(mailed).attempts == 1


def test_closed_ticket_is_not_sent_again(mailed):
    tickets.revoke(mailed.pk, "declined")
    assert not send_again(mailed)
    assert deliver_due() == {}


def test_link_that_died_with_a_change_is_not_sent_again(mailed, jane):
    jane.set_password("changed-elsewhere-7")
    jane.save()
    assert send_again(mailed)
    assert deliver_due() == {"superseded": 1}
    assert len(mail.outbox) == 1


def test_mailed_link_outlives_a_failure_to_send_it_again(sink, sealed):
    assert deliver_due() == {"sent": 1}
    sink.replies["RCPT"].append("550 unknown")
    assert send_again(sealed)
    assert deliver_due() == {"undeliverable": 1}
    assert tickets.given_password(tickets.open(sealed.pk)[0]) == GIVEN
    # And its password does not outlive the link.
    let_pass(HOUR)
    assert deliver_due() == {"expired": 1}
    assert now(sealed).sealed_password == ""


# After a change


@pytest.mark.parametrize("stored", ["jane@example.com", "Jane@Example.com", "weiß@example.com"])
def test_change_is_told_once_to_the_stored_address(app, connection, stored):
    """And not to what case folding makes of it, which may be another's."""
    ticket = ask_for(UserFactory(email=stored), app, connection)
    deliver_due()
    tickets.redeem(ticket.pk, password=NEW)
    assert deliver_due() == {"notified": 1}
    assert [message.to for message in mail.outbox] == [[stored]] * 2
    assert now(ticket).notified_at
    assert deliver_due() == {}


@pytest.mark.parametrize("stored", ["jane@example.com", "weiß@example.com"])
def test_change_is_told_to_the_address_of_before_as_well(app, connection, stored):
    """Whoever took the account may have changed its address, too."""
    user = UserFactory(email=stored)
    ticket = ask_for(user, app, connection)
    deliver_due()
    tickets.redeem(ticket.pk, password=NEW)
    User.objects.filter(pk=user.pk).update(email="taken@example.com")
    mail.outbox.clear()
    assert deliver_due() == {"notified": 1}
    told = sorted(message.to for message in mail.outbox)
    assert told == sorted([[stored], ["taken@example.com"]])


def test_refused_change_is_not_told(mailed):
    tickets.redeem(mailed.pk, password=NEW)
    deliver_due()
    with pytest.raises(tickets.TicketRefused):
        tickets.redeem(mailed.pk, password=NEW)
    assert deliver_due() == {}


def test_change_is_told_though_client_and_connection_are_gone_inactive(mailed):
    tickets.redeem(mailed.pk, password=NEW)
    Client.objects.update(is_active=False)
    Connection.objects.update(is_active=False)
    let_pass(2 * HOUR)
    assert deliver_due() == {"notified": 1}


def test_mail_that_tells_of_a_change_is_tried_again(mailed, on_send):
    tickets.redeem(mailed.pk, password=NEW)
    on_send(raises(OSError()), times=1)
    assert deliver_due() == {"retry": 1}
    make_due()
    assert deliver_due() == {"notified": 1}


def test_change_is_told_to_one_address_though_the_other_is_gone(sink, due, jane):
    assert deliver_due() == {"sent": 1}
    tickets.redeem(due.pk, password=NEW)
    User.objects.filter(pk=jane.pk).update(email="new@example.com")
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"notified": 1}
    assert b"To: new@example.com" in sink.accepted[-1]
    assert len(sink.accepted) == 2


def test_change_that_no_address_takes_is_given_up(sink, mailed):
    tickets.redeem(mailed.pk, password=NEW)
    sink.replies["RCPT"].append("550 unknown")
    assert deliver_due() == {"undeliverable": 1}
    assert now(mailed).last_error == "SMTPRecipientsRefused 550"


def test_mail_that_tells_of_a_change_is_tried_for_days(mailed, on_send):
    tickets.redeem(mailed.pk, password=NEW)
    on_send(raises(OSError()))
    let_pass(4 * DAY)
    assert deliver_due() == {"retry": 1}
    let_pass(DAY)
    assert deliver_due() == {"undeliverable": 1}
    assert now(mailed).current_state == TicketState.USED


def test_change_of_an_account_that_is_gone_is_told_to_nobody(mailed, jane):
    tickets.redeem(mailed.pk, password=NEW)
    jane.delete()
    assert deliver_due() == {"undeliverable": 1}
    assert now(mailed).current_state == TicketState.USED
    assert deliver_due() == {}


# Waking up


def delivering() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dbconnections-delivery"]


@pytest.fixture
def threaded(transactional_db, settings) -> Iterator[None]:
    """Have mails delivered by a thread of this process, which the test outlives."""
    change(settings, WAKE_UP="thread")
    yield
    wait_until(lambda: not delivering())


def request_reset(app, connection, email="jane@example.com") -> ResetTicket:
    request = tickets.ResetRequest(client=app, connection=connection, email=email)
    return tickets.issue(request)


def test_thread_delivers_after_commit_and_ends(threaded, jane, app, connection):
    with transaction.atomic():
        ticket = request_reset(app, connection)
        assert delivering() == []
    wait_until(lambda: now(ticket).sent_at)
    wait_until(lambda: not delivering())
    assert len(mail.outbox) == 1


def test_thread_tells_of_a_change(threaded, jane, app, connection):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    tickets.redeem(ticket.pk, password=NEW)
    wait_until(lambda: now(ticket).notified_at)


def test_thread_sends_again(threaded, jane, app, connection):
    ticket = MailedTicketFactory(user=jane, client=app, connection=connection)
    send_again(ticket)
    wait_until(lambda: len(mail.outbox) == 1)


def test_thread_lingers_for_a_random_moment_before_it_works(
    threaded, jane, app, connection, monkeypatch, settings
):
    """Or the request after would be slower for an address that has an account."""
    change(settings, COALESCE_WINDOW=timedelta())
    lingered = []

    def linger(seconds):
        lingered.append((seconds, len(mail.outbox)))

    monkeypatch.setattr(delivery, "time", SimpleNamespace(sleep=linger, monotonic=time.monotonic))
    request_reset(app, connection)
    wait_until(lambda: mail.outbox and not delivering())
    request_reset(app, connection)
    wait_until(lambda: len(mail.outbox) == 2 and not delivering())
    assert [mails for _seconds, mails in lingered] == [0, 1]
    assert len({seconds for seconds, _mails in lingered if 0 < seconds < 1}) == 2


def test_one_thread_delivers_what_is_requested_meanwhile(threaded, jane, app, connection, on_send):
    joan = UserFactory()
    threads = []

    def request_another():
        request_reset(app, connection, joan.email)
        threads.append(len(delivering()))

    on_send(request_another, times=1)
    request_reset(app, connection)
    wait_until(lambda: len(mail.outbox) == 2)
    assert threads == [1]


def test_thread_tries_again_by_itself(threaded, jane, app, connection, on_send, monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_DELAY", timedelta(milliseconds=100))
    on_send(raises(OSError()), times=1)
    ticket = request_reset(app, connection)
    wait_until(lambda: now(ticket).sent_at)


def test_thread_outlives_a_database_that_fails(threaded, jane, app, connection, monkeypatch):
    failures = iter([OperationalError("gone away")])

    def fail_once():
        for failure in failures:
            raise failure
        return deliver_due()

    monkeypatch.setattr(delivery, "deliver_due", fail_once)
    ticket = request_reset(app, connection)
    wait_until(lambda: next(failures, None) is None and delivering())
    delivery_thread.wake()
    wait_until(lambda: now(ticket).sent_at)


def wake_in_a_fork() -> list[int]:
    """Fork while the thread is being woken; return how the child's own thread fared."""
    pids = []
    with delivery_thread._lock:
        pid = os.fork()
        if pid == 0:
            os._exit(wake_in_time())
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def wake_in_time() -> int:
    waking = threading.Thread(target=delivery_thread.wake, daemon=True)
    waking.start()
    waking.join(timeout=5)
    return int(waking.is_alive())


@pytest.mark.django_db(transaction=True)
def test_forked_process_starts_a_thread_of_its_own():
    assert processes.run(wake_in_a_fork) == [[0]]
