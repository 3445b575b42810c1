"""What every answer of the pages says to browsers and caches."""

import re
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.db import OperationalError

from dbconnections import tickets
from dbconnections.accounts import ModelUserStore
from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET, link

CSP = (
    "default-src 'none'; style-src 'nonce-NONCE'; script-src {sources}; img-src {sources}; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP.format(sources="'self'"),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NONCE = re.compile(r"'nonce-([\w-]{22})'")
NOT_KEPT = {"no-store", "no-cache", "private", "must-revalidate", "max-age=0"}


@pytest.fixture
def answers(client, follow, submit, ticket, seal, settings, monkeypatch):
    """Every kind of answer of the pages, by name."""
    got = {
        "link": client.get(link(ticket)),
        "link, HEAD": client.head(link(ticket)),
        "link, OPTIONS": client.options(link(ticket)),
        "link, POST": client.post(link(ticket)),
        "unknown link": client.get(RESET + "x"),
        "new password": follow(ticket),
        "HEAD": client.head(RESET),
        "OPTIONS": client.options(RESET),
        "PUT": client.put(RESET),
        "not done yet": client.get(DONE),
        "weak": submit("weak"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(ModelUserStore, "set_password", _locked)
        got["busy"] = submit(NEW_PASSWORD)
    got["set"] = submit(NEW_PASSWORD)
    got["done"] = client.get(DONE)
    got["used"] = client.get(RESET)

    retype = seal()
    retype.client.confirmation = "retype"
    retype.client.save()
    got["retype"] = follow(retype)
    got["wrong retype"] = submit(password="wrong")
    retype.client.confirmation = "button"
    retype.client.save()
    got["confirm"] = follow(retype)
    got["declined"] = submit(action="decline")
    got["revoked"] = client.get(RESET)
    got["refused"] = (follow(seal("12345")), submit())[1]

    client.cookies.clear()
    got["without a cookie"] = client.get(RESET)
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": "1/hour"}
    got["too many"] = (client.post(RESET), client.post(RESET))[1]
    return got


def nonces(response):
    """Return the nonces in a response's policy."""
    return NONCE.findall(response["Content-Security-Policy"])


def policy(response):
    """Return a response's policy with the word NONCE for its nonce."""
    return NONCE.sub("'nonce-NONCE'", response["Content-Security-Policy"])


def headers(response):
    said = {header: response.get(header) for header in HEADERS}
    return said | {"Content-Security-Policy": policy(response)}


def _locked(*args, **kwargs):
    raise OperationalError("database is locked")


def test_answers_are_of_every_kind(answers):
    statuses = {name: response.status_code for name, response in answers.items()}
    assert statuses == {
        "link": 302,
        "link, HEAD": 302,
        "link, OPTIONS": 200,
        "link, POST": 405,
        "unknown link": 404,
        "new password": 200,
        "HEAD": 200,
        "OPTIONS": 200,
        "PUT": 405,
        "not done yet": 302,
        "weak": 200,
        "busy": 503,
        "set": 302,
        "done": 200,
        "used": 410,
        "retype": 200,
        "wrong retype": 200,
        "confirm": 200,
        "declined": 200,
        "revoked": 410,
        "refused": 200,
        "without a cookie": 404,
        "too many": 429,
    }


def test_every_answer_has_the_headers(answers):
    for name, response in answers.items():
        assert headers(response) == HEADERS, name


def test_nonce_is_of_one_answer(answers):
    given = [nonce for response in answers.values() for nonce in nonces(response)]
    assert len(given) == len(set(given)) == len(answers)


def test_no_answer_is_kept(answers):
    for name, response in answers.items():
        assert set(response["Cache-Control"].split(", ")) == NOT_KEPT, name


def test_headers_win_over_those_of_the_site(follow, ticket, settings):
    settings.SECURE_REFERRER_POLICY = "no-referrer"
    settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = "unsafe-none"
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    response = follow(ticket)
    assert headers(response) == HEADERS


def test_headers_do_not_need_the_middleware_of_the_site(follow, ticket, settings):
    settings.MIDDLEWARE = []
    response = follow(ticket)
    assert headers(response) == HEADERS


def test_pages_load_and_link_nothing_foreign(answers):
    for name, response in answers.items():
        if response["Content-Type"].startswith("text/html") and response.content:
            addresses = parse(response).addresses
            assert addresses, name
            for address in addresses:
                parts = urlsplit(address)
                assert (parts.scheme, parts.netloc) == ("", ""), name


def test_pages_hold_nothing_that_the_policy_forbids(answers):
    for name, response in answers.items():
        if not response["Content-Type"].startswith("text/html") or not response.content:
            continue
        page = parse(response)
        assert [style["nonce"] for style in page.all("style")] == nonces(response), name
        assert not page.all("link"), name
        assert not page.all("base"), name
        assert not page.all("iframe"), name
        assert all("src" in script.attributes for script in page.all("script")), name
        for element in page.elements:
            assert "style" not in element.attributes, name
            assert not [a for a in element.attributes if a.startswith("on")], name


def test_what_the_pages_load_is_there(follow, ticket):
    page = parse(follow(ticket))
    loaded = [element["src"] for element in page.all("script")]
    assert loaded
    for address in loaded:
        assert finders.find(address.removeprefix("/static/")), address


def test_style_and_scripts_load_nothing_themselves(follow, ticket):
    texts = {"style": parse(follow(ticket)).one("style").text}
    for name in ("pages.js", "rules.js"):
        with open(finders.find(f"dbconnections/{name}")) as file:
            texts[name] = file.read()
    for name, text in texts.items():
        assert text
        for foreign in ("url(", "@import", "http:", "https:", "import(", "fetch("):
            assert foreign not in text, name


@pytest.mark.parametrize(
    ("static_url", "source"),
    [
        ("https://cdn.example.com/static/", "https://cdn.example.com"),
        ("https://cdn.example.com:8443/", "https://cdn.example.com:8443"),
        ("//cdn.example.com/static/", "cdn.example.com"),
    ],
)
def test_static_files_on_another_origin_are_allowed(
    client, follow, ticket, settings, static_url, source
):
    settings.STATIC_URL = static_url
    response = follow(ticket)
    assert policy(response) == CSP.format(sources=f"'self' {source}")
    assert all(script["src"].startswith(static_url) for script in parse(response).all("script"))


@pytest.mark.parametrize("static_url", ["/static/", "/under/static/", "assets/"])
def test_static_files_of_the_site_itself_add_nothing(follow, ticket, settings, static_url):
    settings.STATIC_URL = static_url
    assert policy(follow(ticket)) == HEADERS["Content-Security-Policy"]


def test_way_back_is_the_only_address_elsewhere(follow, ticket):
    ticket.client.result_url = "https://app.example.com/login"
    ticket.client.save()
    tickets.revoke(ticket.pk, "declined")
    page = parse(follow(ticket))
    elsewhere = {address for address in page.addresses if urlsplit(address).netloc}
    assert elsewhere == {"https://app.example.com/login"}
