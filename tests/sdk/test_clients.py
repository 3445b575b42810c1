"""What callers of each SDK get: the documentation's code for it, run as it is."""

import time

import pytest

from tests.sdk.clients import CLIENTS, LOCK
from tests.sdk.documentation import (
    ADDRESS,
    CLIENT_ID,
    CONNECTION,
    snippet,
    with_password,
    without_email,
)
from tests.sdk.site import LOCK_8_CLIENT_ID

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]

SENTENCE = "We've just sent you an email to reset your password."
EMAIL_MISSING = (400, "invalid_request", "email is required; username may stand in its place.")
CONNECTION_NOT_FOUND = (
    400,
    "connection not found",
    "connection not found: there is no such connection, or it is not enabled for this client. "
    "Check the connection's name.",
)
PASSWORD_NOT_ALLOWED = (
    400,
    "password is not allowed",
    "password is not allowed: leave the password out of the request; the mailed link asks for "
    "the new one.",
)
TOO_WEAK = (
    "Password is too weak. At least 8 characters. At least 3 of these: lower case letters (a-z), "
    "upper case letters (A-Z), numbers (0-9), special characters (such as !@#$%^&*). "
    "This password is entirely numeric. This password is too common."
)
TOO_MANY = (
    429,
    "too_many_requests",
    "Too many requests. Check the X-RateLimit-* headers and try again later.",
)

PASSWORD = "walnut-ferry-21"
WEAK_PASSWORD = "12345"


CALLERS = [client for client in CLIENTS if client.api == "authentication" and client is not LOCK]


def clients(condition=lambda client: True):
    rows = [client for client in CALLERS if condition(client)]
    return pytest.mark.parametrize("client", rows, ids=str)


sends_password = clients(lambda client: client.sends_password)
drops_password = clients(lambda client: not client.sends_password)


def error(client, outcome):
    """Return status, code and sentence from where the client's callers look for them."""
    assert outcome.value is None
    return tuple(outcome.find(path) for path in (client.status, client.error_code, client.sentence))


def refused_by_itself(client, outcome, text):
    """Say whether the client refused the call with a text of its own and sent nothing."""
    return text in outcome.error["message"] and client.status not in outcome.error


@clients()
def test_success(client, call, site, address):
    outcome = call(client, snippet(client.snippet).replace(ADDRESS, address))
    assert outcome.error == {}
    assert outcome.value == SENTENCE
    assert f"https://{site.domain}/dbconnections/reset/" in site.only_mail_to(address)


@clients()
def test_unknown_connection(client, call, site, address):
    code = snippet(client.snippet).replace(ADDRESS, address).replace(CONNECTION, "No-Such-One")
    assert error(client, call(client, code)) == CONNECTION_NOT_FOUND
    assert site.requests_for(address) == 0


@clients(lambda client: not client.on_empty_email)
def test_empty_email(client, call):
    outcome = call(client, snippet(client.snippet).replace(ADDRESS, ""))
    assert error(client, outcome) == EMAIL_MISSING


@clients(lambda client: client.on_empty_email)
def test_empty_email_that_the_client_itself_refuses(client, call):
    outcome = call(client, snippet(client.snippet).replace(ADDRESS, ""))
    assert refused_by_itself(client, outcome, client.on_empty_email)


@clients(lambda client: not client.on_no_email)
def test_no_email(client, call):
    outcome = call(client, without_email(snippet(client.snippet)))
    assert error(client, outcome) == EMAIL_MISSING


@clients(lambda client: client.on_no_email)
def test_no_email_that_the_client_itself_refuses(client, call):
    outcome = call(client, without_email(snippet(client.snippet)))
    assert refused_by_itself(client, outcome, client.on_no_email)


@clients()
def test_rate_limit(client, call, site, address):
    site.use_up_limit(address)
    outcome = call(client, snippet(client.snippet).replace(ADDRESS, address))
    assert error(client, outcome) == TOO_MANY
    assert site.requests_for(address) == 0


@clients(lambda client: client.limit_ends)
def test_end_of_rate_limit(client, call, site, address):
    site.use_up_limit(address)
    outcome = call(client, snippet(client.snippet).replace(ADDRESS, address))
    assert outcome.error["type"] == "RateLimitError"
    # Ten minutes from the first request, in whole seconds rounded up.
    now = time.time()
    assert now + 500 < outcome.find(client.limit_ends) <= now + 601


@sends_password
def test_password(client, call, site, address):
    code = with_password(snippet(client.snippet), PASSWORD).replace(ADDRESS, address)
    outcome = call(client, code.replace(CLIENT_ID, LOCK_8_CLIENT_ID))
    assert outcome.value == SENTENCE
    assert site.passwords_given_for(address) == 1
    assert "/dbconnections/reset/" in site.only_mail_to(address)


@sends_password
def test_weak_password(client, call, site, address):
    code = with_password(snippet(client.snippet), WEAK_PASSWORD).replace(ADDRESS, address)
    outcome = call(client, code.replace(CLIENT_ID, LOCK_8_CLIENT_ID))
    expected = (400, "invalid_password", client.on_weak_password or TOO_WEAK)
    assert error(client, outcome) == expected
    assert site.requests_for(address) == 0


@sends_password
def test_password_not_allowed(client, call, site, address):
    code = with_password(snippet(client.snippet), PASSWORD).replace(ADDRESS, address)
    assert error(client, call(client, code)) == PASSWORD_NOT_ALLOWED
    assert site.requests_for(address) == 0


@clients(lambda client: client.snippet == "auth0-2")
def test_method_that_insists_on_a_password(client, call, site, address):
    code = snippet(client.snippet).replace("requestChangePasswordEmail", "changePassword")
    code = code.replace(CLIENT_ID, LOCK_8_CLIENT_ID)
    assert refused_by_itself(client, call(client, code), "password field is required")
    code = with_password(code, PASSWORD).replace(ADDRESS, address)
    assert call(client, code).value == SENTENCE
    assert site.passwords_given_for(address) == 1


@drops_password
def test_password_that_the_client_does_not_send(client, call, site, address):
    code = with_password(snippet(client.snippet), PASSWORD).replace(ADDRESS, address)
    assert call(client, code).value == SENTENCE
    assert site.passwords_given_for(address) == 0
    assert "/dbconnections/reset/" in site.only_mail_to(address)
