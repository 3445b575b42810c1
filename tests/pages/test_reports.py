"""What error reports and logs show of a password that is being set, and of the link: nothing."""

import logging

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import NumericPasswordValidator
from django.views.debug import ExceptionReporter

from dbconnections.models import ResetTicket
from dbconnections.prepared import PreparedQuery
from tests.pages.person import COOKIE, is_unchanged, link

CANARY = "canary-kettle-4711"


@pytest.fixture
def report(client, follow, submit, monkeypatch, caplog):
    """Return a function that submits a form while something breaks and returns the report."""

    def report(ticket, broken, **fields):
        def fail(*args, **kwargs):
            # The report shows this frame, too.
            del args, kwargs
            raise RuntimeError("broken")

        follow(ticket)
        client.raise_request_exception = False
        with monkeypatch.context() as patch:
            patch.setattr(*broken, fail)
            assert submit(**fields).status_code == 500
        [record] = [record for record in caplog.records if record.exc_info]
        reporter = ExceptionReporter(record.request, *record.exc_info, is_email=True)
        html = reporter.get_traceback_html() + reporter.get_traceback_text()
        assert "RuntimeError" in html
        assert client.cookies[COOKIE].value not in html
        return html

    return report


BROKEN = {
    "saving the user": (User, "save"),
    "a validator": (NumericPasswordValidator, "validate"),
    "opening the ticket": (PreparedQuery, "first"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_report_shows_no_chosen_password(report, ticket, jane, broken):
    assert CANARY not in report(ticket, broken, first=CANARY)
    assert is_unchanged(jane)
    assert ResetTicket.objects.open().exists()


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_report_shows_no_given_password(report, seal, broken):
    assert CANARY not in report(seal(CANARY), broken)


@pytest.mark.parametrize("fields", [{"first": CANARY}, {"first": CANARY, "second": "x"}])
def test_logs_hold_neither_password_nor_link(follow, submit, client, ticket, caplog, fields):
    caplog.set_level(logging.DEBUG)
    follow(ticket)
    submit(**fields)
    submit(**fields)
    cookie = client.cookies[COOKIE].value
    for record in caplog.records:
        text = record.getMessage() + str(record.__dict__)
        for secret in (CANARY, link(ticket), cookie, "jane@example.com"):
            assert secret not in text
