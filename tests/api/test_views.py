"""The endpoint as Auth0's libraries meet it, and what a stranger can learn from it."""

import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection as database
from django.db import models
from django.test import AsyncClient
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext, isolate_apps
from rest_framework.views import APIView

from dbconnections import delivery, signals, tickets
from dbconnections.api.management import PasswordChangeTicketView
from dbconnections.api.views import ChangePasswordView
from dbconnections.models import AllowedOrigin, Client, Connection, ResetTicket
from tests.api.wire import (
    KEYS,
    KEYS_WITH_POLICY,
    SENTENCE,
    assert_accepted,
    assert_error,
    assert_nothing_done,
    whole,
)
from tests.conftest import URL
from tests.factories import PASSWORD, AllowedOriginFactory, ClientFactory, ConnectionFactory
from tests.support import processes
from tests.support.signals import heard, receiving

FORM = "application/x-www-form-urlencoded"
STRONG = "fresh-kettle-88"


# Accepted


def test_accepted(ask, ticket):
    response = ask()
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.content == b'"We\'ve just sent you an email to reset your password."'
    stored = ticket()
    assert stored.client.client_id == "demo"
    assert stored.connection.name == "Username-Password-Authentication"
    assert (stored.email, stored.username) == ("jane@example.com", "")


def test_accepted_with_trailing_slash(client, connection, ticket):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    assert_accepted(client.post(f"{URL}/", fields, content_type="application/json"))
    assert ticket().email == "jane@example.com"


def test_accepted_as_auth0_js_6_sends_it(send, ticket):
    """A form with a tenant, and with an empty username and password."""
    body = (
        "tenant=acme&client_id=demo&connection=Username-Password-Authentication"
        "&username=&email=jane%40example.com&password="
    )
    response = send(body.encode(), FORM, headers={"Accept": "text/html"})
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response.content.decode() == SENTENCE
    assert (ticket().email, ticket().password_given) == ("jane@example.com", False)


def test_accepted_under_asgi(connection, ask, ticket):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    post = async_to_sync(AsyncClient().post)
    response = post(URL, fields, content_type="application/json")
    assert ticket().email == "jane@example.com"
    assert whole(response) == whole(ask())


def test_no_csrf_token_is_needed(connection, jane, ticket):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(jane)
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    assert_accepted(browser.post(URL, fields, content_type="application/json"))
    assert ticket()


def test_answers_are_not_kept_or_sniffed_and_set_no_cookie(ask, settings):
    settings.MIDDLEWARE = []
    for response in (ask(), ask(email="")):
        assert response["Cache-Control"] == "no-store"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert not response.cookies


def test_username_alone(ask, ticket):
    assert_accepted(ask(email="", username="jane"))
    assert (ticket().email, ticket().username) == ("", "jane")


def test_address_wins_over_username(ask, ticket):
    assert_accepted(ask(username="mallory"))
    assert (ticket().email, ticket().username) == ("jane@example.com", "")


@pytest.mark.parametrize("field", ["client_id", "connection", "email"])
def test_white_space_around_a_field_is_dropped(ask, ticket, field):
    values = {
        "client_id": " demo ",
        "connection": "\tUsername-Password-Authentication ",
        "email": " jane@example.com\r\n",
    }
    assert_accepted(ask(**{field: values[field]}))
    assert ticket().email == "jane@example.com"


def test_organization_is_kept(ask, ticket):
    assert_accepted(ask(organization="org_8f4mQ2"))
    assert ticket().organization == "org_8f4mQ2"


def test_caller_is_noted(ask, ticket):
    assert_accepted(ask(headers={"User-Agent": "node.js/22\x00\x1b[31m" + "x" * 300}))
    assert ticket().ip == "127.0.0.1"
    assert ticket().user_agent == ("node.js/22[31m" + "x" * 300)[:255]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de_AT", "de"),
        ("pt_BR", "pt-br"),
        ("xx, fr;q=0.5", "fr"),
        ("*", "en"),
        ("../../etc", "en"),
        ("d\0e", "en"),
        ("", "en"),
    ],
)
def test_language_is_noted(ask, ticket, accepted, language):
    assert_accepted(ask(headers={"Accept-Language": accepted}))
    assert ticket().language == language


def test_link_lives_as_long_as_the_connection_says(ask, connection, ticket):
    connection.ticket_lifetime = timedelta(minutes=7)
    connection.save()
    assert_accepted(ask())
    assert ticket().expires_at - ticket().requested_at == timedelta(minutes=7)


def test_what_programs_read_is_not_translated(ask, ask_legacy):
    headers = {"Accept-Language": "de"}
    assert ask(headers=headers).json() == SENTENCE
    codes = [
        ask(headers=headers, **fields).json()["code"]
        for fields in ({"email": ""}, {"client_id": "x"}, {"connection": "x"}, {"password": "x"})
    ]
    assert codes == [
        "invalid_request",
        "invalid_client",
        "connection not found",
        "password is not allowed",
    ]
    weak = ask_legacy(headers=headers, password="short").json()
    assert (weak["name"], weak["message"]) == ("PasswordStrengthError", "Password is too weak")
    rules = [rule["message"] for rule in weak["description"]["rules"]]
    assert rules[0] == "At least %d characters in length"
    assert any("be entirely numeric" in rule for rule in rules)
    assert "entirely numeric" in weak["policy"]


def test_what_people_read_is_in_one_language(ask_legacy):
    said = ask_legacy(headers={"Accept-Language": "de"}, password="short").json()
    assert "zu schwach" in said["error_description"]
    assert "Password" not in said["error_description"]
    said = ask_legacy(password="short").json()
    assert said["error_description"].startswith("Password is too weak. ")


# What changes nothing


def values_of(ticket):
    """Return a ticket's columns, without its id, with its times as distances."""
    values = ResetTicket.objects.filter(pk=ticket.pk).values().get()
    del values["id"]
    start = values.pop("requested_at")
    return {
        **values,
        "expires_at": values["expires_at"] - start,
        "due_at": values["due_at"] - start,
    }


@pytest.fixture
def ordinary(ask):
    """Return the columns of the ticket of an ordinary request."""
    assert_accepted(ask())
    ticket = ResetTicket.objects.get()
    values = values_of(ticket)
    ticket.delete()
    return values


SENT = {"client_id", "connection", "email", "username", "password", "organization"}
COLUMNS = {
    name
    for model in (ResetTicket, Client, Connection, AllowedOrigin, User)
    for field in model._meta.get_fields()
    for name in (field.name, getattr(field, "attname", field.name))
}
OTHERS = {
    "tenant",
    "state",
    "captcha",
    "authParams",
    "realm",
    "phone_number",
    "user_id",
    "ttl_sec",
    "resultUrl",
    "new_password",
    "newPassword",
    "mark_email_as_verified",
    "markEmailAsVerified",
    "includeEmailInRedirect",
    "organization_id",
    "csrfmiddlewaretoken",
    "_method",
    "Email",
    "EMAIL",
    "e-mail",
    "email[]",
    "email.0",
    "clientId",
    "Password",
    "__proto__",
}


@pytest.mark.parametrize("name", sorted((COLUMNS | OTHERS) - SENT))
def test_unknown_field_changes_nothing(ask, ordinary, ticket, name):
    assert_accepted(ask(**{name: "5d4b4f0c-0000-4000-8000-000000000000"}))
    assert values_of(ticket()) == ordinary


@pytest.mark.parametrize("value", [None, "", 0, 1, True, [], {}, ["x"], {"id": 1}, "x" * 5000])
@pytest.mark.parametrize("name", ["account", "expires_at", "tenant", "state", "client"])
def test_unknown_field_of_any_type_changes_nothing(ask, ordinary, ticket, name, value):
    assert_accepted(ask(**{name: value}))
    assert values_of(ticket()) == ordinary


@pytest.mark.parametrize("name", sorted(COLUMNS - SENT))
def test_unknown_field_of_a_form_changes_nothing(send, ordinary, ticket, name):
    fields = {
        "client_id": "demo",
        "connection": "Username-Password-Authentication",
        "email": "jane@example.com",
        name: "1",
    }
    assert_accepted(send(urlencode(fields).encode(), FORM))
    assert values_of(ticket()) == ordinary


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "Basic eDp5", "Basic !!", "Token", "Digest x", "Bearer \xff", ""],
)
def test_authorization_changes_nothing(ask, ordinary, ticket, authorization):
    assert_accepted(ask(headers={"Authorization": authorization}))
    assert values_of(ticket()) == ordinary


@pytest.mark.parametrize("nothing", ["", None])
def test_empty_password_changes_nothing(ask, ordinary, ticket, nothing):
    assert_accepted(ask(password=nothing))
    assert values_of(ticket()) == ordinary


@pytest.mark.parametrize("name", ["username", "organization"])
@pytest.mark.parametrize("nothing", ["", None, " "])
def test_empty_field_changes_nothing(ask, ordinary, ticket, name, nothing):
    assert_accepted(ask(**{name: nothing}))
    assert values_of(ticket()) == ordinary


def test_query_string_changes_nothing(send, ordinary, ticket, client):
    fields = {
        "client_id": "demo",
        "connection": "Username-Password-Authentication",
        "email": "jane@example.com",
    }
    query = {"email": "mallory@example.org", "password": STRONG, "format": "txt", "client_id": "x"}
    response = client.post(f"{URL}?{urlencode(query)}", fields, content_type="application/json")
    assert response["Content-Type"] == "application/json"
    assert values_of(ticket()) == ordinary


def test_query_string_alone_is_no_request(client, connection):
    query = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    response = client.post(f"{URL}?{urlencode(query)}", {}, content_type="application/json")
    assert_error(response, 400, "invalid_request", "client_id is required.")
    assert_nothing_done()


# A password given along


def test_given_password_is_sealed(ask_legacy, ticket):
    assert_accepted(ask_legacy(password=STRONG))
    assert ticket().password_given
    assert STRONG not in ticket().sealed_password
    assert tickets.given_password(ticket()).reveal() == STRONG


@pytest.mark.parametrize("password", [f" {STRONG} ", f"{STRONG}\t\r\n", f"\u200b{STRONG}é😀"])
def test_given_password_is_not_altered(ask_legacy, ticket, password):
    assert_accepted(ask_legacy(password=password))
    assert tickets.given_password(ticket()).reveal() == password


@pytest.mark.parametrize("nothing", ["", None])
def test_client_that_accepts_a_password_may_send_none(ask_legacy, ticket, nothing):
    assert_accepted(ask_legacy(password=nothing))
    assert (ticket().password_given, ticket().sealed_password) == (False, "")


@pytest.mark.parametrize("password", [STRONG, "x", " ", "x" * 5000])
def test_password_not_allowed(ask, password):
    response = ask(password=password)
    assert response.json()["error"] == "password is not allowed"
    assert_error(response, 400, "password is not allowed", "password is not allowed: ")
    assert_nothing_done()


STRENGTH_RULES = [
    ("At least %d characters in length", "lengthAtLeast", [8]),
    ("Your password can\u2019t be entirely numeric.", "NumericPasswordValidator", None),
]


def rule_objects(*verified):
    return [
        {"message": message, "code": code, **({"format": form} if form else {}), "verified": met}
        for (message, code, form), met in zip(STRENGTH_RULES, verified, strict=True)
    ]


@pytest.mark.parametrize(
    ("password", "verified", "reason"),
    [
        ("short", (False, True), "At least 8 characters"),
        ("8172635498172635", (True, False), "entirely numeric"),
        ("81726", (False, False), "entirely numeric"),
    ],
)
def test_weak_password(ask_legacy, password, verified, reason):
    response = ask_legacy(password=password)
    body = response.json()
    assert list(body) == KEYS_WITH_POLICY
    sentences = body.pop("error_description")
    assert sentences.startswith("Password is too weak. ")
    assert reason in sentences
    assert body == {
        "name": "PasswordStrengthError",
        "code": "invalid_password",
        "error": "invalid_password",
        "errorCode": "invalid_password",
        "description": {"rules": rule_objects(*verified), "verified": False},
        "statusCode": 400,
        "policy": f"* At least 8 characters in length\n* {STRENGTH_RULES[1][0]}",
        "message": "Password is too weak",
    }
    assert response.status_code == 400
    assert_nothing_done()


def test_common_password(ask_legacy):
    response = ask_legacy(password="iloveyou1")
    assert response.status_code == 400
    assert list(response.json()) == KEYS
    assert response.json() == {
        "name": "PasswordDictionaryError",
        "code": "invalid_password",
        "error": "invalid_password",
        "errorCode": "invalid_password",
        "description": "Password is not allowed, it might be too common.",
        "error_description": "Password is too common. This password is too common.",
        "statusCode": 400,
        "message": "Password is too common",
    }
    assert_nothing_done()


def test_overlong_password(ask_legacy):
    body = ask_legacy(password="x" * 129).json()
    assert list(body) == KEYS_WITH_POLICY
    assert body["description"]["rules"] == [
        {
            "message": "Maximum password length exceeded",
            "code": "maxLength",
            "format": [128],
            "verified": False,
        }
    ]
    assert body["policy"] == "* Maximum password length exceeded 128"
    assert_nothing_done()


def test_longest_password(ask_legacy, ticket):
    password = "y" * 127 + "€"
    assert_accepted(ask_legacy(password=password))
    assert tickets.given_password(ticket()).reveal() == password


def test_weak_password_of_a_client_that_accepts_none_is_just_not_allowed(ask):
    assert_error(ask(password="x"), 400, "password is not allowed")


# Refused


@pytest.mark.parametrize("nothing", ["", None, " ", "\t\n"])
@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("client_id", "client_id is required."),
        ("connection", "connection is required."),
        ("email", "email is required; username may stand in its place."),
    ],
)
def test_missing_field(ask, field, message, nothing):
    response = ask(**{field: nothing})
    assert assert_error(response, 400, "invalid_request")["message"] == message
    assert_nothing_done()


@pytest.mark.parametrize("field", ["client_id", "connection", "email"])
def test_absent_field(client, connection, field):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    del fields[field]
    response = client.post(URL, fields, content_type="application/json")
    assert_error(response, 400, "invalid_request", f"{field} is required")
    assert_nothing_done()


@pytest.mark.parametrize(
    ("field", "length"),
    [("client_id", 64), ("connection", 128), ("username", 254), ("organization", 128)],
)
def test_overlong_field(ask, field, length):
    message = f"{field} may have at most {length} characters."
    assert_error(ask(**{field: "x" * (length + 1)}), 400, "invalid_request", message)
    assert_nothing_done()


def test_longest_fields(ask, ticket):
    assert_accepted(ask(email="", username="x" * 254, organization="y" * 128))
    assert (len(ticket().username), len(ticket().organization)) == (254, 128)


def test_invalid_address(ask):
    response = ask(email="jane")
    assert_error(response, 400, "invalid_request", "email is not a valid e-mail address.")
    assert_nothing_done()


def test_unknown_and_inactive_client_look_alike(ask, connection):
    connection.clients.add(ClientFactory(client_id="closed", is_active=False))
    answers = [ask(client_id="unknown"), ask(client_id="closed")]
    for answer in answers:
        assert_error(answer, 400, "invalid_client", "client_id is unknown")
    assert whole(answers[0]) == whole(answers[1])
    assert_nothing_done()


@pytest.mark.parametrize("client_id", ["DEMO", "Demo", "démo", "demo%", "d_mo", "' OR 1=1 --", "1"])
def test_client_id_is_compared_exactly(ask, client_id):
    assert_error(ask(client_id=client_id), 400, "invalid_client")
    assert_nothing_done()


@pytest.fixture
def unusable_connections(app):
    ConnectionFactory(name="inactive", is_active=False, clients=[app])
    ConnectionFactory(name="not-enabled")
    ConnectionFactory(name="of-another-client", clients=[ClientFactory()])
    ConnectionFactory(name="inactive-social", is_active=False, strategy="github", clients=[app])
    ConnectionFactory(name="not-enabled-social", strategy="github")
    return [
        "unknown",
        "inactive",
        "not-enabled",
        "of-another-client",
        "inactive-social",
        "not-enabled-social",
    ]


def test_connections_that_cannot_be_used_look_alike(ask, unusable_connections):
    answers = {name: ask(connection=name) for name in unusable_connections}
    for answer in answers.values():
        assert_error(answer, 400, "connection not found", "connection not found: ")
    expected = whole(answers["unknown"])
    assert {name: whole(answer) for name, answer in answers.items()} == dict.fromkeys(
        answers, expected
    )
    assert_nothing_done()


@pytest.mark.parametrize(
    "name",
    [
        "username-password-authentication",
        "USERNAME-PASSWORD-AUTHENTICATION",
        "Usernâme-Password-Authentication",
        "Username-Password-Authenticatio_",
        "%",
    ],
)
def test_connection_is_compared_exactly(ask, name):
    assert_error(ask(connection=name), 400, "connection not found")
    assert_nothing_done()


@pytest.mark.parametrize("strategy", ["google-oauth2", "samlp", "email", "Auth0"])
def test_connection_that_is_no_database(ask, connection, strategy):
    connection.strategy = strategy
    connection.save()
    assert_error(ask(), 400, "invalid_request", "only works for database connections")
    assert_nothing_done()


def test_self_service_switched_off(ask, connection):
    connection.disable_self_service_change_password = True
    connection.save()
    assert_error(ask(), 400, "invalid_request", "switched off for this connection")
    assert_nothing_done()


def test_each_client_asks_for_its_own_connection(ask, connection):
    other = ConnectionFactory(name="Customers", clients=[ClientFactory(client_id="other")])
    connection.clients.get().connections.add(ConnectionFactory(name="Staff"))
    assert_accepted(ask(client_id="other", connection="Customers"))
    assert_accepted(ask(connection="Staff"))
    assert_error(ask(connection="Customers"), 400, "connection not found")
    assert_error(ask(client_id="other", connection="Staff"), 400, "connection not found")
    assert other.tickets.count() == 1


# Other methods

METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FOO"]


@pytest.mark.parametrize("method", METHODS)
def test_other_method(client, connection, method):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    response = client.generic(method, URL, json.dumps(fields), "application/json")
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert_error(response, 405, "method_not_allowed", "Only POST is allowed")
    assert_nothing_done()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_password_in_a_query_string_goes_nowhere(client, connection, caplog, method):
    """Auth0's JSONP variant put it there; it would end up in every log on the way."""
    caplog.set_level("DEBUG")
    query = {
        "client_id": "demo",
        "connection": connection.name,
        "email": "jane@example.com",
        "password": "canary-88",
        "cbx": "__auth0jp0",
    }
    with heard(signals.reset_refused) as refused:
        response = client.generic(method, f"{URL}?{urlencode(query)}")
    assert b"canary" not in response.content
    assert b"__auth0jp0" not in response.content
    assert "canary" not in caplog.text + repr(refused)
    assert bool(refused) == (method != "OPTIONS")
    assert_nothing_done()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "POST"},
        {"X-HTTP-Method": "POST"},
        {"X-Method-Override": "POST"},
    ],
)
def test_get_is_not_overridden_to_post(client, connection, headers):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    body = json.dumps(fields)
    response = client.generic("GET", f"{URL}?_method=POST", body, headers=headers)
    assert_error(response, 405, "method_not_allowed")
    assert_nothing_done()


def test_jsonp_is_refused_and_told_so(client, connection):
    """As auth0-js up to version 7 calls where a browser has no CORS."""
    query = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    response = client.get(URL, query | {"cbx": "__auth0jp0"})
    assert_error(response, 405, "method_not_allowed", "JSONP")
    assert_nothing_done()


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_post_is_not_overridden(ask, ticket, method):
    headers = dict.fromkeys(("X-HTTP-Method-Override", "X-HTTP-Method"), method)
    assert_accepted(ask(headers=headers, _method=method))
    assert ticket()


# Every refusal is told to whoever listens


@pytest.fixture
def refusals():
    with heard(signals.reset_refused) as told:
        yield told


def test_refusal_is_signalled(ask, refusals):
    ask(connection="unknown", headers={"X-Forwarded-For": "203.0.113.9"})
    assert refusals == [
        {
            "stage": "request",
            "reason": "connection not found",
            "ticket": None,
            "details": {"status": 400, "ip": "127.0.0.1", "client_id": "demo"},
        }
    ]


def test_signal_of_a_refusal_names_no_client_that_is_not_there(ask, refusals):
    ask(client_id="canary")
    assert [refusal["reason"] for refusal in refusals] == ["invalid_client"]
    assert "canary" not in repr(refusals)


def test_failing_listener_changes_nothing(ask):
    def fail(**kwargs):
        raise RuntimeError

    with receiving(fail, signals.reset_refused, signals.reset_requested):
        assert_error(ask(connection="unknown"), 400, "connection not found")
        assert_accepted(ask())


# Known and unknown addresses


def normalized(query):
    """Return an SQL statement without its values."""
    return re.sub(r"'(?:[^'\\]|''|\\.)*'|\b[0-9a-f]{32}\b|\b\d+\b", "?", query["sql"])


def statements(queries):
    return [normalized(query) for query in queries if "SAVEPOINT" not in query["sql"]]


def observe(people, post):
    """Return answer and SQL for every kind of account."""
    answers, queries = {}, {}
    for kind, address in people.items():
        with CaptureQueriesContext(database) as captured:
            response = post(email=address)
        assert_accepted(response)
        answers[kind] = whole(response)
        queries[kind] = statements(captured)
    return answers, queries


def assert_alike(by_kind):
    assert by_kind == dict.fromkeys(by_kind, by_kind["unknown"])


@pytest.mark.parametrize("origin", ["", "https://app.example.com", "https://evil.example"])
def test_every_kind_of_account_gets_the_same_answer_by_the_same_sql(ask, app, people, origin):
    AllowedOriginFactory(client=app)
    answers, queries = observe(people, lambda **fields: ask(headers={"Origin": origin}, **fields))
    assert_alike(answers)
    assert_alike(queries)


@pytest.mark.parametrize("origin", [None, "https://app.example.com", "https://evil.example"])
def test_request_is_one_select_and_one_insert(ask, app, jane, origin):
    AllowedOriginFactory(client=app)
    app.connections.set([*app.connections.all(), *(ConnectionFactory() for _ in range(3))])
    headers = {"Origin": origin} if origin else {}
    with CaptureQueriesContext(database) as captured:
        assert_accepted(ask(headers=headers))
    select, insert = statements(captured)
    assert select.startswith("SELECT ")
    assert insert.startswith("INSERT INTO ")
    assert "auth_user" not in select + insert


def test_sql_is_the_same_with_and_without_origin(ask, app):
    AllowedOriginFactory(client=app)
    seen = []
    for headers in ({}, {"Origin": "https://app.example.com"}, {"Origin": "null"}):
        with CaptureQueriesContext(database) as captured:
            assert_accepted(ask(headers=headers))
        seen.append(statements(captured))
    assert seen[0] == seen[1] == seen[2]


def test_usernames_get_the_same_answer(ask, jane):
    User.objects.create_user("closed", is_active=False)
    answers, queries = {}, {}
    for kind, username in {"known": "jane", "unknown": "nobody", "inactive": "closed"}.items():
        with CaptureQueriesContext(database) as captured:
            answers[kind] = whole(ask(email="", username=username))
        queries[kind] = statements(captured)
    assert answers["known"][0] == 200
    assert_alike(answers)
    assert_alike(queries)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, "Aurelia-Quintessa", STRONG],
    ids=["the old one", "the person's name", "a good one"],
)
def test_password_tells_nothing_about_the_account(ask_legacy, people, password):
    """Rules that need the user would tell who has an account, and what its password was."""
    answers, queries = observe(people, lambda **fields: ask_legacy(password=password, **fields))
    assert_alike(answers)
    assert_alike(queries)


def test_password_like_the_submitted_address_is_refused_for_everyone(ask_legacy, people):
    answers, queries = {}, {}
    for kind, address in people.items():
        with CaptureQueriesContext(database) as captured:
            answers[kind] = whole(ask_legacy(password=f"{address}9", email=address))
        queries[kind] = statements(captured)
    status, _headers, content = answers["unknown"]
    assert (status, json.loads(content)["name"]) == (400, "PasswordNoUserInfoError")
    assert_alike(answers)
    assert_alike(queries)
    assert_nothing_done()


def test_likeness_to_an_address_on_a_site_whose_users_have_none(ask_legacy, monkeypatch):
    """Accounts may be kept elsewhere than in the site's own user model."""

    with isolate_apps("tests"):

        class Login(AbstractBaseUser):
            name = models.CharField(max_length=9, unique=True)
            USERNAME_FIELD = "name"

            class Meta:
                app_label = "tests"

    monkeypatch.setattr("dbconnections.api.views.get_user_model", lambda: Login)
    assert_accepted(ask_legacy(password=STRONG))
    assert ask_legacy(password="jane@example.com").json()["name"] == "PasswordNoUserInfoError"


@pytest.mark.parametrize("password", ["short", "iloveyou1", "x" * 129])
def test_weak_password_tells_nothing_about_the_account(ask_legacy, people, password):
    answers = {
        kind: whole(ask_legacy(password=password, email=address))
        for kind, address in people.items()
    }
    assert answers["unknown"][0] == 400
    assert_alike(answers)


def test_no_address_is_left_alone_after_many_requests(ask, people, configure):
    """What the mail caps suppress is still answered as ever."""
    configure(MAIL_CAPS=[(1, timedelta(days=1))], RATE_LIMIT_PER_IP="")
    answers = {}
    for kind, address in people.items():
        for _ in range(3):
            answers[kind] = whole(ask(email=address))
            delivery.deliver_due()
    assert answers["unknown"][0] == 200
    assert_alike(answers)


@pytest.mark.parametrize(
    ("wake_up", "failing"),
    [
        ("thread", "dbconnections.delivery.DeliveryThread.wake"),
        ("task", "dbconnections.tasks.deliver_due"),
        ("task", "django.core.mail.backends.locmem.EmailBackend.send_messages"),
    ],
)
def test_failing_delivery_tells_nothing(
    ask, people, configure, monkeypatch, django_capture_on_commit_callbacks, wake_up, failing
):
    failures = []

    def fail(*args):
        failures.append(args)
        raise RuntimeError

    configure(WAKE_UP=wake_up)
    monkeypatch.setattr(failing, fail)
    answers = {}
    for kind, address in people.items():
        with django_capture_on_commit_callbacks(execute=True):
            answers[kind] = whole(ask(email=address))
    assert failures
    assert answers["unknown"][0] == 200
    assert_alike(answers)


@pytest.mark.parametrize("store", ["tests.NoSuchStore", "builtins.object"])
def test_broken_user_store_tells_nothing(ask, people, configure, store):
    configure(USER_STORES={"default": {"BACKEND": store}})
    answers, queries = observe(people, ask)
    assert_alike(answers)
    assert_alike(queries)


# The site's own REST framework settings


def answers_of_a_site(requests):
    """Answer requests in a process of its own: REST framework reads its settings once."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    ConnectionFactory(name="Users", clients=[ClientFactory(client_id="demo")])
    browser = Browser(raise_request_exception=False)
    answers = []
    for method, query, headers, content_type, body in requests:
        response = browser.generic(method, URL + query, body, content_type, headers=headers)
        status, headers, content = whole(response)
        answers.append([status, headers, content.decode()])
    return answers


def test_rest_framework_settings_of_the_site_change_nothing():
    good = json.dumps({"client_id": "demo", "connection": "Users", "email": "jane@example.com"})
    json_type, form_type = "application/json", FORM
    requests = [
        ("POST", "", {}, json_type, good),
        ("POST", "", {"Accept": "text/html"}, json_type, good),
        ("POST", "", {"Accept": "text/plain"}, json_type, good),
        ("POST", "", {"Accept": "image/png"}, json_type, good),
        ("POST", "", {"Accept": "application/json; version=2"}, json_type, good),
        ("POST", "?format=json", {}, json_type, good),
        ("POST", "", {"Authorization": "Basic eDp5"}, json_type, good),
        ("POST", "", {}, form_type, "client_id=demo&connection=Users&email=jane%40example.com"),
        ("POST", "", {}, "multipart/form-data; boundary=x", "--x--"),
        ("POST", "", {}, json_type, "{"),
        ("POST", "", {}, json_type, good.replace("demo", "x")),
        ("POST", "", {}, json_type, good.replace("jane@", "é")),
        ("GET", "", {}, json_type, ""),
        ("OPTIONS", "", {}, json_type, ""),
    ]
    site, other = "tests.api.site_without_defaults", "tests.api.site_with_defaults"
    (ordinary,) = processes.run(answers_of_a_site, settings=site, requests=requests)
    assert [status for status, _headers, _content in ordinary] == [
        *[200] * 8, 415, 400, 400, 400, 405, 204
    ]  # fmt: skip
    assert processes.run(answers_of_a_site, settings=other, requests=requests) == [ordinary]


@pytest.mark.parametrize("view", [ChangePasswordView, PasswordChangeTicketView])
def test_view_takes_nothing_from_the_site(view):
    """What REST framework reads from the site's settings is set by the app itself."""
    ours = {
        name for base in view.__mro__ if base.__module__.startswith("dbcon") for name in vars(base)
    }
    read = {name for name in vars(APIView) if name.endswith(("_classes", "_class"))}
    assert read - ours == set()
