"""What every answer of the pages says to browsers and caches."""

from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.db import OperationalError

from dbconnections import tickets
from dbconnections.accounts import ModelUserStore
from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET, link

CSP = (
    "default-src 'none'; style-src {sources}; script-src {sources}; img-src {sources}; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP.format(sources="'self'"),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
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
        assert {header: response.get(header) for header in HEADERS} == HEADERS, name


def test_no_answer_is_kept(answers):
    for name, response in answers.items():
        assert set(response["Cache-Control"].split(", ")) == NOT_KEPT, name


def test_headers_win_over_those_of_the_site(follow, ticket, settings):
    settings.SECURE_REFERRER_POLICY = "no-referrer"
    settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = "unsafe-none"
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    response = follow(ticket)
    assert {header: response.get(header) for header in HEADERS} == HEADERS


def test_headers_do_not_need_the_middleware_of_the_site(follow, ticket, settings):
    settings.MIDDLEWARE = []
    response = follow(ticket)
    assert {header: response.get(header) for header in HEADERS} == HEADERS


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
        assert not page.all("style"), name
        assert not page.all("base"), name
        assert not page.all("iframe"), name
        assert all("src" in script.attributes for script in page.all("script")), name
        for element in page.elements:
            assert "style" not in element.attributes, name
            assert not [a for a in element.attributes if a.startswith("on")], name


def test_what_the_pages_load_is_there(follow, ticket):
    page = parse(follow(ticket))
    loaded = [element["href"] for element in page.all("link")]
    loaded += [element["src"] for element in page.all("script")]
    assert loaded
    for address in loaded:
        assert finders.find(address.removeprefix("/static/")), address


def test_style_sheet_and_script_load_nothing_themselves():
    for name in ("pages.css", "pages.js"):
        with open(finders.find(f"dbconnections/{name}")) as file:
            text = file.read()
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
    assert response["Content-Security-Policy"] == CSP.format(sources=f"'self' {source}")
    assert parse(response).one("link")["href"].startswith(static_url)


@pytest.mark.parametrize("static_url", ["/static/", "/under/static/", "assets/"])
def test_static_files_of_the_site_itself_add_nothing(follow, ticket, settings, static_url):
    settings.STATIC_URL = static_url
    assert follow(ticket)["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_way_back_is_the_only_address_elsewhere(follow, ticket):
    ticket.client.result_url = "https://app.example.com/login"
    ticket.client.save()
    tickets.revoke(ticket.pk, "declined")
    page = parse(follow(ticket))
    elsewhere = {address for address in page.addresses if urlsplit(address).netloc}
    assert elsewhere == {"https://app.example.com/login"}
