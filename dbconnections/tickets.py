"""The life of a reset ticket: `issue`, `bind`, `open`, `redeem`, `revoke`, `end`, `report`.

A request becomes a ticket, before anyone knows whether there is such an account. Delivery has the
account found and the ticket bound to it, and mails the link, or ends the ticket; `hand_over` does
all of that at once for a back end that delivers the link itself. Opening the link changes nothing.
Redeeming it sets the password, once. What a mail provider tells of the mail is noted by `report`.
Nothing else changes a ticket's state; what is delivery's own is when to try next, how often it has,
and when a mail went out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import models
from django.db.models import F, Max, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from dbconnections import links, passwords, signals
from dbconnections.accounts import Account, UserStore, canonical, get_store
from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.models import (
    Client,
    Connection,
    ResetTicket,
    ResetTicketQuerySet,
    TicketState,
    whole_ticket,
)
from dbconnections.passwords.breaches import check_breaches
from dbconnections.passwords.history import check_history, remember
from dbconnections.prepared import PreparedInsert, PreparedUpdate
from dbconnections.secret import Secret
from dbconnections.transactions import retrying, writing


class Reason(models.TextChoices):
    """Why a link does not work; the labels are what the person reads first."""

    UNKNOWN = "unknown", _("This link does not work")
    USED = "used", _("This link has already been used")
    EXPIRED = "expired", _("This link has expired")
    REVOKED = "revoked", _("This link was cancelled")
    SUPERSEDED = "superseded", _("There is a newer link")
    # The account's password or address is no longer what it was when the mail was sent.
    CHANGED = "changed", _("Your account has changed since then")
    # Client, connection or account no longer serve, or the ticket was never bound to one.
    CLOSED = "closed", _("This link can no longer be used")


class TicketRefused(Exception):
    """A link does not work, for a reason."""

    def __init__(self, reason: Reason, ticket: ResetTicket | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.ticket = ticket


class Unmailable(Exception):
    """A ticket is not going to be mailed; ``state`` is how it ends instead.

    ``reason`` is a sentence for administrators where the state alone does not say why.
    """

    def __init__(self, state: TicketState, reason: str = "") -> None:
        super().__init__(state.value)
        self.state = state
        self.reason = reason


class NotPermitted(Exception):
    """The account has rights that whoever asks for a link to it lacks."""


class Taken(Exception):
    """Another worker has the ticket now, or somebody closed it; this one is to leave it."""


class WrongRetype(Exception):
    """The password typed again is not the one sent with the request; the ticket lives on."""


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
    requested_by: str = ""
    """The administrator who asks on somebody's behalf; mail caps do not hold them up."""
    lifetime: timedelta | None = None
    """How long the link works, where that is not the connection's to say."""
    result_url: str = ""
    include_email_in_redirect: bool = False
    mark_email_as_verified: bool = False
    caller_id: str = ""
    """Key of the user that a back end calls as, for the log."""
    may_open_staff: bool = False
    """Whether a link that is handed over may open an account with more than a customer's rights."""


def issue(request: ResetRequest) -> ResetTicket:
    """Store a request as a ticket that is due for delivery; one INSERT, no user looked up.

    Raises ``transactions.Busy``.
    """
    ticket = retrying(lambda: _store(request, due_at=DatabaseNow()))
    signals.reset_requested.send_robust(ResetTicket, ticket=ticket)
    return ticket


def hand_over(request: ResetRequest) -> ResetTicket:
    """Store a request whose link the caller delivers; nothing is mailed.

    ``request.account`` is the key of its account, and ``request.email``, where the caller named
    one, its address. Older links to the account stop working, as they do when a mail is sent.
    Raises ``Unmailable`` where there is no account that may be reset, ``NotPermitted``, or
    ``transactions.Busy``.
    """
    ticket, account = retrying(lambda: _hand_over(request))
    signals.reset_handed_over.send_robust(
        ResetTicket, ticket=ticket, account=account, caller_id=request.caller_id
    )
    return ticket


def _hand_over(request: ResetRequest) -> tuple[ResetTicket, Account]:
    store = get_store(request.connection.user_store)
    with writing():
        account = store.get(request.account, for_update=True)
        if account is None or not store.is_resettable(account):
            raise Unmailable(TicketState.NO_ACCOUNT)
        # Judged on the locked account: its rights or address may have changed since it was found.
        if request.email and canonical(request.email) != canonical(account.email):
            raise Unmailable(TicketState.NO_ACCOUNT)
        if store.is_privileged(account) and not request.may_open_staff:
            raise NotPermitted
        ticket = _store(
            replace(
                request,
                email=account.email,
                username="" if account.email else account.login,
            ),
            fingerprint=store.fingerprint(account),
            handed_over_at=DatabaseNow(),
        )
        supersede(ticket, account.id)
    return ticket, account


def _store(request: ResetRequest, **columns: Any) -> ResetTicket:
    """Insert a ticket with what was asked and the columns of its first step."""
    ticket_id = uuid4()
    lifetime = request.lifetime or request.connection.ticket_lifetime
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
        requested_by=request.requested_by,
        password_given=bool(request.password),
        sealed_password=links.seal(request.password, ticket_id) if request.password else "",
        result_url=request.result_url,
        include_email_in_redirect=request.include_email_in_redirect,
        mark_email_as_verified=request.mark_email_as_verified,
        may_open_staff=request.may_open_staff,
        requested_at=DatabaseNow(),
        expires_at=DatabaseNow() + lifetime,
        **columns,
    )
    _INSERT.run(ticket, kind=(lifetime, *columns))
    _forget_expressions(ticket)
    return ticket


_INSERT = PreparedInsert(ResetTicket)


def bind(ticket: ResetTicket, claim: UUID) -> Account:
    """Find a ticket's account and tie the ticket to it, before anything is mailed.

    A ticket found to have several accounts is bound to the first that is to be mailed; each
    other such one gets a ticket of its own, so that the person may choose which to reset.
    ``claim`` is the worker's. Raises ``Unmailable``, ``Taken`` or ``transactions.Busy``.
    """
    account, bound = retrying(lambda: _bind(ticket, claim))
    vars(ticket).update(bound)
    return account


def _bind(ticket: ResetTicket, claim: UUID) -> tuple[Account, dict[str, str]]:
    """Return the account, and the columns that tie the ticket to it."""
    store = get_store(ticket.connection.user_store)
    if ticket.account:
        found = {ticket.account: ""}
    else:
        accounts = store.find(email=ticket.email, username=ticket.username)
        resettable = [account for account in accounts if store.is_resettable(account)]
        found = {account.id: canonical(account.email) for account in resettable}
    if not found:
        raise Unmailable(TicketState.NO_ACCOUNT)
    one = next(iter(found))
    first = _first_of_address(store, one)
    refusals: list[Unmailable] = []
    with writing():
        # The locks make concurrent workers count the mails to an address one after the other:
        # several accounts may have it, and whoever mails to any of them waits for the first.
        if first != one:
            store.get(first, for_update=True)
        mailable = _mailable(ticket, store, found, refusals)
        account = next(mailable, None)
        if account is None:
            raise refusals[0]
        bound: dict[str, str] = {
            "account": account.id,
            "sent_to": account.email,
            "mailbox": canonical(account.email),
            "fingerprint": store.fingerprint(account),
        }
        mine = ResetTicket.objects.open().filter(pk=ticket.pk, claim=claim)
        if not mine.update(**bound):
            raise Taken
        for other in mailable:
            _split(ticket, other)
    return account, bound


def _mailable(
    ticket: ResetTicket, store: UserStore, found: dict[str, str], refusals: list[Unmailable]
) -> Iterator[Account]:
    """Yield each account, locked, that is to get a link; add to ``refusals`` why another is not.

    ``found`` are keys and mailboxes. Of a mailbox that is to get nothing more no further account
    is looked at: however many have it, they cost no more than the mails it may get.
    """
    closed: set[str] = set()
    for account_id, mailbox in found.items():
        if mailbox in closed:
            continue
        account = store.get(account_id, for_update=True)
        try:
            yield _judged(ticket, store, account, is_split=len(found) > 1)
        except Unmailable as refusal:
            refusals.append(refusal)
            if refusal.state in (TicketState.SUPPRESSED, TicketState.UNDELIVERABLE):
                closed.add(mailbox)


def _judged(
    ticket: ResetTicket, store: UserStore, account: Account | None, *, is_split: bool
) -> Account:
    """Return an account that is to be mailed the ticket's link, or one like it.

    Raises ``Unmailable``.
    """
    if account is None or not store.is_resettable(account):
        raise Unmailable(TicketState.NO_ACCOUNT)
    fingerprint = store.fingerprint(account)
    if ticket.fingerprint not in ("", fingerprint):
        raise Unmailable(TicketState.SUPERSEDED)
    if ticket.sent_to:
        return account
    # A link that was handed over is an API's doing, also where its caller has no name.
    by_the_person = not (ticket.requested_by or ticket.handed_over_at)
    if by_the_person:
        if _has_twin(ticket, account, fingerprint, is_split=is_split):
            raise Unmailable(TicketState.COALESCED)
        if _has_bounced(canonical(account.email)):
            raise Unmailable(TicketState.UNDELIVERABLE, reason=BOUNCED_BEFORE)
    if _has_newer(ticket, account):
        raise Unmailable(TicketState.SUPERSEDED)
    if by_the_person and _is_capped(ticket, account):
        raise Unmailable(TicketState.SUPPRESSED)
    return account


def _first_of_address(store: UserStore, account_id: str) -> str:
    """Return the key of the first account with the address of this one."""
    account = store.get(account_id)
    sharing = store.find(email=account.email) if account and account.email else []
    return sharing[0].id if sharing else account_id


def end(ticket: ResetTicket, claim: UUID, state: TicketState, reason: str = "") -> None:
    """Close a ticket that is not going to be mailed, and erase what it has sealed.

    A link mailed before goes on working when mailing it once more fails. ``reason``, at most 200
    characters and without any address or link, is kept for administrators.
    """
    mine = ResetTicket.objects.filter(pk=ticket.pk, claim=claim)
    said = {"last_error": reason} if reason else {}
    is_out = ticket.sent_at or ticket.handed_over_at
    if is_out and state == TicketState.UNDELIVERABLE:
        erasing = ticket.expires_at if ticket.sealed_password else None
        mine.update(claim=None, due_at=erasing, **said)
        return
    column = _ENDING_COLUMNS.get(state)
    _close(mine, **{column: DatabaseNow()} if column else {}, **said)
    if not is_out:
        _say_refused(state.value, ticket, stage="request")


def open(  # noqa: A001 (tickets.open)
    ticket_id: UUID | None, *, submitted: bool = False
) -> tuple[ResetTicket, Account]:
    """Return a ticket that works, and its account; change nothing.

    An answer is only good for showing a page: `redeem` judges anew. With ``submitted``, when a
    form was, a refusal is also told to the signal's receivers. Raises ``TicketRefused`` or
    ``transactions.Busy``.
    """
    try:
        return retrying(lambda: _open(ticket_id))
    except TicketRefused as refusal:
        if submitted:
            _say_refused(refusal.reason, refusal.ticket)
        raise


def _open(ticket_id: UUID | None) -> tuple[ResetTicket, Account]:
    ticket = whole_ticket.first(pk=ticket_id) if ticket_id else None
    if ticket is None:
        raise TicketRefused(Reason.UNKNOWN)
    if reason := _ENDED.get(TicketState(ticket.current_state)):
        raise TicketRefused(reason, ticket)
    if not ticket.serves or not ticket.fingerprint:
        raise TicketRefused(Reason.CLOSED, ticket)
    return ticket, _account(ticket)


def given_password(ticket: ResetTicket) -> Secret | None:
    """Return the password sent with the request, while sealed and the client may send one."""
    if not ticket.sealed_password or not ticket.client.accepts_password:
        return None
    return links.unseal(ticket.sealed_password, ticket.pk)


def redeem(
    ticket_id: UUID | None,
    *,
    password: Secret | None = None,
    retyped: Secret | None = None,
    opened: tuple[ResetTicket, Account] | None = None,
) -> ResetTicket:
    """Set the account's password and use the ticket up, both or neither.

    ``password`` is the one to set; without it, the one sent with the request is, after
    ``retyped`` was compared where the client wants that. ``opened`` is what `open` has just
    returned, if it was called; the ticket is judged anew in any case. Raises ``TicketRefused``,
    ``WrongRetype``, ``passwords.PasswordRefused`` or ``transactions.Busy``; the ticket lives on
    after the last three, unless too many wrong retypes have closed it.
    """
    ticket, account = opened or open(ticket_id, submitted=True)
    try:
        chosen = password or _confirmed(ticket, retyped)
        _check(ticket, account, chosen)
        account = retrying(lambda: _change(ticket, chosen))
    except TicketRefused as refusal:
        _say_refused(refusal.reason, ticket)
        raise
    except WrongRetype:
        _say_refused("wrong_retype", ticket)
        raise
    except passwords.PasswordRefused as refused:
        this = ResetTicket.objects.filter(pk=ticket.pk)
        retrying(lambda: this.update(opened_at=_FIRST_OPENED))
        _say_refused("invalid_password", ticket, name=refused.name)
        raise
    signals.password_changed.send_robust(ResetTicket, ticket=ticket, account=account)
    return ticket


@sensitive_variables()
def _check(ticket: ResetTicket, account: Account, password: Secret) -> None:
    """Check a password, the cheapest first.

    Outside any transaction: a validator of the site, the hashing of older passwords and the
    service that knows of breaches may each take long. The fingerprint tells if the account has
    changed since.
    """
    store = get_store(ticket.connection.user_store)
    policy = passwords.policy_of(ticket.connection)
    personal = store.personal_data(account) if policy.refuses_personal_data else ()
    passwords.check(password, policy, user=account.user, personal=personal)
    check_history(ticket.connection, account.id, password, store.password_hash(account))
    check_breaches(password)


@sensitive_variables()
def _change(ticket: ResetTicket, password: Secret) -> Account:
    with writing():
        # First and alone: of any number of concurrent attempts the database lets one through.
        # Reading first and writing then would let all through that read in between.
        if not _use.run(pk=ticket.pk):
            # Refuses with the reason; if it finds none, the UPDATE still has the last word.
            _open(ticket.pk)
            raise TicketRefused(Reason.CLOSED, ticket)
        account = _account(ticket, for_update=True)
        store = get_store(ticket.connection.user_store)
        before = store.password_hash(account)
        store.set_password(account, password.reveal())
        remember(ticket.connection, account.id, store.password_hash(account), before=before)
        if ticket.mark_email_as_verified:
            store.mark_email_verified(account)
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
        if retrying(lambda: _count_wrong_retype(ticket)):
            _say_revoked(ticket.pk, "retypes")
            raise TicketRefused(Reason.REVOKED, ticket)
        raise WrongRetype
    return given


def _count_wrong_retype(ticket: ResetTicket) -> int:
    """Count one, and close the ticket if it was one too many; return whether it was."""
    this = ResetTicket.objects.open().filter(pk=ticket.pk)
    with writing():
        this.update(wrong_retypes=F("wrong_retypes") + 1, opened_at=_FIRST_OPENED)
        too_many = this.filter(wrong_retypes__gte=settings.MAX_RETYPES)
        return _close(too_many, revoked_at=DatabaseNow())


def revoke(ticket_id: UUID, reason: str) -> bool:
    """Close an open ticket for good; return whether it was open.

    ``reason`` says who closed it: ``declined`` by the person or ``administrator``. Raises
    ``transactions.Busy``.
    """
    opened = {"opened_at": _FIRST_OPENED} if reason == "declined" else {}
    this = ResetTicket.objects.open().filter(pk=ticket_id)
    revoked = retrying(lambda: _close(this, revoked_at=DatabaseNow(), **opened))
    if revoked:
        _say_revoked(ticket_id, reason)
    return bool(revoked)


def revoke_all(reason: str) -> int:
    """Close every open ticket for good, in batches; return how many there were.

    Raises ``transactions.Busy``.
    """
    ticket_ids = retrying(lambda: list(ResetTicket.objects.open().values_list("pk", flat=True)))
    revoked = 0
    for start in range(0, len(ticket_ids), _REVOKED_AT_ONCE):
        batch = ticket_ids[start : start + _REVOKED_AT_ONCE]
        closed = retrying(partial(_revoke_batch, batch))
        for ticket_id in closed:
            _say_revoked(ticket_id, reason)
        revoked += len(closed)
    return revoked


def _revoke_batch(ticket_ids: list[UUID]) -> list[UUID]:
    """Close those of the tickets that are still open; return which."""
    with writing():
        # Locked, so that none is used between being counted and being closed.
        still_open = ResetTicket.objects.open().filter(pk__in=ticket_ids).select_for_update()
        closed = list(still_open.values_list("pk", flat=True))
        _close(ResetTicket.objects.filter(pk__in=closed), revoked_at=DatabaseNow())
    return closed


def report(
    ticket_id: UUID,
    outcome: str,
    *,
    reason: str = "",
    message_id: str = "",
    age: timedelta = timedelta(),
) -> bool:
    """Note what a mail provider tells of the mail with the link; return whether it was news.

    ``outcome`` is ``accepted``, ``delivered``, ``bounced`` (the address takes no mail),
    ``rejected`` (this mail was refused, another may not be) or ``complained``. It changes
    nothing about the link. ``reason``, of at most 64 characters, holds no text of the provider's.
    The first report of its kind counts, for providers repeat theirs, and the first of a delivery
    after the address bounced. ``age`` is how long ago it was that what is told happened; what a
    provider's clock makes of the future is now.
    """
    happened_at = DatabaseNow() - min(max(age, timedelta()), _OLDEST_REPORT)
    this = ResetTicket.objects.filter(pk=ticket_id)
    if outcome == "accepted":
        return bool(retrying(lambda: this.update(message_id=message_id)))
    column = _REPORT_COLUMNS[outcome]
    is_news = Q((f"{column}__isnull", True))
    if outcome == "delivered":
        last = retrying(lambda: _last_bounce(*this.values_list("mailbox", flat=True)))
        if last:
            # As an expression, for whose time zone a time is in depends on the site.
            is_since = Q(GreaterThan(happened_at, Value(last)))
            is_news |= Q(delivered_at__lt=last) & is_since
    said = {"reject_reason": reason} if reason else {}
    # Told late, a delivery ends no wait; a bounce begins one all the same.
    noted_at = happened_at if outcome == "delivered" else DatabaseNow()
    noted = retrying(lambda: this.filter(is_news).update(**{column: noted_at}, **said))
    if noted:
        signals.delivery_reported.send_robust(
            ResetTicket, ticket_id=ticket_id, outcome=outcome, reason=reason
        )
    return bool(noted)


def supersede(newer: ResetTicket, account_id: str) -> None:
    """Close the account's other open tickets requested before this one.

    Called when the newer mail has been handed over, not when it is asked for: a request that
    is suppressed or cannot be delivered must not take a working link away.
    """
    _supersede.run(
        account_id=account_id,
        user_store=newer.connection.user_store,
        requested_at=newer.requested_at,
        pk=newer.pk,
    )


_FIRST_OPENED = Coalesce("opened_at", DatabaseNow())

# Few enough to lock for a moment only.
_REVOKED_AT_ONCE = 500

BOUNCED_BEFORE = "Not sent: an earlier mail to this address bounced."

# Beyond it a provider's clock, or its report, is wrong.
_OLDEST_REPORT = timedelta(days=366)

_REPORT_COLUMNS = {
    "delivered": "delivered_at",
    "bounced": "bounced_at",
    "rejected": "rejected_at",
    "complained": "complained_at",
}

_ENDING_COLUMNS = {
    TicketState.COALESCED: "coalesced_at",
    TicketState.NO_ACCOUNT: "no_account_at",
    TicketState.SUPPRESSED: "suppressed_at",
    TicketState.SUPERSEDED: "superseded_at",
    TicketState.UNDELIVERABLE: "undeliverable_at",
}

_ENDED = {
    TicketState.USED: Reason.USED,
    TicketState.REVOKED: Reason.REVOKED,
    TicketState.SUPERSEDED: Reason.SUPERSEDED,
    TicketState.EXPIRED: Reason.EXPIRED,
    TicketState.NO_ACCOUNT: Reason.CLOSED,
    TicketState.COALESCED: Reason.CLOSED,
    TicketState.SUPPRESSED: Reason.CLOSED,
    TicketState.UNDELIVERABLE: Reason.CLOSED,
}


# What ends a ticket: the secret is erased, what was to be sent is stopped.
_CLOSED = {"sealed_password": "", "due_at": None, "claim": None}


def _close(tickets: ResetTicketQuerySet, **columns: Any) -> int:
    """End tickets in one UPDATE, which stamps how."""
    return tickets.update(**{**_CLOSED, **columns})


_use = PreparedUpdate(
    ResetTicket,
    lambda pk: ResetTicket.objects.redeemable().filter(pk=pk),
    {
        **_CLOSED,
        "used_at": DatabaseNow(),
        "opened_at": _FIRST_OPENED,
        # Due again, for the mail that tells of the change.
        "due_at": DatabaseNow(),
        "attempts": 0,
        "unanswered": 0,
        "last_error": "",
    },
    pk=models.UUIDField(),
)


def _older(
    account_id: str, user_store: str, requested_at: datetime, pk: UUID
) -> ResetTicketQuerySet:
    """Return an account's open tickets, but one, that were requested no later than it."""
    others = ResetTicket.objects.of_account(account_id, user_store).open()
    older: ResetTicketQuerySet = others.filter(requested_at__lte=requested_at).exclude(pk=pk)
    return older


_supersede = PreparedUpdate(
    ResetTicket,
    _older,
    {**_CLOSED, "superseded_at": DatabaseNow()},
    account_id=models.CharField(),
    user_store=models.CharField(),
    requested_at=models.DateTimeField(),
    pk=models.UUIDField(),
)


def _has_newer(ticket: ResetTicket, account: Account) -> bool:
    """Say whether the link of a ticket requested later is already on its way to the person."""
    others = ResetTicket.objects.of_account(account.id, ticket.connection.user_store)
    is_out = Q(sent_at__isnull=False) | Q(handed_over_at__isnull=False)
    return bool(others.filter(is_out, requested_at__gt=ticket.requested_at).exists())


def _has_twin(ticket: ResetTicket, account: Account, fingerprint: str, *, is_split: bool) -> bool:
    """Say whether another ticket's link answers this request as well.

    It was asked for within ``COALESCE_WINDOW`` of this one, before or after, for the same account
    through the same client and connection, with the same password or none; it still works, and
    has been mailed or is about to be. The times of the requests count, not those of the mails: what
    a person asks for on purpose must not depend on how busy the workers are.
    """
    window = settings.COALESCE_WINDOW
    twins = ResetTicket.objects.open().filter(
        Q(sent_at__isnull=False) | Q(due_at__isnull=False),
        account=account.id,
        fingerprint=fingerprint,
        client=ticket.client,
        connection=ticket.connection,
        organization=ticket.organization,
        bounced_at__isnull=True,
        rejected_at__isnull=True,
        requested_at__gt=ticket.requested_at - window,
        requested_at__lt=ticket.requested_at + window,
    )
    if is_split:
        # Its mail has to have gone to all the accounts that this one would go to.
        twins = twins.filter(email=ticket.email, username=ticket.username)
    given = given_password(ticket)
    return any(given_password(twin) == given for twin in twins.select_related("client"))


def _has_bounced(mailbox: str) -> bool:
    """Say whether the last thing known of a mailbox is that it takes no mail."""
    last = _last_bounce(mailbox)
    mailed = ResetTicket.objects.filter(mailbox=mailbox)
    return last is not None and not mailed.filter(delivered_at__gt=last).exists()


def _last_bounce(mailbox: str = "") -> datetime | None:
    """Return when a mailbox last told that it takes no mail, unless that is long ago."""
    mailed = ResetTicket.objects.filter(mailbox=mailbox)
    recent = mailed.filter(bounced_at__gt=DatabaseNow() - settings.BOUNCE_WINDOW)
    last: datetime | None = recent.aggregate(last=Max("bounced_at"))["last"]
    return last


def _is_capped(ticket: ResetTicket, account: Account) -> bool:
    """Say whether a mailbox has had, or is about to get, as many other mails as it may."""
    mailed = ResetTicket.objects.filter(mailbox=canonical(account.email))
    others = mailed.exclude(pk=ticket.pk, account=account.id)
    unsent = Q(sent_at__isnull=True)
    for most, period in settings.MAIL_CAPS:
        start = DatabaseNow() - period
        # One superseded while it was handed over may arrive all the same.
        coming = unsent & (Q(due_at__isnull=False) | Q(superseded_at__gt=start))
        recent = Q(sent_at__gt=start)
        if others.filter(recent | coming).count() >= most:
            return True
    return False


def _split(ticket: ResetTicket, account: Account) -> None:
    """Issue the same request once more for another account of the same address."""
    given = given_password(ticket)
    copy = ResetTicket.objects.get(pk=ticket.pk)
    copy.pk = uuid4()
    copy._state.adding = True
    copy.sealed_password = links.seal(given, copy.pk) if given else ""
    copy.account, copy.sent_to, copy.fingerprint = account.id, "", ""
    # Counted by its cap from now on, before delivery comes to it.
    copy.mailbox = canonical(account.email)
    copy.attempts, copy.unanswered, copy.claim = 0, 0, None
    copy.due_at = DatabaseNow()  # the INSERT resolves it
    copy.save(force_insert=True)


def _account(ticket: ResetTicket, *, for_update: bool = False) -> Account:
    """Return the ticket's account if it may still be reset and is as it was when mailed."""
    store = get_store(ticket.connection.user_store)
    account = store.get(ticket.account, for_update=for_update)
    if account is None or not store.is_resettable(account):
        raise TicketRefused(Reason.CLOSED, ticket)
    if not constant_time_compare(store.fingerprint(account), ticket.fingerprint):
        raise TicketRefused(Reason.CHANGED, ticket)
    # A back end may keep its link until the account has risen to rights it was not to have.
    if ticket.handed_over_at and not ticket.may_open_staff and store.is_privileged(account):
        raise TicketRefused(Reason.CLOSED, ticket)
    return account


def _forget_expressions(ticket: ResetTicket) -> None:
    """Make columns the database filled in load when they are read."""
    for column in ("requested_at", "expires_at", "due_at", "handed_over_at"):
        if hasattr(ticket.__dict__[column], "resolve_expression"):
            del ticket.__dict__[column]


def _say_refused(
    reason: str, ticket: ResetTicket | None, stage: str = "change", **details: str
) -> None:
    signals.reset_refused.send_robust(
        ResetTicket, stage=stage, reason=str(reason), ticket=ticket, details=details
    )


def _say_revoked(ticket_id: UUID, reason: str) -> None:
    signals.reset_revoked.send_robust(ResetTicket, ticket_id=ticket_id, reason=reason)
