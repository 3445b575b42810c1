"""A receiver for each signal."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from dbconnections.accounts import Account
from dbconnections.models import ResetTicket
from dbconnections.signals import (
    delivery_attempted,
    delivery_reported,
    password_changed,
    reset_handed_over,
    reset_refused,
    reset_requested,
    reset_revoked,
    reset_sent,
)


@receiver(reset_requested)
def requested(ticket: ResetTicket, **kwargs: object) -> None:
    print(ticket.client.client_id)


@receiver([reset_sent, password_changed])
def done(ticket: ResetTicket, account: Account, **kwargs: object) -> None:
    print(ticket.pk, account.id)


@receiver(delivery_attempted)
def attempted(
    ticket: ResetTicket, outcome: str, attempts: int, waited: float, **kwargs: object
) -> None:
    print(ticket.pk, outcome, attempts, waited)


@receiver(delivery_reported)
def reported(ticket_id: UUID, outcome: str, reason: str, **kwargs: object) -> None:
    print(ticket_id, outcome, reason)


@receiver(reset_handed_over)
def handed_over(ticket: ResetTicket, account: Account, caller_id: str, **kwargs: object) -> None:
    print(ticket.pk, account.login, caller_id)


@receiver(reset_revoked)
def revoked(ticket_id: UUID, reason: str, **kwargs: object) -> None:
    print(ticket_id, reason)


@receiver(reset_refused)
def refused(
    stage: str,
    reason: str,
    ticket: ResetTicket | None,
    details: dict[str, Any],
    **kwargs: object,
) -> None:
    print(stage, reason, ticket, details)
