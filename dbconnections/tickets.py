"""The life of a reset ticket: `issue`, `open`, `redeem`, `revoke`.

A request becomes a ticket, before anyone knows whether there is such an account. Delivery finds
the account, binds the ticket to it and mails the link. Opening the link changes nothing. Redeeming
it sets the password, once. Nothing else changes a ticket's state, delivery's own columns aside.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db import OperationalError, models, router, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.crypto import constant_time_compare

from dbconnections import links, passwords, signals
from dbconnections.accounts import Account, get_store
from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import (
    Client,
    Connection,
    ResetTicket,
    ResetTicketQuerySet,
    TicketState,
)
from dbconnections.secret import Secret

T = TypeVar("T")


class Reason(models.TextChoices):
    """Why a link does not work."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    CHANGED = "changed"
    """The account's password or address is no longer what it was when the mail was sent."""
    CLOSED = "closed"
    """Client, connection or account no longer serve, or the ticket was never bound to one."""


class TicketRefused(Exception):
    """A link does not work, for a reason."""

    def __init__(self, reason: Reason, ticket: ResetTicket | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.ticket = ticket


class WrongRetype(Exception):
    """The password typed again is not the one sent with the request; the ticket lives on."""


class Busy(Exception):
    """The database could not decide in time; nothing was changed, trying again may help."""


@dataclass(frozen=True, kw_only=True)
class ResetRequest:
    """Everything a request says, checked and ready to be stored."""

    client: Client
    connection: Connection
    email: str = ""
    username: str = ""
    password: Secret | None = None
    organization: str = ""
    language: str = ""
    ip: str | None = None
    user_agent: str = ""
    caller: str = ""
    base_url: str = ""
    account: str = ""
    """Key of the account where it is known already, as when an administrator asks."""


def issue(request: ResetRequest) -> ResetTicket:
    """Store a request as a ticket that is due for delivery; one INSERT, no user looked up."""
    ticket_id = uuid4()
    ticket = ResetTicket(
        id=ticket_id,
        client=request.client,
        connection=request.connection,
        email=request.email,
        username=request.username,
        organization=request.organization,
        language=request.language,
        ip=request.ip,
        user_agent=request.user_agent,
        caller=request.caller,
        base_url=request.base_url,
        account=request.account,
        password_given=request.password is not None,
        sealed_password=links.seal(request.password, ticket_id) if request.password else "",
        requested_at=DatabaseNow(),
        expires_at=DatabaseNow() + request.connection.ticket_lifetime,
        due_at=DatabaseNow(),
    )
    ticket.save(force_insert=True)
    _forget_expressions(ticket)
    signals.reset_requested.send_robust(ResetTicket, ticket=ticket)
    return ticket


def open(ticket_id: UUID | None) -> tuple[ResetTicket, Account]:  # noqa: A001 (tickets.open)
    """Return a ticket that works, and its account; change nothing.

    Raises ``TicketRefused``. An answer is only good for showing a page: `redeem` judges anew.
    """
    ticket = ResetTicket.objects.whole().filter(pk=ticket_id).first() if ticket_id else None
    if ticket is None:
        raise TicketRefused(Reason.UNKNOWN)
    if reason := _ENDED.get(TicketState(ticket.current_state)):
        raise TicketRefused(reason, ticket)
    if not ticket.serves or not ticket.fingerprint:
        raise TicketRefused(Reason.CLOSED, ticket)
    return ticket, _account(ticket)


def given_password(ticket: ResetTicket) -> Secret | None:
    """Return the password sent with the request, while it is still sealed in the ticket."""
    return links.unseal(ticket.sealed_password, ticket.pk) if ticket.sealed_password else None


def redeem(
    ticket_id: UUID | None, *, password: Secret | None = None, retyped: Secret | None = None
) -> ResetTicket:
    """Set the account's password and use the ticket up, both or neither.

    ``password`` is the one to set; without it, the one sent with the request is, after
    ``retyped`` was compared where the client wants that. Raises ``TicketRefused``,
    ``WrongRetype``, ``passwords.PasswordRefused`` or ``Busy``; the ticket lives on after the
    last three, unless too many wrong retypes have closed it.
    """
    try:
        ticket, account = open(ticket_id)
        chosen = password or _confirmed(ticket, retyped)
        account = _retrying(lambda: _change(ticket, chosen))
    except TicketRefused as refusal:
        _say_refused(refusal.reason, refusal.ticket)
        raise
    except WrongRetype:
        _say_refused("wrong_retype", ticket)
        raise
    except passwords.PasswordRefused:
        ResetTicket.objects.filter(pk=ticket.pk).update(opened_at=_FIRST_OPENED)
        _say_refused("invalid_password", ticket)
        raise
    signals.password_changed.send_robust(ResetTicket, ticket=ticket, account=account)
    return ticket


def _change(ticket: ResetTicket, password: Secret) -> Account:
    with transaction.atomic(using=database()):
        # First and alone: of any number of concurrent attempts the database lets one through.
        # Reading first and writing then would let all through that read in between.
        used = _close(
            ResetTicket.objects.redeemable().filter(pk=ticket.pk),
            used_at=DatabaseNow(),
            opened_at=_FIRST_OPENED,
            # Due again, for the mail that tells of the change.
            due_at=DatabaseNow(),
            attempts=0,
            last_error="",
        )
        if not used:
            open(ticket.pk)
            raise TicketRefused(Reason.CLOSED, ticket)
        account = _account(ticket, for_update=True)
        passwords.check(password, account.user)
        store = get_store(ticket.connection.user_store)
        store.set_password(account, password.reveal())
        store.end_sessions(account)
        supersede(ticket, account.id)
    return account


def _confirmed(ticket: ResetTicket, retyped: Secret | None) -> Secret:
    """Return the sealed password, retyped if the client wants that."""
    given = given_password(ticket)
    if given is None:
        raise TicketRefused(Reason.CLOSED, ticket)
    if ticket.client.confirmation == Client.Confirmation.RETYPE and not constant_time_compare(
        given.reveal(), retyped.reveal() if retyped else ""
    ):
        this = ResetTicket.objects.open().filter(pk=ticket.pk)
        this.update(wrong_retypes=F("wrong_retypes") + 1, opened_at=_FIRST_OPENED)
        if _close(this.filter(wrong_retypes__gte=settings.MAX_RETYPES), revoked_at=DatabaseNow()):
            _say_revoked(ticket.pk, "retypes")
            raise TicketRefused(Reason.REVOKED, ticket)
        raise WrongRetype
    return given


def revoke(ticket_id: UUID, reason: str) -> bool:
    """Close an open ticket for good; return whether it was open.

    ``reason`` says who closed it: ``declined`` by the person or ``administrator``.
    """
    revoked = _close(ResetTicket.objects.open().filter(pk=ticket_id), revoked_at=DatabaseNow())
    if revoked:
        _say_revoked(ticket_id, reason)
    return bool(revoked)


def supersede(newer: ResetTicket, account_id: str) -> None:
    """Close the account's other open tickets requested before this one.

    Called when the newer mail has been handed over, not when it is asked for: a request that
    is suppressed or cannot be delivered must not take a working link away.
    """
    _close(
        ResetTicket.objects.open()
        .filter(
            account=account_id,
            connection__in=Connection.objects.filter(user_store=newer.connection.user_store),
            requested_at__lte=newer.requested_at,
        )
        .exclude(pk=newer.pk),
        superseded_at=DatabaseNow(),
    )


def database() -> str:
    """Return the alias of the database that tickets are written to."""
    return router.db_for_write(ResetTicket)


_FIRST_OPENED = Coalesce("opened_at", DatabaseNow())

_ENDED = {
    TicketState.USED: Reason.USED,
    TicketState.REVOKED: Reason.REVOKED,
    TicketState.SUPERSEDED: Reason.SUPERSEDED,
    TicketState.EXPIRED: Reason.EXPIRED,
    TicketState.NO_ACCOUNT: Reason.CLOSED,
    TicketState.SUPPRESSED: Reason.CLOSED,
    TicketState.UNDELIVERABLE: Reason.CLOSED,
}


def _close(tickets: ResetTicketQuerySet, **columns: Any) -> int:
    """End tickets in one UPDATE: stamp the end, erase the secret, stop what was to be sent."""
    return tickets.update(**{"sealed_password": "", "due_at": None, "claim": None, **columns})


def _account(ticket: ResetTicket, *, for_update: bool = False) -> Account:
    """Return the ticket's account if it may still be reset and is as it was when mailed."""
    store = get_store(ticket.connection.user_store)
    account = store.get(ticket.account, for_update=for_update)
    if account is None or not store.is_resettable(account):
        raise TicketRefused(Reason.CLOSED, ticket)
    if not constant_time_compare(store.fingerprint(account), ticket.fingerprint):
        raise TicketRefused(Reason.CHANGED, ticket)
    return account


def _retrying(change: Callable[[], T], attempts: int = 3) -> T:
    """Run a transaction again when the database gave it up: deadlock, serialization, lock."""
    attempt = 1
    while True:
        try:
            return change()
        except OperationalError as error:
            # Inside somebody else's transaction a second attempt could only fail as well.
            if attempt == attempts or transaction.get_connection(database()).in_atomic_block:
                raise Busy from error
        time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 (spreads load only)
        attempt += 1


def _forget_expressions(ticket: ResetTicket) -> None:
    """Make the columns the database filled in load when read, instead of showing SQL."""
    for column in ("requested_at", "expires_at", "due_at"):
        ticket.__dict__.pop(column)


def _say_refused(reason: str, ticket: ResetTicket | None) -> None:
    signals.reset_refused.send_robust(
        ResetTicket, stage="change", reason=reason, ticket=ticket, details={}
    )


def _say_revoked(ticket_id: UUID, reason: str) -> None:
    signals.reset_revoked.send_robust(ResetTicket, ticket_id=ticket_id, reason=reason)
