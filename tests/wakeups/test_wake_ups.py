"""Each wake-up as the documentation sets it up, in real processes.

Nothing else delivers in these tests: cron runs only where a test runs it, and beat likewise.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from dbconnections.conf import Settings
from dbconnections.links import make_token
from dbconnections.models import ResetTicket
from tests.factories import UserFactory
from tests.support.time import let_pass, wait_until
from tests.wakeups.conftest import each
from tests.wakeups.site import WAKE_UPS

pytestmark = [pytest.mark.wakeups, pytest.mark.django_db(transaction=True)]

LEASE = Settings.DELIVERY_LEASE.default
PASSWORD = "fresh-kettle-88"

with_a_queue = pytest.mark.parametrize(
    "running_site", each(wake_up for wake_up in WAKE_UPS if wake_up.queue), indirect=True
)


def are_sent(number: int) -> bool:
    """Say whether so many mails are noted as sent, and nothing is left to do."""
    sent = ResetTicket.objects.filter(sent_at__isnull=False).count()
    return sent == number and not ResetTicket.objects.filter(due_at__isnull=False).exists()


def test_request_is_mailed_with_nobody_else_doing_anything(site, sink, jane, connection):
    assert site.post(jane.email) == 200
    wait_until(lambda: are_sent(1))
    assert sink.recipients() == [jane.email]


def test_each_of_a_burst_is_mailed_once(site, sink, connection):
    addresses = [user.email for user in UserFactory.create_batch(40)]
    with ThreadPoolExecutor(8) as people:
        assert set(people.map(site.post, addresses)) == {200}
    wait_until(lambda: are_sent(40))
    assert sink.recipients() == sorted(addresses)


def test_failed_mail_is_tried_again(site, sink, jane, connection):
    if site.sweep:
        site.sweep.start()
    sink.replies["MAIL"] = ["421 Try again later"]
    assert site.post(jane.email) == 200
    wait_until(lambda: are_sent(1))
    assert sink.recipients() == [jane.email]
    assert sink.replies["MAIL"] == []
    assert ResetTicket.objects.get().attempts == 2
    if site.sweep:
        site.sweep.kill()


@pytest.mark.parametrize("finder", ["the next wake-up", "cron"])
def test_mail_whose_worker_is_killed_is_found_by(finder, site, sink, jane, connection):
    sink.is_slow = True
    assert site.post(jane.email) == 200
    wait_until(sink.hangs.is_set)
    site.kill_worker()
    assert sink.accepted == []
    let_pass(LEASE)
    if finder == "cron":
        site.run_cron()
        assert are_sent(1)
        assert sink.recipients() == [jane.email]
    else:
        site.start_worker()
        site.start()
        other = UserFactory()
        assert site.post(other.email) == 200
        wait_until(lambda: are_sent(2))
        assert sink.recipients() == sorted([jane.email, other.email])


# What each does with an argument, had the wake-up one.
LEAKS = {
    "database": "from django_tasks_db.models import DBTaskResult;"
    "DBTaskResult.objects.create(args_kwargs={{'args': [{text!r}]}}, priority=0)",
    "rq": "import django_rq; django_rq.get_queue('default').enqueue(print, {text!r})",
    "celery": "from mysite.celery import app, deliver_reset_emails as task;"
    "app.send_task(task.name, args=[{text!r}])",
}


@with_a_queue
def test_queue_holds_nothing_secret(idle_site, sink, jane, legacy_app, connection):
    fields = {"client_id": legacy_app.client_id, "password": PASSWORD}
    assert idle_site.post(jane.email, **fields) == 200
    contents = [idle_site.queue.content()]
    assert "deliver_reset_emails" in contents[0]
    # A failure is noted, and the next wake-up too.
    sink.replies["MAIL"] = ["421 Try again later"]
    idle_site.start_worker()
    wait_until(lambda: ResetTicket.objects.exclude(last_error="").exists())
    contents.append(idle_site.queue.content())
    idle_site.kill_worker()
    contents.append(idle_site.queue.content())
    let_pass(timedelta(seconds=30))
    idle_site.run_cron()
    ticket = ResetTicket.objects.get()
    token = make_token(ticket.pk)
    assert ticket.sealed_password
    mail = message_from_bytes(sink.accepted[0], policy=policy.default)
    assert token in mail.get_body(["plain"]).get_content()
    for secret in ["jane", PASSWORD, ticket.sealed_password, token, str(ticket.pk), ticket.pk.hex]:
        assert [secret in content for content in contents] == [False] * 3


@with_a_queue
def test_what_a_task_is_given_would_be_found_in_the_queue(idle_site):
    """Or the test above would prove nothing."""
    leak = LEAKS[idle_site.wake_up.name].format(text="jane@example.com")
    idle_site.shell(f'python manage.py shell --command "{leak}"')
    assert "jane@example.com" in idle_site.queue.content()


@with_a_queue
def test_queue_that_is_down_delays_the_mail_alone(idle_site, sink, jane, connection):
    idle_site.queue.stop()
    assert idle_site.post(jane.email) == 200
    idle_site.run_cron()
    assert are_sent(1)
    assert sink.recipients() == [jane.email]
    # The next request is woken for as ever.
    idle_site.queue.start()
    idle_site.start_worker()
    other = UserFactory()
    assert idle_site.post(other.email) == 200
    wait_until(lambda: are_sent(2))


@with_a_queue
def test_rolled_back_request_puts_nothing_on_the_queue(idle_site, jane, connection):
    empty = idle_site.queue.content()
    assert idle_site.post(jane.email, roll_back=True) == 200
    assert idle_site.queue.content() == empty
    assert not ResetTicket.objects.exists()


def test_rolled_back_request_sends_nothing(site, sink, jane, connection):
    other = UserFactory()
    assert site.post(jane.email, roll_back=True) == 200
    assert site.post(other.email) == 200
    wait_until(lambda: are_sent(1))
    assert sink.recipients() == [other.email]


def test_settings_pass_the_checks(running_site, transactional_db):
    options = "--tag dbconnections --fail-level WARNING"
    running_site.shell(f"python manage.py check {options}")
