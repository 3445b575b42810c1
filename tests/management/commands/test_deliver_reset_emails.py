"""The command: once, or until it is told to stop."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections

from dbconnections.management.commands import deliver_reset_emails
from dbconnections.models import ResetTicket
from tests.factories import ResetTicketFactory, UserFactory
from tests.support import processes
from tests.support.mail import send_through
from tests.support.time import wait_until

LOOP = ("-m", "django", "deliver_reset_emails", "--loop", "--interval", "0.1")


@pytest.fixture(autouse=True)
def own_signal_handlers() -> Iterator[None]:
    """Give the command's handlers back after each test."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def due(jane, app, connection) -> ResetTicket:
    return ResetTicketFactory(client=app, connection=connection, email=jane.email)


def is_sent(ticket: ResetTicket) -> bool:
    return ResetTicket.objects.filter(pk=ticket.pk, sent_at__isnull=False).exists()


def test_command_delivers_once_and_says_what_became_of_each(due, app, connection, capsys):
    ResetTicketFactory.create_batch(2, client=app, connection=connection)
    call_command("deliver_reset_emails")
    assert capsys.readouterr().out == "no_account: 2\nsent: 1\n"
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_command_may_be_called_in_a_thread(due):
    with ThreadPoolExecutor(1) as executor:
        executor.submit(deliver_in_thread).result()
    assert len(mail.outbox) == 1


def deliver_in_thread() -> None:
    try:
        call_command("deliver_reset_emails")
    finally:
        connections.close_all()


@pytest.mark.django_db
def test_command_says_that_nothing_was_due(capsys):
    call_command("deliver_reset_emails")
    assert capsys.readouterr().out == ""
    call_command("deliver_reset_emails", verbosity=2)
    assert capsys.readouterr().out == "Nothing was due.\n"


@pytest.mark.django_db(transaction=True)
def test_loop_goes_on_until_it_is_told_to_stop(due, app, connection):
    with processes.python(*LOOP) as command:
        assert command.stdout.readline() == "sent: 1\n"
        # Only now, or one look might find both.
        ResetTicketFactory(client=app, connection=connection, email=UserFactory().email)
        assert command.stdout.readline() == "sent: 1\n"
        command.terminate()
        command.wait(timeout=60)
    assert command.returncode == 0


@pytest.mark.parametrize("interval", ["-1", "0", "86401", "inf", "nan"])
def test_interval_that_cannot_be_waited_is_named(interval):
    with pytest.raises(CommandError) as told:
        call_command("deliver_reset_emails", "--loop", "--interval", interval)
    assert str(told.value) == "--interval takes more than 0 seconds and at most a day, 86400."
    assert told.value.returncode == 2


def test_interval_without_a_loop_is_told():
    with pytest.raises(CommandError) as told:
        call_command("deliver_reset_emails", "--interval", "5")
    assert str(told.value) == "--interval says something with --loop only."
    assert told.value.returncode == 2


def deliver_rather_slowly(started: str) -> None:
    os.environ["MAIL_STARTED"] = started
    with send_through("tests.support.mail.RatherSlowBackend"):
        call_command("deliver_reset_emails", "--loop", stdout=open(os.devnull, "w"))  # noqa: SIM115


@pytest.mark.django_db(transaction=True)
def test_mail_at_hand_is_sent_and_noted_before_stopping(due, tmp_path):
    started = tmp_path / "started"
    with processes.running(deliver_rather_slowly, started=str(started)) as command:
        wait_until(started.exists)
        command.terminate()
        command.communicate(timeout=60)
    assert command.returncode == 0
    assert is_sent(due)


@pytest.mark.django_db
def test_loop_outlives_a_database_that_fails(monkeypatch):
    """The database comes back; a command that has ended does not."""
    failures = [OperationalError("gone away")] * 2

    def deliver_due(*args):
        if failures:
            raise failures.pop()
        os.kill(os.getpid(), signal.SIGTERM)
        return Counter()

    monkeypatch.setattr(deliver_reset_emails, "deliver_due", deliver_due)
    call_command("deliver_reset_emails", "--loop", "--interval", "0.01")
    assert failures == []


@pytest.mark.django_db  # the loop closes what connections there are
def test_loop_lingers_for_a_random_moment_beside_the_interval(monkeypatch):
    """Or the moment of delivery, and what it slows, would follow a request as a clock does."""
    pauses = []

    def wait(stop, timeout):
        pauses.append(timeout)
        if len(pauses) == 3:
            stop.set()

    monkeypatch.setattr(deliver_reset_emails, "deliver_due", lambda stop: Counter())
    monkeypatch.setattr(deliver_reset_emails.Stop, "wait", wait)
    call_command("deliver_reset_emails", "--loop", "--interval", "2")
    assert len({pause for pause in pauses if 2 < pause < 3}) == 3


@pytest.mark.django_db
def test_command_that_runs_once_tells_of_a_database_that_fails(monkeypatch):
    def deliver_due(*args):
        raise OperationalError("gone away")

    monkeypatch.setattr(deliver_reset_emails, "deliver_due", deliver_due)
    with pytest.raises(OperationalError):
        call_command("deliver_reset_emails")


@pytest.mark.django_db  # the loop closes what connections there are
@pytest.mark.timeout(20)
def test_loop_stops_though_the_signal_comes_while_it_holds_the_lock_of_its_event(monkeypatch):
    """As `Event.wait` does for moments; a handler that wanted the lock would wait for ever."""

    def hold_and_be_stopped(stop):
        with stop._cond:
            signal.raise_signal(signal.SIGTERM)
        return Counter()

    monkeypatch.setattr(deliver_reset_emails, "deliver_due", hold_and_be_stopped)
    call_command("deliver_reset_emails", loop=True)
