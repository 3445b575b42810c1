"""The outbox: claim tickets that are due, find their account, send, retry, give up.

A ticket is due when ``due_at`` has come. A worker claims it by moving ``due_at`` to the end of a
lease, so a ticket whose worker died becomes due again by itself. An attempt is counted before it
is made, so that a ticket that kills its worker cannot do so for ever. What follows from that: a
mail may be sent twice when a worker dies between sending and noting it, with the same link, and
none is lost. What a failure means for the next attempt is said by `failures`.
"""

import contextlib
import logging
import os
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from email.errors import MessageError
from uuid import UUID, uuid4

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import close_old_connections, connections
from django.db.models import F, Q

from dbconnections import mail, signals, tickets
from dbconnections.accounts import Account, canonical, get_store
from dbconnections.clock import DatabaseNow
from dbconnections.conf import settings
from dbconnections.failures import (
    Failure,
    NotNoted,
    NotSent,
    Undeliverable,
    classify,
    describe,
    is_about_text,
    is_unanswered,
    log_failure,
)
from dbconnections.models import ResetTicket, TicketState, whole_ticket
from dbconnections.transactions import database, retrying, writing
from dbconnections.wake_ups import wake_after_commit

__all__ = ["deliver_due"]


FIRST_DELAY = timedelta(seconds=10)

# How long the mail after a change is tried: as long as mail servers try theirs (RFC 5321, 4.5.4.1),
# and not by the ticket, which has ended. A link is tried until it expires.
NOTICE_PERIOD = timedelta(days=5)

# Longest time for which the thread and the command's loop let their work lie.
MAX_LINGER = timedelta(seconds=1)

# Longer than a ticket, used or not, can have a mail to come; keeps counting off old rows.
_OUTBOX_PERIOD = timedelta(days=14)


def deliver_due(stop: threading.Event | None = None) -> Counter[str]:
    """Send everything that is due; return how many tickets ended in which outcome.

    Outcomes are ``sent``, ``notified``, ``retry``, ``taken`` by another worker, and the states
    of ``TicketState``. Safe to run in any number of processes at once. Once ``stop`` is set,
    the mail at hand is the last; the rest of the batch is free again when its lease ends.
    """
    outcomes: Counter[str] = Counter()
    stop = stop or threading.Event()
    mailer = mail.mailer()
    try:
        while not stop.is_set() and (claimed := retrying(_claim)):
            claim, ticket_ids = claimed
            for ticket_id in ticket_ids:
                if stop.is_set():
                    break
                outcomes[_deliver(ticket_id, claim, mailer)] += 1
    finally:
        _close_quietly(mailer)
    return outcomes


def send_again(ticket: ResetTicket) -> bool:
    """Make an open ticket due once more, at an administrator's wish; the link stays the same.

    Returns whether the ticket was open. Neither mail caps nor a bounce hold up a ticket already
    mailed. Raises ``Busy``.
    """
    due = ResetTicket.objects.open().filter(pk=ticket.pk)
    afresh = {"due_at": DatabaseNow(), "claim": None, "attempts": 0, "unanswered": 0}
    made_due = retrying(lambda: due.update(**afresh, last_error=""))
    if made_due:
        wake_after_commit()
    return bool(made_due)


def next_due() -> timedelta | None:
    """Return how long until something is due, zero if it is already, None if nothing is."""
    times = ResetTicket.objects.filter(due_at__isnull=False).order_by("due_at")
    first = times.values_list("due_at", DatabaseNow()).first()
    if first is None:
        return None
    due_at, now = first
    pause: timedelta = due_at - now
    return max(pause, timedelta())


def next_retry() -> timedelta | None:
    """Return how long until what was put off is due, None if nothing is soon.

    A ticket that a worker holds does not count: that worker asks as well when it is done, and
    what it left behind if it died is for the command, as is what waits longer than any retry.
    """
    longest = DatabaseNow() + settings.DELIVERY_MAX_DELAY * 2
    put_off = ResetTicket.objects.filter(claim=None, due_at__gt=DatabaseNow(), due_at__lte=longest)
    first = put_off.order_by("due_at").values_list("due_at", DatabaseNow()).first()
    if first is None:
        return None
    due_at, now = first
    pause: timedelta = due_at - now
    return pause


def status() -> dict[str, float]:
    """Return how many mails are due, failing, dead and bounced, and how overdue the oldest is.

    ``failing`` are those whose last attempt failed; ``dead_last_day`` those given up within a
    day; ``bounced_last_day`` those that a mail provider says bounced for good. Times are in
    seconds.
    """
    due = ResetTicket.objects.filter(due_at__lte=DatabaseNow())
    oldest = due.order_by("due_at").values_list("due_at", DatabaseNow()).first()
    waiting = ResetTicket.objects.filter(due_at__isnull=False)
    day_ago = DatabaseNow() - timedelta(days=1)
    recent = ResetTicket.objects.filter(requested_at__gt=DatabaseNow() - _OUTBOX_PERIOD)
    return {
        "due": due.count(),
        "failing": waiting.exclude(last_error="").count(),
        "dead_last_day": recent.filter(undeliverable_at__gt=day_ago).count(),
        "bounced_last_day": recent.filter(bounced_at__gt=day_ago).count(),
        "oldest_due_seconds": (oldest[1] - oldest[0]).total_seconds() if oldest else 0.0,
    }


# Claiming


def _claim() -> tuple[UUID, list[UUID]] | None:
    """Take a batch of due tickets for this worker, or None when none are due."""
    claim = uuid4()
    due = ResetTicket.objects.filter(due_at__lte=DatabaseNow())
    features = connections[database()].features
    with writing():
        rows = due.order_by("due_at")
        if features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        claims = dict(rows.values_list("pk", "claim")[: settings.DELIVERY_BATCH])
        if not claims:
            return None
        ticket_ids = list(claims)
        if left := [ticket_id for ticket_id, worker in claims.items() if worker]:
            # Their worker died, maybe after the server took a mail and before that was noted.
            # Beginning an attempt clears `last_error`: where one is left, this worker never came
            # to the ticket.
            begun = due.filter(pk__in=left, unanswered__gt=0, last_error="").exclude(fingerprint="")
            begun.filter(used_at=None).update(sent_at=DatabaseNow(), last_error="The worker died.")
        # Still due: without SKIP LOCKED another worker may have been quicker.
        due.filter(pk__in=ticket_ids).update(
            claim=claim, due_at=DatabaseNow() + settings.DELIVERY_LEASE
        )
    return claim, ticket_ids


def _deliver(ticket_id: UUID, claim: UUID, mailer: BaseEmailBackend) -> str:
    mine = Q(pk=ticket_id, claim=claim)
    begun = ResetTicket.objects.filter(mine).update(
        attempts=F("attempts") + 1,
        unanswered=F("unanswered") + 1,
        last_error="",
        due_at=DatabaseNow() + settings.DELIVERY_LEASE,
    )
    if not begun:
        return "taken"
    ticket = whole_ticket.first(pk=ticket_id)
    if ticket is None or ticket.claim != claim or ticket.due_at is None:
        return "taken"
    ticket.begun_at = ticket.due_at - settings.DELIVERY_LEASE
    begun_by_clock = time.monotonic()
    outcome = _attempt(ticket, claim, mailer)
    if outcome != "taken":
        # By the database's clock until it was claimed, by this machine's for the seconds since.
        waiting = ticket.begun_at - (ticket.used_at or ticket.requested_at)
        waited = waiting.total_seconds() + time.monotonic() - begun_by_clock
        signals.delivery_attempted.send_robust(
            ResetTicket, ticket=ticket, outcome=outcome, attempts=ticket.attempts, waited=waited
        )
    return outcome


def _attempt(ticket: ResetTicket, claim: UUID, mailer: BaseEmailBackend) -> str:
    try:
        if ticket.unanswered > settings.DELIVERY_MAX_ATTEMPTS:
            # It has taken its workers with it; the last attempt never got to say so.
            raise Undeliverable("Too many attempts ended without a word.")
        if ticket.used_at:
            return _notify(ticket, claim, mailer)
        return _send_link(ticket, claim, mailer)
    except tickets.Taken:
        return "taken"
    except tickets.Unmailable as ending:
        tickets.end(ticket, claim, ending.state, ending.reason)
        return ending.state.value
    except Exception as error:
        failure = error
    # Outside the handler: whatever else is raised while this is logged would be chained to the
    # error, and its text, which may hold the link, be printed with it.
    # The connection may be in any state; the next mail gets a new one.
    _close_quietly(mailer)
    return _retry_or_give_up(ticket, claim, failure)


# The mail with the link


def _send_link(ticket: ResetTicket, claim: UUID, mailer: BaseEmailBackend) -> str:
    if ticket.current_state == TicketState.EXPIRED:
        if not ticket.sent_at and not ticket.handed_over_at:
            # No worker came in time, and an administrator is to see that.
            raise Undeliverable("The link expired before it could be sent.")
        # The visit that erases a sealed password.
        raise tickets.Unmailable(TicketState.EXPIRED)
    if not ticket.serves:
        raise Undeliverable("Client or connection is no longer active.")
    account = tickets.bind(ticket, claim)
    _send(mailer, mail.reset_message(ticket, account))
    # What is not noted now is mailed once more.
    try:
        retrying(lambda: _note_sent(ticket, claim, account))
    except Exception as error:
        raise NotNoted from error
    signals.reset_sent.send_robust(ResetTicket, ticket=ticket, account=account)
    return TicketState.SENT.value


def _note_sent(ticket: ResetTicket, claim: UUID, account: Account) -> None:
    erasing = ticket.expires_at if ticket.sealed_password else None
    with writing():
        # Locked, so that a newer ticket being bound at this moment is seen by one of the two.
        get_store(ticket.connection.user_store).get(account.id, for_update=True)
        noted = ResetTicket.objects.filter(pk=ticket.pk, claim=claim).update(
            sent_at=DatabaseNow(), due_at=erasing, claim=None, unanswered=0, last_error=""
        )
        if not noted:
            # The person was quicker and the ticket is used: its next mail stays due.
            this = ResetTicket.objects.filter(pk=ticket.pk)
            this.update(sent_at=DatabaseNow())
            if this.filter(superseded_at__isnull=False).exists():
                # By one that closed all before it; one of the same moment must not close it back.
                return
        tickets.supersede(ticket, account.id)


# The mail after a change


def _notify(ticket: ResetTicket, claim: UUID, mailer: BaseEmailBackend) -> str:
    account = get_store(ticket.connection.user_store).get(ticket.account)
    # To the address before a change as well: whoever took the account may have changed that too.
    before = ticket.email if ticket.handed_over_at else ticket.sent_to
    addresses = filter(None, (before, account.email if account else ""))
    mailboxes = {canonical(address): address for address in addresses}
    if account is None or not mailboxes:
        raise Undeliverable("The account is gone or has no address.")
    refused: list[Exception] = []
    for address in mailboxes.values():
        try:
            _send(mailer, mail.changed_message(ticket, account, to=address))
        except Exception as error:
            # An address given up since is no reason not to tell the other one.
            if classify(error) != Failure.PERMANENT:
                raise
            refused.append(error)
            _close_quietly(mailer)
    if len(refused) == len(mailboxes):
        raise refused[0]
    noted = ResetTicket.objects.filter(pk=ticket.pk, claim=claim)
    retrying(
        lambda: noted.update(
            notified_at=DatabaseNow(), due_at=None, claim=None, unanswered=0, last_error=""
        )
    )
    return "notified"


# Sending and failing


def _send(mailer: BaseEmailBackend, message: EmailMultiAlternatives) -> None:
    # Opened here, a connection stays open for the next mail; opened by sending, it would not.
    mailer.open()
    try:
        sent = mailer.send_messages([message])
    except (ValueError, LookupError, MessageError) as error:
        # Python's own parser trips over some addresses by an IndexError.
        if is_about_text(error):
            raise Undeliverable(describe(error)) from error
        raise
    if sent == 0:
        raise NotSent


def _retry_or_give_up(ticket: ResetTicket, claim: UUID, error: Exception) -> str:
    reason = describe(error)
    failure = classify(error)
    delay = timedelta()
    is_out = ticket.sent_at is not None
    if is_unanswered(error) and not ticket.used_at:
        # Taken for sent, or a refusal of the next attempt would end a link that has arrived.
        ResetTicket.objects.filter(pk=ticket.pk, claim=claim).update(sent_at=DatabaseNow())
        ticket.sent_at = ticket.begun_at
    if failure == Failure.UNKNOWN and ticket.unanswered >= settings.DELIVERY_MAX_ATTEMPTS:
        failure = Failure.PERMANENT
    if failure != Failure.PERMANENT:
        delay = _pause(ticket)
        if not delay:
            reason = f"{reason}. The link expires before another attempt."
            failure = Failure.PERMANENT
    elif is_out and not ticket.used_at:
        reason = f"{reason.rstrip('.')}. An earlier attempt may have been delivered."
    if failure == Failure.PERMANENT:
        log_failure("Giving up a mail: %s.", logging.ERROR, error, ticket)
        tickets.end(ticket, claim, TicketState.UNDELIVERABLE, reason)
        return TicketState.UNDELIVERABLE.value
    # An answer clears the count of those that never came.
    answered = {"unanswered": 0} if failure == Failure.TRANSIENT else {}
    ResetTicket.objects.filter(pk=ticket.pk, claim=claim).update(
        last_error=reason, due_at=DatabaseNow() + delay, claim=None, **answered
    )
    log_failure("A mail failed and will be tried again: %s.", logging.WARNING, error, ticket)
    return "retry"


def _pause(ticket: ResetTicket) -> timedelta:
    """Return how long to wait before the next attempt; zero where there is to be none."""
    # Jitter keeps a server that comes back from meeting all retries at once.
    jitter = random.uniform(0.75, 1)  # noqa: S311 (spreads load only)
    doubled = FIRST_DELAY * 2 ** min(ticket.attempts - 1, 16)
    pause = min(doubled, settings.DELIVERY_MAX_DELAY) * jitter
    ends_at = ticket.used_at + NOTICE_PERIOD if ticket.used_at else ticket.expires_at
    # Never past the end, but ever closer to it: half of what is left, down to the first pause.
    left: timedelta = (ends_at - ticket.begun_at) / 2
    return min(pause, left) if left >= FIRST_DELAY else timedelta()


def _close_quietly(mailer: BaseEmailBackend) -> None:
    with contextlib.suppress(Exception):
        mailer.close()


class DeliveryThread:
    """One thread of this process that delivers while there is something to deliver."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start afresh, as a forked child must: it has the lock, but not the thread."""
        self._lock = threading.Lock()
        self._called = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Start the thread, or have it look again."""
        with self._lock:
            self._called.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="dbconnections-delivery", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        try:
            while self._deliver():
                pass
        finally:
            connections.close_all()

    def _deliver(self) -> bool:
        """Deliver once and wait for more; return False when this thread is to end."""
        # Requests that follow are slower while this process renders a mail. Begun at once, that
        # would tell whoever times the next request whether there was one to render.
        time.sleep(random.uniform(0, MAX_LINGER.total_seconds()))  # noqa: S311 (no secret)
        self._called.clear()
        failure: Exception | None = None
        close_old_connections()
        try:
            deliver_due()
            pause = next_due()
        except Exception as error:
            failure = error
            pause = settings.DELIVERY_MAX_DELAY
        if failure:
            log_failure("Delivery failed: %s.", logging.ERROR, failure)
        # A longer wait, for a sealed password to be erased, is not worth a thread: the next
        # wake-up or the command sees to it.
        longest = settings.DELIVERY_MAX_DELAY * 2
        if pause is not None and pause <= longest:
            # An idle thread holds no connection.
            connections.close_all()
            self._called.wait(timeout=pause.total_seconds() + 0.05)
            return True
        with self._lock:
            if self._called.is_set():
                return True
            self._thread = None
            return False


delivery_thread = DeliveryThread()
if hasattr(os, "register_at_fork"):  # pragma: no branch (there is no fork on Windows)
    os.register_at_fork(after_in_child=delivery_thread.forget)
