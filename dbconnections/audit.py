"""Log records for every step, made by receivers of the app's own signals.

Each record of the logger ``dbconnections`` carries Auth0's event code in ``event``: ``scpr`` and
``fcpr`` for success and failure of a request, ``scp`` and ``fcp`` of a change. Its child
``dbconnections.delivery`` adds what Auth0 has no code for: ``delivery`` for each attempt at a mail,
``tracking`` for each report of a mail provider. No record holds a token, a link, a password or an
e-mail address.
"""

import logging
from typing import Any

from django.dispatch import receiver

from dbconnections import signals
from dbconnections.models import ResetTicket

logger = logging.getLogger("dbconnections")
delivery_logger = logging.getLogger("dbconnections.delivery")


@receiver(signals.reset_requested)
def log_requested(ticket: ResetTicket, **kwargs: object) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("Password reset requested.", extra=facts("requested", ticket))


@receiver(signals.reset_sent)
def log_sent(ticket: ResetTicket, **kwargs: object) -> None:
    logger.info("Password reset mail sent.", extra=facts("scpr", ticket))


@receiver(signals.delivery_attempted)
def log_attempt(
    ticket: ResetTicket, outcome: str, attempts: int, waited: float, **kwargs: object
) -> None:
    extra = {
        "event": "delivery",
        "ticket": str(ticket.pk),
        "outcome": outcome,
        "attempts": attempts,
        "waited": round(waited, 3),
    }
    delivery_logger.info("Delivery: %s.", outcome, extra=extra)


@receiver(signals.delivery_reported)
def log_report(ticket_id: object, outcome: str, reason: str, **kwargs: object) -> None:
    extra = {"event": "tracking", "ticket": str(ticket_id), "outcome": outcome, "reason": reason}
    level = logging.INFO if outcome == "delivered" else logging.WARNING
    delivery_logger.log(level, "Mail provider: %s.", outcome, extra=extra)


@receiver(signals.reset_handed_over)
def log_handed_over(ticket: ResetTicket, caller_id: str, **kwargs: object) -> None:
    extra = {**facts("scpr", ticket), "caller_id": caller_id}
    logger.info("Password reset link handed over.", extra=extra)


@receiver(signals.password_changed)
def log_changed(ticket: ResetTicket, **kwargs: object) -> None:
    logger.info("Password changed by reset.", extra=facts("scp", ticket))


@receiver(signals.reset_revoked)
def log_revoked(ticket_id: object, reason: str, **kwargs: object) -> None:
    extra = {"event": "fcp", "ticket": str(ticket_id), "reason": reason}
    logger.warning("Password reset revoked: %s.", reason, extra=extra)


@receiver(signals.reset_refused)
def log_refused(
    stage: str,
    reason: str,
    ticket: ResetTicket | None = None,
    details: dict[str, Any] | None = None,
    **kwargs: object,
) -> None:
    # A refused request is mostly a typing error, and a flood of them must not page anyone.
    event, level = {"request": ("fcpr", logging.INFO), "change": ("fcp", logging.WARNING)}[stage]
    said = dict(details or {})
    if "name" in said:
        # A log record has a name of its own.
        said["refusal"] = said.pop("name")
    extra = {**said, **facts(event, ticket), "reason": reason}
    logger.log(level, "Password reset refused: %s.", reason, extra=extra)


def facts(event: str, ticket: ResetTicket | None) -> dict[str, Any]:
    """Return the fields of a record: the event, and what is known of the ticket."""
    if ticket is None:
        return {"event": event}
    return {
        "event": event,
        "ticket": str(ticket.pk),
        "client_id": ticket.client.client_id,
        "connection": ticket.connection.name,
        "account": ticket.account,
        "ip": ticket.ip,
        "user_agent": ticket.user_agent,
    }
