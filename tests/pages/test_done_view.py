"""The last page: success, and the way back to the application."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from dbconnections import tickets
from dbconnections.models import ResetTicket
from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET, is_unchanged

MESSAGE = "You can now login to the application with the new password."
PARAMETERS = "success=true&message=" + MESSAGE.replace(" ", "%20")


@pytest.fixture
def finish(client, follow, submit, ticket):
    """Return a function that sets a new password and returns the last page."""

    def finish():
        follow(ticket)
        submit(NEW_PASSWORD)
        return client.get(DONE)

    return finish


def test_success_is_told(finish):
    response = finish()
    assert response.status_code == 200
    page = parse(response)
    assert page.title == "Your new password is set"
    assert "log in with your new password" in page.text
    assert not page.all("form")


@pytest.mark.parametrize(
    ("result_url", "target"),
    [
        ("https://app.example.com", f"https://app.example.com?{PARAMETERS}"),
        ("https://app.example.com/", f"https://app.example.com/?{PARAMETERS}"),
        ("https://app.example.com/login", f"https://app.example.com/login?{PARAMETERS}"),
        ("https://app.example.com/login?", f"https://app.example.com/login?{PARAMETERS}"),
        ("https://app.example.com/?a=1&b=%2F", f"https://app.example.com/?a=1&b=%2F&{PARAMETERS}"),
        ("https://app.example.com/#/home", f"https://app.example.com/?{PARAMETERS}#/home"),
        ("https://app.example.com/?a=1#b?c=2", f"https://app.example.com/?a=1&{PARAMETERS}#b?c=2"),
        ("http://localhost:3000/x", f"http://localhost:3000/x?{PARAMETERS}"),
    ],
)
def test_way_back_carries_success_and_message_before_any_fragment(finish, app, result_url, target):
    app.result_url = result_url
    app.full_clean()
    app.save()
    [back] = parse(finish()).all("a")
    assert back["href"] == target
    assert back.text == "Continue to Acme Notes"
    query = parse_qs(urlsplit(target).query)
    assert query["success"] == ["true"]
    assert query["message"] == [MESSAGE]


def test_way_back_holds_nothing_of_the_ticket(finish, app, ticket):
    app.result_url = "https://app.example.com/login"
    app.save()
    html = finish().text
    for secret in (str(ticket.pk), ticket.pk.hex, "jane@example.com", NEW_PASSWORD):
        assert secret not in html


def test_way_back_names_no_organization_that_a_stranger_made_up(finish, app, ticket):
    app.result_url = "https://app.example.com/login"
    app.save()
    ResetTicket.objects.update(organization="org_evil")
    assert "org_evil" not in finish().text


def test_without_a_way_back_nothing_is_linked(finish):
    page = parse(finish())
    assert not page.all("a")
    assert "You can close this page" in page.text


def test_page_may_be_loaded_again(client, finish):
    finish()
    assert client.get(DONE).status_code == 200
    assert parse(client.get(RESET)).title == "This link has already been used"


def test_without_a_link_there_is_no_success(client, db):
    response = client.get(DONE)
    assert response.status_code == 302
    assert response["Location"] == RESET


def test_before_the_password_is_set_there_is_no_success(client, follow, ticket, jane):
    follow(ticket)
    response = client.get(DONE)
    assert response.status_code == 302
    assert response["Location"] == RESET
    assert is_unchanged(jane)


@pytest.mark.parametrize(
    "end",
    [
        lambda ticket: tickets.revoke(ticket.pk, "declined"),
        lambda ticket: ResetTicket.objects.update(expires_at=timezone.now()),
        lambda ticket: ticket.delete(),
    ],
)
def test_dead_link_is_no_success(client, follow, ticket, end):
    follow(ticket)
    end(ticket)
    assert client.get(DONE)["Location"] == RESET


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading_is_allowed(client, db, method):
    response = getattr(client, method)(DONE)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, OPTIONS"
