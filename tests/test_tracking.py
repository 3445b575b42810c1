"""What django-anymail tells of a mail, by its signals and through its own webhook views."""

import base64
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailRecipientStatus, AnymailStatus
from anymail.signals import AnymailTrackingEvent, post_send, pre_send, tracking
from django.contrib.auth.models import User
from django.core import mail
from django.urls import include, path
from django.utils import timezone

from dbconnections import signals, tickets
from dbconnections.delivery import deliver_due, send_again
from dbconnections.models import ResetTicket, TicketState
from dbconnections.secret import Secret
from dbconnections.transactions import Busy
from tests.factories import MailedTicketFactory, ResetTicketFactory, UserFactory
from tests.support.mail import send_through
from tests.support.signals import heard
from tests.support.time import let_pass

urlpatterns = [path("anymail/", include("anymail.urls")), path("", include("tests.urls"))]

SECRET = "provider:hush"
DAY = timedelta(days=1)
NEW = Secret("fresh-kettle-88")


@pytest.fixture
def due(jane, app, connection) -> ResetTicket:
    return ask_for(jane, app, connection)


@pytest.fixture
def mailed(due) -> ResetTicket:
    """A ticket mailed through a provider that calls the mail 0."""
    send_by_provider()
    due.refresh_from_db()
    return due


def ask_for(user, app, connection, **fields) -> ResetTicket:
    return ResetTicketFactory(client=app, connection=connection, email=user.email, **fields)


def send_by_provider() -> dict[str, int]:
    with send_through("anymail.backends.test.EmailBackend"):
        return deliver_due()


def answering(response):
    """Have anymail's test backend answer so: a context manager for the next mails."""

    def prepare(sender, message, **kwargs):
        message.anymail_test_response = response

    class Answering:
        def __enter__(self):
            pre_send.connect(prepare)

        def __exit__(self, *exception):
            pre_send.disconnect(prepare)

    return Answering()


def tell(ticket: ResetTicket | None = None, event_type: str = "bounced", **event) -> None:
    """Send an event as anymail's webhook views do."""
    told = {"message_id": None, "metadata": {}, "recipient": None, "reject_reason": None}
    if ticket:
        told |= {"metadata": {"ticket": str(ticket.pk), "mail": "reset"}}
    if event_type == "bounced":
        told |= {"reject_reason": "bounced", "mta_response": "550 5.1.1 no such user"}
    tracking.send(
        None, event=AnymailTrackingEvent(event_type=event_type, **told | event), esp_name="Test"
    )


def now(ticket: ResetTicket) -> ResetTicket:
    return ResetTicket.objects.with_state().get(pk=ticket.pk)


def reports(ticket: ResetTicket) -> set[str]:
    names = ("delivered", "bounced", "rejected", "complained")
    return {name for name in names if getattr(now(ticket), f"{name}_at")}


# Sending


def test_provider_and_mail_are_known_by_what_the_provider_calls_it(due):
    assert send_by_provider() == {"sent": 1}
    assert now(due).message_id == "0"
    assert reports(due) == set()


def test_mail_after_a_change_does_not_take_its_place(mailed):
    tickets.redeem(mailed.pk, password=NEW)
    assert send_by_provider() == {"notified": 1}
    assert len(mail.outbox) == 2
    assert now(mailed).message_id == "0"


def test_provider_that_refuses_the_recipient_ends_the_ticket(due):
    refused = AnymailRecipientStatus(message_id=None, status="rejected")
    with answering({"recipient_status": {"jane@example.com": refused}}):
        assert send_by_provider() == {"undeliverable": 1}
    ticket = now(due)
    assert (ticket.last_error, ticket.reject_reason) == ("AnymailRecipientsRefused", "")
    assert ticket.message_id == ""
    assert reports(due) == {"rejected"}
    assert ticket.current_state == TicketState.UNDELIVERABLE


@pytest.mark.parametrize(
    ("status", "outcome"), [(422, "undeliverable"), (429, "retry"), (500, "retry"), (401, "retry")]
)
def test_provider_that_answers_with_an_error(due, status, outcome):
    class Response:
        reason, text = "no", "no"

    with answering(AnymailAPIError("no", status_code=status, response=Response())):
        assert send_by_provider() == {outcome: 1}
    assert now(due).last_error == f"AnymailAPIError {status}"


def test_provider_without_click_tracking_is_no_hindrance(due):
    with send_through("tests.support.mail.PlainProvider"):
        assert deliver_due() == {"sent": 1}


def test_mail_that_is_out_is_not_sent_again_because_noting_its_id_failed(due, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError("for jane@example.com")

    monkeypatch.setattr(tickets, "report", fail)
    assert send_by_provider() == {"sent": 1}
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    [message] = [record.getMessage() for record in errors]
    assert message == "What the mail provider said was not noted: RuntimeError."


@pytest.mark.parametrize(
    ("statuses", "noted", "reason"),
    [
        (["invalid"], {"rejected"}, "invalid"),
        (["invalid", "rejected"], {"rejected"}, "invalid"),
        (["sent", "rejected"], set(), ""),  # as where a site has a copy sent to itself
        ([], set(), ""),
    ],
)
def test_what_a_provider_says_at_once(mailed, caplog, statuses, noted, reason):
    message = mail.EmailMessage()
    message.metadata = {"ticket": str(mailed.pk), "mail": "reset"}
    told = AnymailStatus()
    told.set_recipient_status(
        {
            str(number): AnymailRecipientStatus(message_id="7", status=status)
            for number, status in enumerate(statuses)
        }
    )
    post_send.send(None, message=message, status=told, esp_name="Test")
    assert reports(mailed) == noted
    assert now(mailed).reject_reason == reason
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_message_id_of_any_length_is_known_again(due):
    message_id = "x" * 300
    accepted = AnymailRecipientStatus(message_id=message_id, status="sent")
    with answering({"recipient_status": {"jane@example.com": accepted}}):
        send_by_provider()
    assert len(now(due).message_id) == 255
    tell(message_id=message_id)
    assert reports(due) == {"bounced"}


def test_nothing_is_raised_whatever_is_missing(mailed, monkeypatch, caplog):
    """As in a process whose code was replaced below it: anymail would send the mail again."""
    monkeypatch.setitem(sys.modules, "dbconnections.tickets", None)
    told = AnymailStatus()
    told.message_id = "1"
    for metadata in ({"mail": "reset", "ticket": str(mailed.pk)}, None):
        message = mail.EmailMessage("Invoice")
        message.metadata = metadata
        post_send.send(None, message=message, status=told, esp_name="Test")
    assert [record.msg for record in caplog.records if record.levelno >= logging.ERROR] == [
        "What the mail provider said was not noted: %s."
    ]


@pytest.mark.django_db
def test_other_mails_of_the_site_are_none_of_our_concern(django_assert_num_queries):
    with send_through("anymail.backends.test.EmailBackend"), django_assert_num_queries(0):
        mail.send_mail("News", "", None, ["jane@example.com"])
        message = mail.EmailMessage("News", "", None, ["jane@example.com"])
        message.metadata = {"ticket": "T-1000", "mail": "reset"}
        message.send()
    tell(message_id="0")
    tell(metadata={"ticket": "T-1000", "mail": "reset"})
    tell(metadata={"ticket": str(uuid4()), "mail": "reset"})
    assert len(mail.outbox) == 2


# Reports

EVENTS = {
    "delivered": ({}, {"delivered"}, ""),
    "complained": ({"reject_reason": "spam"}, {"complained"}, "spam"),
    "rejected": ({"reject_reason": "blocked"}, {"rejected"}, "blocked"),
    "failed": ({}, {"rejected"}, ""),
    "bounced": ({}, {"bounced"}, "550 5.1.1"),
    "deferred": ({}, set(), ""),
    "queued": ({}, set(), ""),
    "opened": ({}, set(), ""),
    "clicked": ({}, set(), ""),
    "autoresponded": ({}, set(), ""),
    "unsubscribed": ({}, set(), ""),
    "unknown": ({}, set(), ""),
}


@pytest.mark.parametrize(
    ("event_type", "event", "noted", "reason"), [(k, *v) for k, v in EVENTS.items()]
)
def test_event(mailed, event_type, event, noted, reason):
    tell(mailed, event_type, **event)
    assert reports(mailed) == noted
    assert now(mailed).reject_reason == reason
    assert now(mailed).current_state == TicketState.SENT
    tickets.open(mailed.pk)


def test_events_that_concern_no_ticket_cost_nothing(mailed, django_assert_num_queries):
    """There may be thousands an hour, of a site's other mails as well."""
    with django_assert_num_queries(0):
        tell(mailed, "opened")
        tell(metadata={"ticket": str(mailed.pk), "mail": "changed"}, message_id="0")


@pytest.mark.parametrize(
    "event",
    [
        {"reject_reason": "blocked"},
        {"reject_reason": "timed_out"},
        {"reject_reason": "spam"},
        {"reject_reason": "other"},
        {"reject_reason": None},
        {"mta_response": "452 4.2.2 mailbox full"},
        {"mta_response": "smtp; 421 try later"},
        {"mta_response": "550 5.7.1 listed by our filter"},
        {"description": "Transient: MailboxFull"},  # Amazon SES
        {"esp_event": {"bounceType": "Transient"}},
        {"esp_event": {"bounce_type": "temporary"}},
        {"esp_event": {"Type": "SoftBounce"}},  # Postmark
        {"esp_event": {"event": "soft_bounce"}},  # Brevo, Mandrill
        {"esp_event": {"type": "activity.soft_bounced"}},  # MailerSend
        {"esp_event": {"event": "bounce", "hard_bounce": False}},  # Mailjet
    ],
)
def test_bounce_that_says_nothing_of_the_address_is_not_held_against_it(mailed, event):
    tell(mailed, "bounced", **event)
    assert reports(mailed) == {"rejected"}


@pytest.mark.parametrize(
    "event",
    [
        {"reject_reason": "invalid", "mta_response": None},
        {"mta_response": "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound"},
        {"mta_response": "550 5.1.4 ambiguous"},
        {"description": "Permanent: General"},
        {"esp_event": {"Type": "HardBounce"}},
        {"esp_event": {"event": "bounce", "hard_bounce": True}},
        {"esp_event": ["something else"]},
    ],
)
def test_bounce_for_good(mailed, event):
    tell(mailed, "bounced", **event)
    assert reports(mailed) == {"bounced"}


def test_reason_holds_codes_and_no_text(mailed):
    """The server may quote the mail, link and all."""
    said = "smtp; 550-5.1.1 https://login.example.com/dbconnections/reset/abc 10.5.1.300 5500"
    tell(mailed, "bounced", mta_response=said, description=said)
    assert now(mailed).reject_reason == "550 5.1.1"


@pytest.mark.parametrize(
    ("event_type", "event", "kept"),
    [
        ("bounced", {"mta_response": "550 5.1.1 no such user; 550 5.1.1 Giving up"}, "550 5.1.1"),
        ("bounced", {"mta_response": "550 5.1.1 551 552 553"}, "550 5.1.1 551"),
        ("rejected", {"reject_reason": "x" * 80}, "x" * 64),
        ("delivered", {"mta_response": "250 2.0.0 OK 451"}, ""),
    ],
)
def test_reason_is_short(mailed, event_type, event, kept):
    tell(mailed, event_type, **event)
    assert now(mailed).reject_reason == kept


def test_event_of_a_time_without_a_zone_is_noted(mailed):
    tell(mailed, "delivered", timestamp=datetime(2026, 1, 5, 16, 33))
    assert reports(mailed) == {"delivered"}


def test_report_that_gives_no_reason_leaves_the_one_that_was_given(mailed):
    assert tickets.report(mailed.pk, "rejected", reason="blocked") is True
    assert tickets.report(mailed.pk, "complained") is True
    assert tickets.report(mailed.pk, "complained", reason="spam") is False
    assert now(mailed).reject_reason == "blocked"


def test_report_of_acceptance_says_whether_there_was_such_a_ticket(mailed):
    assert tickets.report(mailed.pk, "accepted", message_id="7") is True
    assert now(mailed).message_id == "7"
    assert tickets.report(uuid4(), "accepted", message_id="7") is False


def test_event_told_twice_counts_once(mailed):
    with heard(signals.delivery_reported) as told:
        tell(mailed, "complained")
        at = now(mailed).complained_at
        let_pass(DAY)
        tell(mailed, "complained")
    assert now(mailed).complained_at == at - DAY
    assert told == [{"ticket_id": mailed.pk, "outcome": "complained", "reason": ""}]


@pytest.mark.parametrize(
    ("outcome", "level"), [("delivered", "INFO"), ("bounced", "WARNING"), ("complained", "WARNING")]
)
def test_event_is_logged(mailed, caplog, outcome, level):
    caplog.set_level(logging.INFO, logger="dbconnections.delivery")
    tell(mailed, outcome)
    record = caplog.records[-1]
    assert (record.levelname, record.event, record.outcome) == (level, "tracking", outcome)
    assert record.ticket == str(mailed.pk)


# Whose report it is


def test_event_without_metadata_is_known_by_its_message_id(mailed):
    tell(message_id="0", recipient="JANE@example.com")
    assert reports(mailed) == {"bounced"}


def test_event_of_an_address_written_otherwise(app, connection):
    ticket = ask_for(UserFactory(email="jürgen@bücher.example"), app, connection)
    send_by_provider()
    tell(ticket, recipient="Jürgen@xn--bcher-kva.example")
    assert reports(ticket) == {"bounced"}


@pytest.mark.parametrize(
    "event",
    [
        {"message_id": "1"},
        {"message_id": "1", "metadata": None},
        {"message_id": "1", "recipient": "jane@example.com"},
        {"message_id": "0", "recipient": f"jane@{'ü' * 80}.example"},
        {"message_id": ""},
        {"message_id": "0", "recipient": "archive@example.com"},
        {"message_id": "0", "metadata": {"mail": "changed"}},
        {"metadata": {"ticket": "0", "mail": "reset"}},
        {"metadata": {"ticket": ["a"], "mail": "reset"}},
        {"metadata": {"ticket": None, "mail": "reset"}},
        {"metadata": None},
        {"metadata": "ticket"},
    ],
)
def test_event_of_something_else_changes_nothing(mailed, event):
    tell(**event)
    tell(metadata={"ticket": str(mailed.pk), "mail": "changed"})
    tell(mailed, recipient="mallory@example.com")
    assert reports(mailed) == set()


# An address that bounced


def test_address_that_bounced_is_not_mailed_again_for_a_day(mailed, jane, app, connection):
    tell(mailed)
    let_pass(DAY - timedelta(hours=1))
    held = ask_for(jane, app, connection)
    assert deliver_due() == {"undeliverable": 1}
    assert now(held).last_error == "Not sent: an earlier mail to this address bounced."
    let_pass(timedelta(hours=1))
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}


def test_bounce_holds_up_neither_other_addresses_nor_a_new_one(mailed, jane, app, connection):
    tell(mailed)
    let_pass(timedelta(minutes=2))
    ask_for(UserFactory(), app, connection)
    assert deliver_due() == {"sent": 1}
    User.objects.filter(pk=jane.pk).update(email="other@example.com")
    jane.refresh_from_db()
    ask_for(jane, app, connection)
    assert deliver_due()["sent"] == 1


def test_refused_mail_holds_up_no_other(mailed, jane, app, connection):
    tell(mailed, "rejected", reject_reason="spam")
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}, "not even one of the same minute"


def test_administrator_may_mail_an_address_that_bounced(mailed, jane, app, connection):
    tell(mailed)
    assert send_again(mailed)
    assert deliver_due() == {"sent": 1}
    ask_for(jane, app, connection, requested_by="root")
    assert deliver_due() == {"sent": 1}


def test_address_that_has_taken_a_mail_since_is_mailed(mailed, jane, app, connection):
    tell(mailed)
    let_pass(timedelta(minutes=2))
    again = ask_for(jane, app, connection, requested_by="root")
    assert deliver_due() == {"sent": 1}
    tell(again, "delivered")
    let_pass(timedelta(minutes=2))
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}


def is_mailed(jane, app, connection) -> bool:
    """Ask once more, a while later, and say whether a mail comes of it."""
    let_pass(timedelta(minutes=2))
    ask_for(jane, app, connection)
    return deliver_due() == {"sent": 1}


def test_address_that_takes_the_same_link_once_more_is_mailed(mailed, jane, app, connection):
    """Its mail had been delivered before the address bounced, and is again."""
    tell(mailed, "delivered")
    let_pass(timedelta(minutes=2))
    tell(mailed)
    assert not is_mailed(jane, app, connection)
    tell(mailed, "delivered")
    assert is_mailed(jane, app, connection)
    # Once: a provider may go on repeating it.
    at = now(mailed).delivered_at
    tell(mailed, "delivered")
    assert now(mailed).delivered_at == at


def test_address_that_takes_an_older_link_once_more_is_mailed(mailed, jane, app, connection):
    """It was the mail of another ticket that bounced."""
    tell(mailed, "delivered")
    let_pass(timedelta(minutes=2))
    newer = ask_for(jane, app, connection)
    send_by_provider()
    tell(newer)
    tell(mailed, "delivered")
    assert is_mailed(jane, app, connection)


def test_delivery_of_before_the_bounce_that_is_told_twice_ends_no_hold(
    mailed, jane, app, connection
):
    """Providers repeat what they told, at times hours later."""
    delivered_at = timezone.now()
    tell(mailed, "delivered", timestamp=delivered_at)
    let_pass(timedelta(minutes=2))
    delivered_at -= timedelta(minutes=2)
    tell(mailed)
    tell(mailed, "delivered", timestamp=delivered_at)
    assert not is_mailed(jane, app, connection)
    tell(mailed, "delivered", timestamp=timezone.now())
    assert is_mailed(jane, app, connection)


def test_delivery_of_before_the_bounce_that_is_told_late_ends_no_hold(
    mailed, jane, app, connection
):
    delivered_at = timezone.now() - timedelta(minutes=2)
    tell(mailed)
    tell(mailed, "delivered", timestamp=delivered_at)
    assert not is_mailed(jane, app, connection)


@pytest.mark.parametrize("year", [1, 9999])
def test_delivery_at_an_impossible_time_is_noted(mailed, year):
    tell(mailed, "delivered", timestamp=datetime(year, 12, 31, tzinfo=UTC))
    assert now(mailed).delivered_at


def test_delivery_told_twice_without_a_bounce_counts_once(mailed):
    tell(mailed, "delivered")
    let_pass(timedelta(minutes=2))
    at = now(mailed).delivered_at
    other = MailedTicketFactory(client=mailed.client, connection=mailed.connection)
    tell(other)
    tell(mailed, "delivered")
    assert now(mailed).delivered_at == at


def test_how_long_a_bounce_holds_up_is_a_setting(mailed, jane, app, connection, settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"BOUNCE_WINDOW": timedelta()}
    tell(mailed)
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}


# A real webhook


@pytest.fixture
def postmark(settings, client):
    """Post to anymail's view what Postmark would, as its documentation has it."""
    settings.ROOT_URLCONF = __name__
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}

    def post(payload: dict, secret: str = SECRET):
        authorization = "Basic " + base64.b64encode(secret.encode()).decode()
        return client.post(
            "/anymail/postmark/tracking/",
            json.dumps(payload),
            content_type="application/json",
            headers={"authorization": authorization},
        )

    return post


@pytest.fixture
def by_postmark(app, connection, jane) -> ResetTicket:
    return MailedTicketFactory(
        user=jane,
        client=app,
        connection=connection,
        message_id="883953f4-6105-42a2-a16a-77a8eac79483",
    )


def bounce(ticket: ResetTicket, **fields) -> dict:
    return {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "password-reset",
        "MessageID": ticket.message_id,
        "Metadata": {"ticket": str(ticket.pk), "mail": "reset"},
        "ServerID": 23,
        "MessageStream": "outbound",
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": "jane@example.com",
        "From": "noreply@example.com",
        "BouncedAt": "2026-01-05T16:33:54.9070259Z",
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Change your password",
    } | fields


def test_postmark_tells_of_a_delivery(by_postmark, postmark):
    payload = {
        "RecordType": "Delivery",
        "MessageID": by_postmark.message_id,
        "Recipient": "jane@example.com",
        "DeliveredAt": timezone.now().isoformat(),
        "Details": "Test delivery webhook details",
        "Tag": "password-reset",
        "ServerID": 23,
        "Metadata": {"ticket": str(by_postmark.pk), "mail": "reset"},
        "MessageStream": "outbound",
    }
    assert postmark(payload).status_code == 200
    assert reports(by_postmark) == {"delivered"}


def test_postmark_tells_of_a_hard_bounce_and_the_next_mail_is_held(
    by_postmark, postmark, jane, app, connection
):
    assert postmark(bounce(by_postmark)).status_code == 200
    assert reports(by_postmark) == {"bounced"}
    assert now(by_postmark).reject_reason == "550 5.1.1"
    ask_for(jane, app, connection)
    assert deliver_due() == {"undeliverable": 1}
    assert mail.outbox == []


def test_postmark_tells_of_a_soft_bounce_and_the_next_mail_is_sent(
    by_postmark, postmark, jane, app, connection
):
    soft = {"Type": "SoftBounce", "Details": "smtp;452 4.2.2 over quota"}
    assert postmark(bounce(by_postmark, **soft)).status_code == 200
    assert reports(by_postmark) == {"rejected"}
    ask_for(jane, app, connection)
    assert deliver_due() == {"sent": 1}


def test_postmark_tells_of_a_complaint(by_postmark, postmark):
    complaint = {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Details": ""}
    assert postmark(bounce(by_postmark, **complaint)).status_code == 200
    assert reports(by_postmark) == {"complained"}


def test_webhook_without_the_secret_tells_nothing(by_postmark, postmark):
    assert postmark(bounce(by_postmark), secret="provider:guess").status_code == 400
    assert reports(by_postmark) == set()


def test_provider_tries_again_when_its_report_could_not_be_noted(
    by_postmark, postmark, client, monkeypatch
):
    client.raise_request_exception = False

    def fail(*args, **kwargs):
        raise Busy

    with monkeypatch.context() as patched:
        patched.setattr(tickets, "report", fail)
        assert postmark(bounce(by_postmark)).status_code == 500
    assert postmark(bounce(by_postmark)).status_code == 200
    assert reports(by_postmark) == {"bounced"}
