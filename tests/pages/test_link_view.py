"""From the mailed link to the page: what moves into the cookie, and that reading burns nothing."""

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from dbconnections import links
from dbconnections.models import ResetTicket
from tests.factories import MailedTicketFactory
from tests.pages.html import parse
from tests.pages.person import COOKIE, DONE, NEW_PASSWORD, RESET, has_password, is_unchanged, link

SCANNERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 SafeLinks",
    "BarracudaCentral/1.0",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0",
    "",
]


def test_link_leads_to_an_address_without_the_token(client, ticket):
    response = client.get(link(ticket))
    assert response.status_code == 302
    assert response["Location"] == RESET
    assert response.content == b""


def test_following_shows_the_page(follow, ticket):
    response = follow(ticket)
    assert response.status_code == 200
    assert parse(response).title == "Set a new password"


def test_cookie_is_for_the_pages_alone(client, ticket):
    cookie = client.get(link(ticket)).cookies[COOKIE]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == RESET
    assert cookie["domain"] == ""
    # It ends with the browser's session.
    assert cookie["max-age"] == ""
    assert cookie["expires"] == ""


@pytest.mark.parametrize(
    ("https", "base_url", "is_secure"),
    [
        (True, "https://login.example.com", True),
        (True, "http://login.example.com", True),
        # Behind a proxy that does not say so.
        (False, "https://login.example.com", True),
        (False, "http://login.example.com", ""),
    ],
)
def test_cookie_is_secure_where_the_site_is(client, ticket, settings, https, base_url, is_secure):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "BASE_URL": base_url}
    assert client.get(link(ticket), secure=https).cookies[COOKIE]["secure"] == is_secure


@pytest.mark.parametrize("same_site", ["Strict", "Lax", "None"])
def test_cookie_is_lax_whatever_the_session_cookie_is(client, ticket, settings, same_site):
    settings.SESSION_COOKIE_SAMESITE = settings.CSRF_COOKIE_SAMESITE = same_site
    assert client.get(link(ticket)).cookies[COOKIE]["samesite"] == "Lax"


def test_cookie_is_the_only_one_set(client, ticket):
    assert set(client.get(link(ticket)).cookies) == {COOKIE}


def test_cookie_is_not_the_mailed_token(client, ticket):
    cookie = client.get(link(ticket)).cookies[COOKIE].value
    assert links.read_token(cookie, links.OPENED) == ticket.pk
    assert links.read_token(cookie) is None


@pytest.mark.parametrize("purpose", [links.OPENED, links.SHOWN])
def test_token_of_another_purpose_is_no_link(client, ticket, purpose):
    response = client.get(RESET + links.make_token(ticket.pk, purpose))
    assert response.status_code == 404
    assert not response.cookies


@pytest.mark.parametrize("purpose", [links.MAILED, links.SHOWN])
def test_token_of_another_purpose_is_no_cookie(client, ticket, purpose):
    client.cookies[COOKIE] = links.make_token(ticket.pk, purpose)
    assert client.get(RESET).status_code == 404


def test_ticket_id_alone_is_no_link(client, ticket):
    for token in (str(ticket.pk), ticket.pk.hex, links.make_token(ticket.pk).partition(".")[0]):
        assert client.get(RESET + token).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token[1:],
        lambda token: token + "A",
        lambda token: token + "%20",
        lambda token: "%20" + token,
        lambda token: token + ".",
        lambda token: token + "%00",
        lambda token: token + "%0A",
        lambda token: token + ">",
        lambda token: token + "/",
        lambda token: token + "/x",
        lambda token: token.swapcase(),
        lambda token: token.replace(".", ":"),
        lambda token: token.partition(".")[0] + ".",
        lambda token: "." + token.partition(".")[2],
        lambda token: ".",
        lambda token: "é" * 22 + "." + "é" * 43,
        lambda token: "%ff%fe",
        lambda token: "A" * 10_000,
    ],
)
def test_changed_link_is_unknown(client, ticket, change, caplog):
    token = links.make_token(ticket.pk)
    response = client.get(RESET + change(token))
    assert response.status_code == 404
    assert parse(response).title == "This link does not work"
    assert COOKIE not in response.cookies
    assert caplog.messages
    assert token[1:-1] not in caplog.text, "it may still work without what was changed"


@pytest.mark.parametrize("cookie", ["", "x", "é", "a.b", '"', "\x7f", "A" * 4000])
def test_broken_cookie_is_unknown(client, db, cookie):
    client.cookies[COOKIE] = cookie
    assert client.get(RESET).status_code == 404


def test_link_of_a_ticket_that_is_gone_is_unknown(follow, ticket):
    ResetTicket.objects.all().delete()
    assert follow(ticket).status_code == 404


def test_last_link_followed_is_the_one_in_hand(follow, submit, ticket, jane):
    other = MailedTicketFactory(client=ticket.client, connection=ticket.connection)
    follow(ticket)
    page = parse(follow(other))
    assert f"{other.sent_to[:1]}•••@example.com" in page.text
    submit(NEW_PASSWORD)
    assert has_password(User.objects.get(pk=other.account), NEW_PASSWORD)
    assert is_unchanged(jane)


def test_link_works_under_an_older_secret_key(follow, ticket, settings):
    path = link(ticket)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-fifty-characters-0123456789-abcdefgh"
    assert link(ticket) != path
    assert Browser().get(path, follow=True).status_code == 200


def test_scanners_write_nothing_and_burn_nothing(follow, submit, ticket, jane):
    before = ResetTicket.objects.values().get()
    statuses = set()
    with CaptureQueriesContext(database) as queries:
        for number in range(50):
            agent = SCANNERS[number % len(SCANNERS)]
            scanner = Browser(REMOTE_ADDR=f"203.0.113.{number}", HTTP_USER_AGENT=agent)
            for method in ("get", "head", "options"):
                for path in (link(ticket), RESET, DONE):
                    statuses.add(getattr(scanner, method)(path).status_code)
                    if number % 2:
                        scanner.cookies.clear()
    assert statuses == {200, 302, 404}
    assert queries.captured_queries
    writes = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
    assert writes == []
    assert ResetTicket.objects.values().get() == before

    follow(ticket)
    assert submit(NEW_PASSWORD)["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


def test_mailed_link_needs_no_database(client, ticket, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get(link(ticket))


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading_is_allowed_on_a_link(client, ticket, jane, method, caplog):
    response = getattr(client, method)(link(ticket), {"action": "decline"})
    assert response.status_code == 405
    assert caplog.messages == [
        f"Method Not Allowed ({method.upper()}): /dbconnections/reset/<str:token>"
    ]
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert ResetTicket.objects.open().count() == 1


def test_browser_without_cookies_is_told_so(client, ticket):
    client.get(link(ticket))
    client.cookies.clear()
    response = client.get(RESET)
    assert response.status_code == 404
    assert "allow them for this site" in parse(response).text
    client.cookies[COOKIE] = "x"
    assert "allow them for this site" not in parse(client.get(RESET)).text
