"""Errors: one form for all of them, and nothing in it that is nobody's business."""

import ast
import json
import logging
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.signals import got_request_exception
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.db import connection as database
from django.http import Http404
from django.utils.log import AdminEmailHandler
from rest_framework import exceptions

from dbconnections import signals, tickets
from dbconnections.api import errors
from dbconnections.api.parsers import StrictJSONParser
from dbconnections.models import ResetTicket
from dbconnections.passwords.refusal import TooCommon
from tests.api.wire import KEYS, assert_accepted, assert_error
from tests.factories import AllowedOriginFactory
from tests.support.signals import heard, receiving

CANARY = "canary-b7f0"
BUSY = "Nothing was changed. Try again in a moment."


@pytest.fixture
def quiet(client):
    """Let the test client answer as a server would, instead of raising."""
    client.raise_request_exception = False


@pytest.fixture
def failing(monkeypatch, quiet):
    """Make the last step of a request fail."""

    def fail_with(error):
        def issue(request):
            raise error

        monkeypatch.setattr(tickets, "issue", issue)

    return fail_with


@pytest.fixture
def reported():
    """Collect what error trackers are told."""
    with heard(got_request_exception) as told:
        yield told


def test_keys_and_their_order():
    body = errors.superset("BadRequestError", "code", "Sentence.", 400)
    assert json.dumps(body) == (
        '{"name": "BadRequestError", "code": "code", "error": "code", "errorCode": "code", '
        '"description": "Sentence.", "error_description": "Sentence.", "statusCode": 400, '
        '"message": "Sentence."}'
    )


def test_message_stays_last_with_a_policy():
    body = errors.superset("X", "code", "Sentence.", 400, policy="* Rule", description="Other.")
    assert list(body) == [*KEYS[:-1], "policy", "message"]
    assert body["description"] == "Other."


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(CANARY),
        KeyError(CANARY),
        ImproperlyConfigured(CANARY),
        DatabaseError(CANARY),
        IntegrityError(CANARY),
        exceptions.APIException(CANARY),
    ],
    ids=repr,
)
def test_unforeseen_error(ask, failing, reported, caplog, settings, debug, error):
    settings.DEBUG = debug
    failing(error)
    response = ask()
    assert_error(
        response, 500, "server_error", "Something went wrong on our side. Try again later."
    )
    assert CANARY not in response.content.decode()
    assert CANARY not in str(response.headers)
    assert [said["request"].path for said in reported] == ["/dbconnections/change_password"]
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "Internal Server Error: /dbconnections/change_password"
    assert record.exc_info[1] is error
    assert record.status_code == 500


def test_unforeseen_error_while_reading(ask, monkeypatch, quiet, reported):
    monkeypatch.setattr(StrictJSONParser, "read", lambda parser, text: 1 / 0)
    assert_error(ask(), 500, "server_error")
    assert len(reported) == 1


class Reports(AdminEmailHandler):
    """Keeps the mails that Django would send to the admins."""

    def __init__(self):
        super().__init__(include_html=True)
        self.sent = []

    def send_mail(self, subject, message, *args, html_message, **kwargs):
        self.sent.append((message, html_message))


@pytest.fixture
def reports():
    handler = Reports()
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    yield handler.sent
    logger.removeHandler(handler)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
def test_error_mail_shows_what_happened_but_no_password(
    send, legacy_app, connection, failing, reports, settings, as_form, debug
):
    settings.DEBUG = debug
    failing(RuntimeError("down"))
    fields = {
        "client_id": legacy_app.client_id,
        "connection": connection.name,
        "email": "jane@example.com",
        "password": CANARY,
    }
    if as_form:
        response = send(urlencode(fields).encode(), "application/x-www-form-urlencoded")
    else:
        response = send(json.dumps(fields).encode())
    assert_error(response, 500, "server_error")
    ((text, html),) = reports
    assert CANARY not in text + html
    assert "RuntimeError at /dbconnections/change_password" in text
    assert "&lt;secret&gt;" in html


def test_error_mail_shows_no_password_of_a_form_not_read_yet(
    send, connection, monkeypatch, quiet, reports
):
    """The report itself reads the form then, as Django does."""
    monkeypatch.setattr("dbconnections.api.base.client_ip", lambda request: 1 / 0)
    fields = {"client_id": "demo", "connection": connection.name, "password": CANARY}
    response = send(urlencode(fields).encode(), "application/x-www-form-urlencoded")
    assert_error(response, 500, "server_error")
    ((text, html),) = reports
    assert "ZeroDivisionError at /dbconnections/change_password" in text
    assert "client_id" in html
    assert CANARY not in text + html


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(CANARY), 404, "not_found"),
        (exceptions.NotFound(), 404, "not_found"),
        (PermissionDenied(CANARY), 403, "forbidden"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.Throttled(wait=5), 429, "too_many_requests"),
        (exceptions.ValidationError([]), 400, "invalid_request"),
        (exceptions.AuthenticationFailed({}), 403, "invalid_request"),
        (exceptions.ValidationError({"email": ["Wrong.", "Very wrong."]}), 400, "invalid_request"),
    ],
    ids=repr,
)
def test_foreseen_error(ask, failing, reported, error, status, code):
    failing(error)
    response = ask()
    assert_error(response, status, code)
    assert CANARY not in response.content.decode()
    assert reported == []


def test_first_sentence_of_nested_errors():
    nested = exceptions.ValidationError({"a": [{"b": ["First.", "Second."]}], "c": ["Third."]})
    assert errors.first_message(nested.detail) == "First."


def test_database_that_is_busy(ask, failing, caplog):
    failing(OperationalError(CANARY))
    response = ask()
    assert_error(response, 503, "temporarily_unavailable", BUSY)
    assert CANARY not in response.content.decode()
    assert response["Retry-After"] == "1"
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert record.status_code == 503


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("origin", [None, "https://app.example.com"])
def test_database_that_is_away_altogether(ask, app, monkeypatch, quiet, error, origin):
    """Even the look for the origin fails then; there must be an answer still."""
    AllowedOriginFactory(client=app)

    def execute(*args, **kwargs):
        raise error(CANARY)

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper._execute", execute)
        response = ask(headers={"Origin": origin} if origin else {})
    assert_error(response, 503, "temporarily_unavailable")
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.django_db(transaction=True)
def test_site_that_wraps_requests_in_transactions(ask, failing, monkeypatch):
    """Inside one, a refused or failed statement would take the rest of the request with it."""
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", True)
    seen = []

    def note(**kwargs):
        seen.append(database.in_atomic_block)

    with receiving(note, signals.reset_requested, signals.reset_refused):
        assert_accepted(ask())
        failing(IntegrityError())
        assert_error(ask(), 500, "server_error")
    assert seen == [False, False]
    assert ResetTicket.objects.count() == 1


def test_missing_base_url(ask, settings, quiet):
    """A link must not follow the caller's Host header."""
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "BASE_URL": ""}
    assert_error(ask(), 500, "server_error")
    assert not ResetTicket.objects.exists()


def test_weak_password_carries_rules_policy_and_sentences():
    body = errors.WeakPassword(TooCommon(["Too common."])).body()
    assert list(body) == KEYS
    assert body["description"] == "Password is not allowed, it might be too common."
    assert body["error_description"] == "Password is too common. Too common."


# Any of these may come out of the authentication and permission classes of a site.
FOREIGN = {
    type(error): error
    for error in (
        *(exceptions.APIException(), exceptions.ValidationError([]), exceptions.ParseError()),
        *(exceptions.AuthenticationFailed(), exceptions.NotAuthenticated()),
        *(exceptions.PermissionDenied(), exceptions.NotFound(), exceptions.NotAcceptable()),
        *(exceptions.MethodNotAllowed("PUT"), exceptions.UnsupportedMediaType("text/plain")),
        exceptions.Throttled(),
    )
}


def test_exceptions_of_the_framework_are_all_known_here():
    found = {thing for thing in vars(exceptions).values() if isinstance(thing, type)}
    assert {thing for thing in found if issubclass(thing, exceptions.APIException)} == set(FOREIGN)


def own_statuses() -> set[int]:
    """Return the statuses of errors that the code of the API names in any call."""
    package = Path(errors.__file__).parent
    trees = (ast.parse(path.read_text()) for path in package.glob("*.py"))
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [it for call in calls for it in (*call.args, *(k.value for k in call.keywords))]
    values = [it.value for it in given if isinstance(it, ast.Constant)]
    return {value for value in values if type(value) is int and 400 <= value < 600}


def test_every_status_that_is_answered_has_a_name_and_no_other(ask, failing):
    answered = own_statuses() | {errors.InvalidRequest("Sentence.").status}
    for error in FOREIGN.values():
        failing(error)
        body = ask().json()
        assert body["name"] != "Error", error
        answered.add(body["statusCode"])
    assert answered == set(errors.NAMES)
