"""Tokens, sealed passwords, and the addresses that links start with and lead back to."""

import re
from itertools import permutations
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.core import mail
from django.core.exceptions import DisallowedHost, ImproperlyConfigured

from dbconnections import links
from dbconnections.delivery import deliver_due
from dbconnections.secret import Secret
from tests.support.mail import link_in

TICKET = UUID("0f9d2c4e-7b6a-4c51-9e0d-3a1b5f7c9d20")
PASSWORD = Secret("brave-lantern-53")
PURPOSES = [links.MAILED, links.OPENED, links.SHOWN]

# Tokens


@pytest.mark.parametrize("purpose", PURPOSES)
def test_token_is_read_back(purpose):
    token = links.make_token(TICKET, purpose)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", token)
    assert links.read_token(token, purpose) == TICKET


def test_token_is_the_same_each_time():
    assert links.make_token(TICKET) == links.make_token(TICKET)


@pytest.mark.parametrize(("made", "read"), list(permutations(PURPOSES, 2)))
def test_token_of_one_purpose_is_none_of_another(made, read):
    assert links.read_token(links.make_token(TICKET, made), read) is None


TOKEN = links.make_token(TICKET)
ID, SIGNATURE = TOKEN.split(".")
FORGED = {
    "empty": "",
    "no token": "reset",
    "id alone": ID,
    "signature alone": SIGNATURE,
    "nothing signed": f".{SIGNATURE}",
    "unsigned": f"{ID}.",
    "cut at the end": TOKEN[:-1],
    "cut at the start": TOKEN[1:],
    "in capitals": TOKEN.upper(),
    "in small letters": TOKEN.lower(),
    "case swapped": TOKEN.swapcase(),
    "signature case swapped": f"{ID}.{SIGNATURE.swapcase()}",
    "trailing character": f"{TOKEN}A",
    "trailing space": f"{TOKEN} ",
    "trailing newline": f"{TOKEN}\n",
    "trailing dot": f"{TOKEN}.",
    "trailing slash": f"{TOKEN}/",
    "trailing NUL": f"{TOKEN}\0",
    "leading space": f" {TOKEN}",
    "padded": f"{TOKEN}=",
    "padded id": f"{ID}==.{SIGNATURE}",
    "another separator": f"{ID}:{SIGNATURE}",
    "accented": "".join(f"{character}\u0301" for character in TOKEN),
    "full width": "".join(chr(ord(character) + 0xFEE0) for character in TOKEN),
    "lone surrogate": f"{TOKEN}\ud800",
    "another ticket's id": f"{links.make_token(uuid4()).split('.')[0]}.{SIGNATURE}",
    "no id signed": links._signer(links.MAILED).sign("reset"),
    "too short an id signed": links._signer(links.MAILED).sign("Dw"),
    "no base64 signed": links._signer(links.MAILED).sign("é"),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_forged_token_is_none(token, purpose):
    assert links.read_token(token, purpose) is None


def test_token_changed_in_any_one_place_is_none():
    for place in range(len(TOKEN)):
        for other in "A-é":
            if other != TOKEN[place]:
                forged = TOKEN[:place] + other + TOKEN[place + 1 :]
                assert links.read_token(forged) is None, forged


def test_token_outlives_a_rotation_of_the_key(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert links.read_token(TOKEN) == TICKET
    assert links.make_token(TICKET) != TOKEN


def test_token_of_a_foreign_key_is_none(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "foreign", ["other"]
    assert links.read_token(TOKEN) is None


# Sealed passwords


@pytest.mark.parametrize("text", ["brave-lantern-53", " ", "pä$$wörd \U0001f511", "\0", "x" * 128])
def test_sealed_password_is_unsealed_as_it_was(text):
    sealed = links.seal(Secret(text), TICKET)
    assert links.unseal(sealed, TICKET) == Secret(text)
    assert text not in sealed


def test_same_password_is_sealed_differently_each_time():
    assert links.seal(PASSWORD, TICKET) != links.seal(PASSWORD, TICKET)


def test_seal_of_one_ticket_is_not_opened_for_another():
    assert links.unseal(links.seal(PASSWORD, TICKET), uuid4()) is None


def test_seal_changed_in_any_one_place_stays_closed():
    sealed = links.seal(PASSWORD, TICKET)
    for place in range(len(sealed.rstrip("=")) - 1):
        other = "A" if sealed[place] != "A" else "B"
        assert links.unseal(sealed[:place] + other + sealed[place + 1 :], TICKET) is None


@pytest.mark.parametrize("sealed", ["", "brave-lantern-53", "é", "gAAAAA=="])
def test_what_is_no_seal_stays_closed(sealed):
    assert links.unseal(sealed, TICKET) is None


def test_seal_outlives_a_rotation_of_the_key(settings):
    sealed = links.seal(PASSWORD, TICKET)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["older", settings.SECRET_KEY]
    assert links.unseal(sealed, TICKET) == PASSWORD


# What 0.1.0 has made; never to be made anew

OF_THEN = {
    links.MAILED: "D50sTntqTFGeDTobX3ydIA.vEUwrzUPTF2yGT6IWDynZRV2c9GyH10az9x9jNJhCLk",
    links.OPENED: "D50sTntqTFGeDTobX3ydIA.GRqlBABD3axTFNtoGuDcVj_6vr1a7L23s5mVMW-08Eg",
    links.SHOWN: "D50sTntqTFGeDTobX3ydIA._OtuqKeFjY9zVZORLOCDFJI0tJ9uZ0KQGxvefLDYqJY",
}
SEALED_THEN = (
    "gAAAAABrCmhP89Tn9nABn0grQ5SrLZ98GOTwEhsLmWSUTZUHKTMvidcK7eku"
    "CCOfGa9Kims4XltMZQhypZ1MZ4faUdROND3WY0HFB3ENx_WBRvi3jIB8DbQ="
)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_link_of_before_an_upgrade_is_read(settings, purpose):
    """It must not close the links that are in people's mailboxes."""
    settings.SECRET_KEY = "the-key-of-then"
    assert links.read_token(OF_THEN[purpose], purpose) == TICKET


def test_seal_of_before_an_upgrade_is_opened(settings):
    settings.SECRET_KEY = "the-key-of-then"
    assert links.unseal(SEALED_THEN, TICKET) == PASSWORD


def test_seal_of_a_foreign_key_stays_closed(settings):
    sealed = links.seal(PASSWORD, TICKET)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "foreign", ["other"]
    assert links.unseal(sealed, TICKET) is None


# Where links start

HOSTS = {
    "host": {"host": "evil.example"},
    "port": {"host": "login.example.com:8443"},
    "trailing dot": {"host": "login.example.com."},
    "capitals": {"host": "LOGIN.example.com"},
    "subdomain": {"host": "evil.login.example.com"},
    "address": {"host": "127.0.0.1:8000"},
    "x-forwarded-host": {"x-forwarded-host": "evil.example"},
    "x-forwarded-host and port": {"x-forwarded-host": "evil.example", "x-forwarded-port": "81"},
    "x-forwarded-server": {"x-forwarded-server": "evil.example", "x-host": "evil.example"},
    "x-forwarded-proto": {"x-forwarded-proto": "http"},
    "forwarded": {"forwarded": "host=evil.example;proto=http"},
    "referer and origin": {"referer": "https://evil.example/", "origin": "https://evil.example"},
}


@pytest.mark.parametrize("headers", HOSTS.values(), ids=HOSTS)
def test_mailed_link_is_the_same_whatever_the_request_says_of_its_host(
    ask, jane, settings, headers
):
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = settings.USE_X_FORWARDED_PORT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.DEBUG = True
    assert ask(headers=headers).status_code == 200
    assert deliver_due() == {"sent": 1}
    link = link_in(mail.outbox[0])
    token = link.rpartition("/")[2]
    assert link == f"https://login.example.com/dbconnections/reset/{token}"
    assert links.read_token(token)


@pytest.fixture
def unset(settings):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"BASE_URL": ""}
    return settings


def test_without_base_url_no_link_is_made(unset, rf):
    with pytest.raises(ImproperlyConfigured, match="BASE_URL"):
        links.base_url(rf.get("/"))


def test_without_base_url_a_site_in_debug_mode_is_its_own(unset, rf):
    unset.DEBUG = True
    assert links.base_url(rf.get("/", secure=True)) == "https://testserver"
    assert (
        links.base_url(rf.get("/", headers={"host": "localhost:8000"})) == "http://localhost:8000"
    )


def test_without_base_url_a_site_in_debug_mode_still_checks_its_host(unset, rf):
    unset.DEBUG = True
    with pytest.raises(DisallowedHost):
        links.base_url(rf.get("/", headers={"host": "evil.example"}))


def test_link_starts_where_the_ticket_says_if_base_url_is_unset(unset):
    path = f"/dbconnections/reset/{TOKEN}"
    assert links.mailed_url(TICKET, "http://localhost:8000") == f"http://localhost:8000{path}"


@pytest.mark.parametrize("configured", ["https://login.example.com", "https://login.example.com/"])
def test_base_url_wins_over_what_the_ticket_says(settings, configured):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"BASE_URL": configured}
    expected = f"https://login.example.com/dbconnections/reset/{TOKEN}"
    assert links.mailed_url(TICKET, "http://evil.example") == expected


# Where they lead back to


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.example", "https://a.example?{}"),
        ("https://a.example/", "https://a.example/?{}"),
        ("https://a.example/login", "https://a.example/login?{}"),
        ("https://a.example/login#/reset", "https://a.example/login?{}#/reset"),
        ("https://a.example/?a=1&b=%20", "https://a.example/?a=1&b=%20&{}"),
        ("https://a.example/?a=1#b?c=2", "https://a.example/?a=1&{}#b?c=2"),
        ("http://localhost:3000/", "http://localhost:3000/?{}"),
    ],
)
def test_way_back_has_the_outcome_before_any_fragment(address, expected):
    outcome = "success=true&message=Done%20%26%20dusted%23"
    assert links.result_url(address, "Done & dusted#") == expected.format(outcome)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.example", "https://a.example#/?{}"),
        ("https://a.example/", "https://a.example/#/?{}"),
        ("https://a.example/app/#", "https://a.example/app/#/?{}"),
        ("https://a.example/app/#/", "https://a.example/app/#/?{}"),
        ("https://a.example/#/login", "https://a.example/#/login?{}"),
        ("https://a.example/#!/login", "https://a.example/#!/login?{}"),
        ("https://a.example/#/login?", "https://a.example/#/login?{}"),
        ("https://a.example/#/login?a=1&b=%20", "https://a.example/#/login?a=1&b=%20&{}"),
        ("https://a.example/?a=1#/login", "https://a.example/?a=1#/login?{}"),
        ("https://a.example/?#/login", "https://a.example/#/login?{}"),
        ("https://a.example:8443/x;y=1#/a;b", "https://a.example:8443/x;y=1#/a;b?{}"),
        ("http://localhost:3000/#/é", "http://localhost:3000/#/é?{}"),
    ],
)
def test_way_back_has_the_outcome_in_the_fragment_where_that_is_read(address, expected):
    outcome = "success=true&message=Done%20%26%20dusted%23"
    found = links.result_url(address, "Done & dusted#", in_fragment=True)
    assert found == expected.format(outcome)


@pytest.mark.parametrize("in_fragment", [False, True])
@pytest.mark.parametrize(
    "address",
    ["https://a.example", "https://a.example/?next=//evil.example", "https://a.example/#//evil"],
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a&success=false",
        "#/evil",
        "?x=1",
        "//evil.example",
        "@evil.example",
        "\\",
        "\n",
        "é",
        " ",
    ],
)
def test_what_is_told_never_leads_elsewhere(address, in_fragment, text):
    found = links.result_url(address, "Done", in_fragment=in_fragment, email=text)
    assert found.startswith("https://a.example")
    assert urlsplit(found)[:2] == urlsplit(address)[:2]
    parts = urlsplit(found)
    query = parts.fragment.partition("?")[2] if in_fragment else parts.query
    told = parse_qs(query)
    assert told["success"] == ["true"]
    assert told["message"] == ["Done"]
    assert told.get("email", [""]) == [text]


def test_failure_is_told_as_one():
    found = links.result_url("https://a.example/", "Access expired", success=False)
    assert found == "https://a.example/?success=false&message=Access%20expired"
