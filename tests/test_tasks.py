"""Delivery by a task queue, which is only ever told to look."""

from datetime import timedelta
from typing import Any

import django
import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from dbconnections import tickets
from dbconnections.models import ResetTicket
from dbconnections.tasks import deliver_reset_emails, purge_reset_tickets
from tests.factories import MailedTicketFactory

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
