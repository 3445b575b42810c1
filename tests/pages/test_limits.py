"""How many forms and guessed links one caller gets."""

import re

import pytest
from django.test import Client as Browser

from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET, has_password, is_unchanged, link


@pytest.fixture(autouse=True)
def three_tries(settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": "3/10 minutes"}


def test_too_many_forms_are_refused(follow, submit, ticket, jane):
    follow(ticket)
    assert [submit("weak").status_code for _ in range(4)] == [200, 200, 200, 429]
    response = submit(NEW_PASSWORD)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 601
    page = parse(response)
    assert page.title == "Please wait a little"
    assert not page.all("form")
    assert is_unchanged(jane)


def test_refused_form_is_not_a_decline(follow, submit, ticket, jane, settings):
    follow(ticket)
    for _ in range(3):
        submit("weak")
    assert submit(action="decline").status_code == 429
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": ""}
    assert submit(NEW_PASSWORD)["Location"] == DONE
    assert has_password(jane, NEW_PASSWORD)


def test_too_many_guessed_links_are_refused(client, db):
    statuses = [client.get(f"{RESET}guess{number}").status_code for number in range(5)]
    assert statuses == [404, 404, 404, 429, 429]


def test_guessing_with_head_counts_as_well(client, db):
    assert [client.head(f"{RESET}guess").status_code for _ in range(4)][-1] == 429


def test_guessed_links_leave_genuine_ones_and_forms_alone(client, follow, submit, ticket):
    """A page elsewhere can have a visitor's browser ask for links, as images."""
    for _ in range(5):
        client.get(f"{RESET}guess")
    assert follow(ticket).status_code == 200
    assert submit(NEW_PASSWORD)["Location"] == DONE


def test_looking_at_pages_is_not_counted(client, follow, submit, ticket):
    follow(ticket)
    for _ in range(10):
        client.get(link(ticket))
        client.get(RESET)
        client.get(DONE)
        client.options(RESET)
    assert submit(NEW_PASSWORD)["Location"] == DONE


def test_each_caller_has_tries_of_their_own(follow, submit, ticket):
    stranger = Browser(REMOTE_ADDR="203.0.113.9")
    for _ in range(5):
        stranger.post(RESET, {"action": "set"})
    follow(ticket)
    assert submit(NEW_PASSWORD)["Location"] == DONE


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"])
def test_caller_cannot_be_someone_else_by_a_header(db, header):
    callers = [Browser(**{header: f"203.0.113.{number}"}) for number in range(5)]
    assert [caller.get(f"{RESET}guess").status_code for caller in callers][-1] == 429


def test_empty_rate_switches_the_limit_off(client, db, settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": ""}
    assert {client.post(RESET).status_code for _ in range(50)} == {404}


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ("1/30 seconds", "Wait 1 minute,"),
        ("1/10 minutes", r"Wait 1[01] minutes,"),
        ("1/hour", r"Wait 6[01] minutes,"),
    ],
)
def test_page_says_how_long_to_wait(client, db, settings, rate, words):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "RATE_LIMIT_PAGES": rate}
    client.post(RESET)
    assert re.search(words, parse(client.post(RESET)).text)
