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
    snippets,
    with_password,
    with_table,
    without_email,
)

TEXT = PAGE.read_text()

NAMES = sorted({client.snippet for client in CLIENTS})

# Run by the fixtures that set up the site, and by the tests of Lock.
OTHERS = {"site", "lock-settings", "lock-for-the-reset"}


def test_table_of_clients_is_current():
    assert with_table(TEXT) == TEXT, "run `python -m tests.sdk.documentation`"
    for client in CLIENTS:
        assert f"| {client.name} | {client.version} |" in TEXT


def test_all_code_is_run():
    assert TEXT.count("\n```\n") == len(snippets())
    assert set(snippets()) == {*NAMES, *OTHERS}


@pytest.mark.parametrize("name", NAMES)
def test_code_asks_the_site_for_the_client(name):
    code = snippets()[name]
    assert code.count(DOMAIN) == code.count(CLIENT_ID) == 1
    assert "auth0.com" not in code


# In Lock a person gives the address, and a file the connection.
@pytest.mark.parametrize("name", [name for name in NAMES if name != LOCK.snippet])
def test_code_can_be_changed_for_each_test(name):
    code = snippets()[name]
    assert code.count(ADDRESS) == code.count(CONNECTION) == 1
    assert ADDRESS not in without_email(code)
    assert with_password(code, "walnut-ferry-21").count("walnut-ferry-21") == 1


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
