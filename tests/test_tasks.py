"""Delivery by a task queue, which is only ever told to look."""

from collections import Counter
from datetime import timedelta
from runpy import run_path
from typing import Any
from uuid import uuid4

import django
import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from dbconnections import tasks as tasks_of_app
from dbconnections import tickets
from dbconnections.models import ResetTicket
from dbconnections.tasks import deliver_reset_emails, purge_reset_tickets
from tests.factories import MailedTicketFactory, ResetTicketFactory
from tests.support.mail import Sink, smtp
from tests.support.time import let_pass

if django.VERSION >= (6, 0):
    from django import tasks
else:
    import django_tasks as tasks

BACKENDS = f"{tasks.__name__}.backends"


@pytest.fixture
def queued(settings, transactional_db) -> Any:
    """Have wake-ups go to a queue; return what holds them."""
    settings.TASKS = {
        "default": {"BACKEND": f"{BACKENDS}.immediate.ImmediateBackend"},
        "mails": {"BACKEND": f"{BACKENDS}.dummy.DummyBackend", "QUEUES": ["resets"]},
    }
    changes = {"WAKE_UP": "task", "TASK_BACKEND": "mails", "TASK_QUEUE": "resets"}
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | changes
    return tasks.task_backends["mails"]


@pytest.fixture
def request_reset(jane, app, connection):
    def request_reset():
        request = tickets.ResetRequest(client=app, connection=connection, email=jane.email)
        return tickets.issue(request)

    return request_reset


def test_task_is_one_of_django_or_of_its_backport():
    assert isinstance(deliver_reset_emails, tasks.base.Task)


def test_request_enqueues_a_task_without_arguments(queued, request_reset):
    request_reset()
    [result] = queued.results
    assert result.task.func is deliver_reset_emails.func
    assert (result.args, result.kwargs) == ([], {})
    assert result.task.queue_name == "resets"
    assert mail.outbox == []


def test_nothing_is_enqueued_before_the_commit_or_without_one(queued, request_reset):
    with transaction.atomic():
        request_reset()
        assert queued.results == []
        transaction.set_rollback(True)
    assert queued.results == []


def test_task_delivers(queued, request_reset, settings):
    settings.DBCONNECTIONS |= {"TASK_BACKEND": "default", "TASK_QUEUE": "default"}
    ticket = request_reset()
    assert len(mail.outbox) == 1
    tickets.redeem(ticket.pk, password=tickets.Secret("fresh-kettle-88"))
    assert len(mail.outbox) == 2


def test_queue_that_fails_does_not_fail_the_request(queued, request_reset, settings):
    settings.DBCONNECTIONS |= {"TASK_BACKEND": "missing"}
    assert request_reset().due_at


def test_task_purges(settings, app, connection):
    backend = f"{BACKENDS}.immediate.ImmediateBackend"
    settings.TASKS = {"default": {"BACKEND": backend}}
    long_ago = timezone.now() - timedelta(days=91)
    MailedTicketFactory(client=app, connection=connection, requested_at=long_ago)
    kept = MailedTicketFactory(client=app, connection=connection)
    purge_reset_tickets.enqueue()
    assert list(ResetTicket.objects.all()) == [kept]


@pytest.mark.parametrize("default", [{}, {"default": {"QUEUES": ["others"]}}])
def test_task_needs_no_backend_and_queue_called_default(queued, settings, default):
    backend = settings.TASKS["mails"]
    settings.TASKS = {"mails": backend} | {name: backend | own for name, own in default.items()}
    assert run_path(tasks_of_app.__file__)["deliver_reset_emails"].queue_name == "resets"


# Coming back for what failed


@pytest.fixture
def server():
    """A mail server that is busy the first time it is asked."""
    with Sink() as sink, smtp(sink.port):
        sink.replies["MAIL"] = ["421 Try again later"]
        yield sink


def test_task_comes_back_when_a_failed_mail_is_tried_again(queued, request_reset, server):
    ticket = request_reset()
    deliver_reset_emails.call()
    ticket.refresh_from_db()
    assert ticket.last_error
    [_first, again] = queued.results
    assert again.task.func is deliver_reset_emails.func
    assert (again.args, again.kwargs) == ([], {})
    assert again.task.queue_name == "resets"
    # Not a moment before the mail is due, whichever clock is ahead by less than a second.
    assert timedelta() <= again.task.run_after - ticket.due_at <= timedelta(seconds=60)
    let_pass(timedelta(seconds=15))
    deliver_reset_emails.call()
    assert len(server.accepted) == 1
    assert len(queued.results) == 2


def test_task_comes_back_until_the_last_mail_that_waits(queued, request_reset, app, connection):
    """Also when it has itself put nothing off."""
    request_reset()
    soon = timezone.now() + timedelta(minutes=10)
    ResetTicketFactory(client=app, connection=connection, due_at=soon)
    deliver_reset_emails.call()
    assert len(mail.outbox) == 1
    assert len(queued.results) == 2


def test_task_that_found_nothing_does_not_come_back(queued, app, connection):
    """Or a mail that keeps failing would add a task for every request meanwhile."""
    soon = timezone.now() + timedelta(minutes=10)
    ResetTicketFactory(client=app, connection=connection, due_at=soon)
    deliver_reset_emails.call()
    assert queued.results == []


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param({"claim": uuid4(), "due_in": timedelta(minutes=2)}, id="another worker's"),
        pytest.param({"due_in": timedelta(hours=1)}, id="a password to erase in an hour"),
        pytest.param({"due_in": timedelta(seconds=-1)}, id="due, with a wake-up of its own"),
    ],
)
def test_task_does_not_come_back_for(queued, request_reset, app, connection, waiting, monkeypatch):
    request_reset()
    queued.results.clear()

    def deliver_due():
        due_at = timezone.now() + waiting["due_in"]
        fields = {"claim": waiting.get("claim"), "due_at": due_at}
        ResetTicketFactory(client=app, connection=connection, **fields)
        return Counter(sent=1)

    ResetTicket.objects.update(due_at=None)
    monkeypatch.setattr(tasks_of_app, "deliver_due", deliver_due)
    deliver_reset_emails.call()
    assert queued.results == []


def test_task_of_a_backend_that_cannot_defer_only_delivers(queued, request_reset, server, settings):
    settings.DBCONNECTIONS |= {"TASK_BACKEND": "default", "TASK_QUEUE": "default"}
    settings.DBCONNECTIONS |= {"WAKE_UP": "none"}
    ticket = request_reset()
    deliver_reset_emails.call()
    ticket.refresh_from_db()
    assert ticket.last_error
    assert queued.results == []
