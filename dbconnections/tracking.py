"""What becomes of a mail after it was handed over, as django-anymail's signals tell.

Only imported where anymail is installed. ``post_send`` tells what the provider calls the mail,
``tracking`` what its webhooks report, once the site includes anymail's URLs. A report is taken
for a ticket only by its message ID or by the metadata that the mail itself carried, and only for
the address it went to; it never changes whether a link works.

Tickets are imported in the receivers: every process reads this module when it starts.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, post_send, tracking
from django.core.mail import EmailMessage
from django.dispatch import receiver
from django.utils.encoding import punycode

from dbconnections.accounts import canonical
from dbconnections.failures import log_failure
from dbconnections.models import ResetTicket

# Of what the receiving server said, only its codes are kept: its text may quote the mail, link and
# all. RFC 5321 4.2 and RFC 3463 2.
_CODES = re.compile(r"(?<![\d.])[45]\d\d(?![\d.])|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
# RFC 3463 3.8: x.7.x is about who sends or what, not about the mailbox.
_NOT_THE_ADDRESS = re.compile(r"^4|^5\.7\.")
# Several providers' soft bounces are plain bounces to anymail; their own name of the event tells.
_SOFT = re.compile(r"soft|transient|tempor", re.IGNORECASE)
_NAMES = ("Type", "type", "event", "bounceType", "bounce_type")


@receiver(post_send)
def note_accepted(message: EmailMessage, status: Any, **kwargs: object) -> None:
    """Note what the provider calls the mail, and whether it refused it at once.

    Raises nothing: anymail would pass it on, and a mail that is out would be sent once more.
    """
    failure: Exception | None = None
    try:
        ticket_id = _ticket_named_by(getattr(message, "metadata", None))
        if ticket_id is None:
            return
        from dbconnections.tickets import report

        if isinstance(status.message_id, str | int):
            report(ticket_id, "accepted", message_id=str(status.message_id)[:255])
        if status.status and status.status <= {"invalid", "rejected"}:
            report(ticket_id, "rejected", reason=" ".join(status.status - {"rejected"}))
    except Exception as error:
        failure = error
    if failure:
        log_failure("What the mail provider said was not noted: %s.", logging.ERROR, failure)


@receiver(tracking)
def note_event(event: AnymailTrackingEvent, **kwargs: object) -> None:
    """Note an event of a provider's webhook. An error is raised: the provider will try again."""
    from dbconnections.tickets import report

    if (outcome := _outcome_of(event)) and (ticket := _ticket_of(event)):
        reason = "" if outcome == "delivered" else _reason_of(event)
        report(ticket.pk, outcome, reason=reason, age=_age_of(event))


def _outcome_of(event: AnymailTrackingEvent) -> str:
    """Return the outcome an event stands for, empty for none that concerns a ticket."""
    match event.event_type:
        case EventType.DELIVERED:
            return "delivered"
        case EventType.COMPLAINED:
            return "complained"
        case EventType.BOUNCED:
            return "bounced" if _is_for_good(event) else "rejected"
        case EventType.REJECTED | EventType.FAILED:
            return "rejected"
    return ""


def _is_for_good(event: AnymailTrackingEvent) -> bool:
    """Say whether a bounce means that the address takes no mail, as far as can be told.

    A full mailbox, a busy server and a refusal of the sender are no reason to hold back the next
    mail.
    """
    if event.reject_reason not in (RejectReason.BOUNCED, RejectReason.INVALID):
        return False
    if any(_NOT_THE_ADDRESS.search(code) for code in _codes_of(event)):
        return False
    raw = event.esp_event if hasattr(event.esp_event, "get") else {}
    named = [str(raw.get(name, "")) for name in _NAMES]
    # Mailjet says it with a flag.
    is_soft = raw.get("hard_bounce") is False
    return not is_soft and not _SOFT.search(" ".join([event.description or "", *named]))


def _age_of(event: AnymailTrackingEvent) -> timedelta:
    """Return how long ago an event was, as far as the provider says."""
    at = event.timestamp
    return datetime.now(UTC) - at if at and at.tzinfo else timedelta()


def _reason_of(event: AnymailTrackingEvent) -> str:
    """Return anymail's word for the reason, unless the outcome says it, and the server's codes."""
    word = "" if event.reject_reason in (None, RejectReason.BOUNCED) else event.reject_reason
    return " ".join([word, *_codes_of(event)]).strip()[:64]


def _codes_of(event: AnymailTrackingEvent) -> list[str]:
    return list(dict.fromkeys(_CODES.findall(event.mta_response or "")))[:3]


def _ticket_of(event: AnymailTrackingEvent) -> ResetTicket | None:
    """Return the ticket whose link the mail of an event held."""
    ticket = None
    if ticket_id := _ticket_named_by(event.metadata):
        ticket = ResetTicket.objects.filter(pk=ticket_id).first()
    elif event.message_id and not (event.metadata or {}).get("mail"):
        # Some providers give the metadata back with some events only.
        ticket = ResetTicket.objects.filter(message_id=str(event.message_id)[:255]).first()
    if ticket and event.recipient and not _is_same(event.recipient, ticket.sent_to):
        return None
    return ticket


def _ticket_named_by(metadata: Any) -> UUID | None:
    """Return the ticket whose link a mail with this metadata holds."""
    if not isinstance(metadata, Mapping) or metadata.get("mail") != "reset":
        return None
    try:
        return UUID(metadata.get("ticket", ""))
    except (ValueError, AttributeError, TypeError):
        return None


def _is_same(one: str, other: str) -> bool:
    """Say whether two addresses are one, however their domain is written."""

    def folded(address: str) -> str:
        local, _at, domain = canonical(address).rpartition("@")
        try:
            return f"{local}@{punycode(domain)}"
        except UnicodeError:
            return f"{local}@{domain}"

    return folded(one) == folded(other)
