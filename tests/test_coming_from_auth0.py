"""What the page *Coming from Auth0* says is so."""

import re

import pytest

from dbconnections.conf import all_settings
from tests.sdk.clients import CLIENTS, LOCK
from tests.sdk.documentation import (
    ADDRESS,
    CLIENT_ID,
    CONNECTION,
    DOMAIN,
    PAGE,
    TOKEN,
    USER_ID,
    snippets,
    with_password,
    with_result_url,
    with_tables,
    without_email,
)

TEXT = PAGE.read_text()

NAMES = sorted({client.snippet for client in CLIENTS})
TICKETS = sorted({client.snippet for client in CLIENTS if client.api == "management"})

# In Lock a person gives the address, and a file the connection.
REQUESTS = sorted({*NAMES} - {*TICKETS, LOCK.snippet})

# Run by the fixtures that set up the site, and by the tests of Lock.
OTHERS = {"site", "token", "lock-settings", "lock-for-the-reset"}

# `tests/test_docs.py` wants no other.
MARKS = [f"snippet: {name}" for name in (*NAMES, *OTHERS)]


def test_tables_of_clients_are_current():
    assert with_tables(TEXT) == TEXT, "run `python -m tests.sdk.documentation`"
    tables = TEXT.split("## Tickets for back ends")
    for client in CLIENTS:
        table = tables[client.api == "management"]
        assert f"| {client.name} | {client.version} |" in table


def test_all_code_is_run():
    assert TEXT.count("\n```\n") == len(snippets())
    assert set(snippets()) == {*NAMES, *OTHERS}


@pytest.mark.parametrize("name", NAMES)
def test_code_asks_the_site_for_the_client(name):
    code = snippets()[name]
    assert code.count(DOMAIN) == code.count(CLIENT_ID) == 1
    assert "auth0.com" not in code


@pytest.mark.parametrize("name", REQUESTS)
def test_code_can_be_changed_for_each_test(name):
    code = snippets()[name]
    assert code.count(ADDRESS) == code.count(CONNECTION) == 1
    assert ADDRESS not in without_email(code)
    assert with_password(code, "walnut-ferry-21").count("walnut-ferry-21") == 1


@pytest.mark.parametrize("name", TICKETS)
def test_code_for_tickets_can_be_changed_for_each_test(name):
    code = snippets()[name]
    assert code.count(TOKEN) == code.count(USER_ID) == 1
    assert with_result_url(code, "https://evil.example/").count("https://evil.example/") == 1


def test_settings_exist():
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", TEXT))
    assert {"RATE_LIMIT", "MAIL_CAPS"} <= named <= set(all_settings())


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]*)#([^)]+)\)", TEXT)
    assert links
    for path, anchor in links:
        target = (PAGE.parent / path).read_text() if path else TEXT
        headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
