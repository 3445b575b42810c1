"""What back ends get that ask for tickets: the documentation's code for each SDK, as it is."""

import re

import pytest

from tests.sdk.clients import CLIENTS
from tests.sdk.documentation import TOKEN, USER_ID, snippet, with_result_url
from tests.sdk.site import STAFF

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]

NO_SUCH_USER = (404, "inexistent_user", "The user does not exist.")
NO_TOKEN = (401, "not_authenticated", "Authentication credentials were not provided.")
WRONG_TOKEN = (401, "authentication_failed", "Invalid token.")
STAFF_ACCOUNT = (
    403,
    "insufficient_scope",
    "This account is staff; only a superuser may have a link to it.",
)
FOREIGN_WAY_BACK = (
    400,
    "invalid_request",
    "result_url must be on the host of the client's own way back, or on one in the setting "
    "RESULT_URL_HOSTS.",
)


CALLERS = [client for client in CLIENTS if client.api == "management"]

clients = pytest.mark.parametrize("client", CALLERS, ids=str)


@pytest.fixture
def ask(call, site):
    """Return a function that runs a client's code with the back end's token, for an account."""

    def ask(client, user_id, change=lambda code: code):
        code = change(snippet(client.snippet))
        return call(client, code.replace(TOKEN, site.token).replace(USER_ID, user_id))

    return ask


def error(client, outcome):
    """Return status, code and sentence from where the client's callers look for them."""
    assert outcome.value is None
    return tuple(outcome.find(path) for path in (client.status, client.error_code, client.sentence))


@clients
def test_ticket(client, ask, site, address):
    outcome = ask(client, site.user_id(address))
    assert outcome.error == {}
    url = outcome.value["ticket"] if client.runs_in == "shell" else outcome.value
    assert re.fullmatch(rf"https://{site.domain}/dbconnections/reset/[\w.~-]+#", url)
    page = site.page(url)
    assert "p•••@example.com" in page
    assert 'name="new_password1"' in page
    assert site.links_handed_over_for(address) == 1
    assert site.mails_to(address) == []


@clients
def test_unknown_user(client, ask):
    assert error(client, ask(client, "auth0|no-such-user")) == NO_SUCH_USER


@clients
def test_wrong_token(client, ask, site, address):
    outcome = ask(client, site.user_id(address), lambda code: code.replace(TOKEN, "0" * 40))
    assert error(client, outcome) == WRONG_TOKEN
    assert site.requests_for(address) == 0


@pytest.mark.parametrize("client", [row for row in CALLERS if row.runs_in == "shell"], ids=str)
def test_no_token(client, ask, site, address):
    """SDKs insist on one."""
    header = f"-H 'Authorization: Bearer {TOKEN}' "
    assert header in snippet(client.snippet)
    outcome = ask(client, site.user_id(address), lambda code: code.replace(header, ""))
    assert error(client, outcome) == NO_TOKEN
    assert site.requests_for(address) == 0


@clients
def test_account_that_is_staff(client, ask, site):
    assert error(client, ask(client, site.user_id(STAFF))) == STAFF_ACCOUNT
    assert site.requests_for(STAFF) == 0


@clients
def test_way_back_that_nobody_allowed(client, ask, site, address):
    outcome = ask(
        client,
        site.user_id(address),
        lambda code: with_result_url(code, "https://evil.example/"),
    )
    assert error(client, outcome) == FOREIGN_WAY_BACK
    assert site.requests_for(address) == 0
