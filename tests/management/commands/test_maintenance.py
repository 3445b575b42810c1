"""The commands that keep the tickets in order and tell how the mails are doing."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dbconnections import retention, signals, tickets
from dbconnections.delivery import deliver_due
from dbconnections.models import ResetTicket, TicketState
from tests.factories import MailedTicketFactory, ResetTicketFactory
from tests.support.signals import heard

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def aged(days, factory=MailedTicketFactory, **columns):
    """Return a ticket requested so many days ago, which expired an hour later."""
    requested_at = timezone.now() - days * DAY
    return factory(requested_at=requested_at, **columns)


# purge_reset_tickets


def test_old_tickets_are_deleted(capsys):
    kept = [aged(89), aged(1), MailedTicketFactory()]
    aged(91)
    aged(91, used_at=timezone.now() - 91 * DAY)
    aged(91, ResetTicketFactory, due_at=None, no_account_at=timezone.now() - 91 * DAY)
    call_command("purge_reset_tickets")
    assert set(ResetTicket.objects.all()) == set(kept)
    assert capsys.readouterr().out == "3 tickets were deleted.\n"
    call_command("purge_reset_tickets")
    assert capsys.readouterr().out == ""


def test_what_works_or_waits_is_kept_whatever_its_age():
    aged(91, expires_at=timezone.now() + DAY)
    aged(91, used_at=timezone.now(), due_at=timezone.now())
    assert retention.purge() == 0


def test_retention_is_a_setting(settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RETENTION": 2 * DAY}
    aged(1)
    aged(3)
    assert retention.purge() == 1


@pytest.mark.parametrize("name", ["MAIL_CAPS", "BOUNCE_WINDOW"])
def test_what_is_still_counted_is_kept_longer(settings, name):
    needed = {"MAIL_CAPS": [(3, 5 * DAY)], "BOUNCE_WINDOW": 5 * DAY}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RETENTION": DAY, name: needed[name]}
    aged(4)
    aged(6)
    assert retention.purge() == 1


def test_deleting_goes_by_batches(monkeypatch, app, connection):
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        aged(91, client=app, connection=connection)
    with CaptureQueriesContext(database) as captured:
        assert retention.purge() == 5
    table = ResetTicket._meta.db_table
    deletes = [query["sql"] for query in captured if query["sql"].startswith("DELETE")]
    assert sum(table in sql for sql in deletes) == 3
    bounds = [len(re.findall(r"requested_at.? >", query["sql"])) for query in captured]
    assert max(bounds) == 1, "however many batches there are"
    assert ResetTicket.objects.count() == 0


def test_more_tickets_of_one_moment_than_a_batch_holds_go_by_batches_too(
    monkeypatch, app, connection
):
    monkeypatch.setattr(retention, "BATCH", 2)
    moment = timezone.now() - 91 * DAY
    for requested_at in (moment - DAY, *[moment] * 5, moment + timedelta(hours=1)):
        MailedTicketFactory(client=app, connection=connection, requested_at=requested_at)
    kept = MailedTicketFactory(client=app, connection=connection)
    deleted = []

    def count(execute, sql, *query):
        result = execute(sql, *query)
        if sql.startswith("DELETE") and ResetTicket._meta.db_table in sql:
            deleted.append(query[2]["cursor"].rowcount)
        return result

    with database.execute_wrapper(count):
        assert retention.purge() == 7
    assert max(deleted) <= 4, "a batch, and at most as many of its last moment"
    assert ResetTicket.objects.get() == kept


# revoke_reset_tickets


def test_many_open_tickets_are_revoked_in_batches(monkeypatch, app, connection, capsys):
    monkeypatch.setattr(tickets, "_REVOKED_AT_ONCE", 2)
    for _ in range(5):
        ResetTicketFactory(client=app, connection=connection)
    with heard(signals.reset_revoked) as told, CaptureQueriesContext(database) as captured:
        call_command("revoke_reset_tickets")
    assert capsys.readouterr().out == "5 tickets were revoked.\n"
    updates = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assert len(updates) == 3
    assert {(said["ticket_id"], said["reason"]) for said in told} == {
        (ticket_id, "administrator")
        for ticket_id in ResetTicket.objects.values_list("pk", flat=True)
    }


def test_database_that_fails_halfway_is_named_and_the_rest_revoked_by_the_next_run(
    monkeypatch, app, connection, capsys
):
    monkeypatch.setattr(tickets, "_REVOKED_AT_ONCE", 2)
    for _ in range(5):
        ResetTicketFactory(client=app, connection=connection)

    def fail_later(execute, sql, *query):
        if sql.startswith("UPDATE") and is_revoked.exists():
            raise OperationalError("gone away")
        return execute(sql, *query)

    is_revoked = ResetTicket.objects.filter(revoked_at__isnull=False)
    with database.execute_wrapper(fail_later), pytest.raises(CommandError) as told:
        call_command("revoke_reset_tickets")
    assert str(told.value) == (
        "The database failed or could not decide in time. What was revoked up to there stays; the "
        "same command goes on from there."
    )
    assert is_revoked.count() == 2
    call_command("revoke_reset_tickets")
    assert capsys.readouterr().out == "3 tickets were revoked.\n"


def test_ticket_used_while_the_others_are_revoked_is_neither_closed_nor_counted(app, connection):
    waiting, used = (ResetTicketFactory(client=app, connection=connection) for _ in range(2))

    def use(execute, sql, *query):
        result = execute(sql, *query)
        if sql.startswith("SELECT") and not seen:
            seen.append(sql)
            ResetTicket.objects.filter(pk=used.pk).update(used_at=timezone.now())
        return result

    seen = []
    with database.execute_wrapper(use):
        assert tickets.revoke_all("administrator") == 1
    assert ResetTicket.objects.get(revoked_at__isnull=False) == waiting


def test_every_open_ticket_is_revoked(jane, app, connection, capsys):
    mailed = MailedTicketFactory(user=jane, client=app, connection=connection)
    waiting = ResetTicketFactory(client=app, connection=connection, email=jane.email)
    used = MailedTicketFactory(client=app, connection=connection, used_at=timezone.now())
    call_command("revoke_reset_tickets")
    assert capsys.readouterr().out == "2 tickets were revoked.\n"
    states = dict(ResetTicket.objects.with_state().values_list("pk", "current_state"))
    assert states == {
        mailed.pk: TicketState.REVOKED,
        waiting.pk: TicketState.REVOKED,
        used.pk: TicketState.USED,
    }
    assert deliver_due() == {}
    with pytest.raises(tickets.TicketRefused):
        tickets.redeem(mailed.pk, password=tickets.Secret("fresh-kettle-88"))


# reset_email_status


def status(capsys, *options):
    call_command("reset_email_status", "--json", *options)
    return json.loads(capsys.readouterr().out)


def test_empty_outbox(capsys):
    names = ("due", "failing", "dead_last_day", "bounced_last_day", "oldest_due_seconds")
    assert status(capsys, "--max-age", "0") == dict.fromkeys(names, 0)


def test_outbox_with_something_of_each(capsys):
    now = timezone.now()
    ResetTicketFactory(due_at=now - timedelta(seconds=90))
    ResetTicketFactory(due_at=now + timedelta(seconds=90), last_error="OSError")
    ResetTicketFactory(due_at=None, undeliverable_at=now - DAY / 2, last_error="OSError")
    ResetTicketFactory(due_at=None, undeliverable_at=now - DAY * 2, last_error="OSError")
    MailedTicketFactory(bounced_at=now - DAY / 2)
    MailedTicketFactory(bounced_at=now - DAY * 2)
    found = status(capsys)
    assert 90 <= found.pop("oldest_due_seconds") < 120
    assert found == {"due": 1, "failing": 1, "dead_last_day": 1, "bounced_last_day": 1}


def test_overdue_mail_fails_the_command(capsys):
    ResetTicketFactory(due_at=timezone.now() - timedelta(seconds=90))
    with pytest.raises(CommandError, match="A mail has been due for 9"):
        call_command("reset_email_status", "--max-age", "60")
    assert "due: 1\n" in capsys.readouterr().out
    status(capsys, "--max-age", "600")


@pytest.mark.parametrize("age", ["-1", "nan", "inf"])
def test_age_that_tells_nothing_is_refused(age):
    ResetTicketFactory(due_at=timezone.now() - timedelta(seconds=90))
    with pytest.raises(CommandError, match="--max-age takes seconds, 0 or more"):
        call_command("reset_email_status", f"--max-age={age}")
