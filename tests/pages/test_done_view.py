"""The last page: success, and the way back to the application."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from dbconnections import tickets
from dbconnections.models import ResetTicket
from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET, is_unchanged

MESSAGE = "You can now login to the application with the new password."
PARAMETERS = (
    "success=true&message=You%20can%20now%20login%20to%20the%20application%20with%20the%20new"
    "%20password."
)


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


@pytest.mark.parametrize(
    ("result_url", "target"),
    [
        ("https://app.example.com/#/login", f"https://app.example.com/#/login?{PARAMETERS}"),
        ("https://app.example.com/#/?a=1", f"https://app.example.com/#/?a=1&{PARAMETERS}"),
        ("https://app.example.com/", f"https://app.example.com/#/?{PARAMETERS}"),
    ],
)
def test_way_back_of_an_application_with_hash_routes(finish, app, result_url, target):
    app.result_url = result_url
    app.result_url_parameters = "fragment"
    app.full_clean()
    app.save()
    assert parse(finish()).one("a")["href"] == target


# What is told there


@pytest.fixture
def told(finish, client, app, ticket):
    """Return a function that sets a password and gives the parameters of the way back."""
    ticket.organization = "org_1"
    ticket.save()

    def told(**fields):
        for name, value in ({"result_url": "https://app.example.com/"} | fields).items():
            setattr(app, name, value)
        app.save()
        return parse_qs(urlsplit(parse(finish()).all("a")[0]["href"]).query)

    return told


def test_neither_address_nor_organization_is_told_unless_the_client_asks(told):
    assert set(told()) == {"success", "message"}


def test_address_is_told_to_a_client_that_asks(told):
    assert told(result_url_email=True)["email"] == ["jane@example.com"]


def test_organization_is_told_to_a_client_that_asks(told):
    assert told(result_url_organization=True)["organization_id"] == ["org_1"]


def test_address_is_not_told_for_ever(told, client):
    told(result_url_email=True)
    for minutes, is_told in ((14, True), (16, False)):
        ResetTicket.objects.update(used_at=timezone.now() - timedelta(minutes=minutes))
        assert ("email=" in parse(client.get(DONE)).all("a")[0]["href"]) is is_told


@pytest.mark.parametrize("hosts", [[], ["other.example.com"]])
def test_ticket_leads_where_only_the_settings_of_today_let_it(finish, app, ticket, settings, hosts):
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"RESULT_URL_HOSTS": hosts}
    app.result_url = "https://app.example.com/"
    app.save()
    ticket.result_url = "https://other.example.com/x"
    ticket.save()
    host = "other" if hosts else "app"
    assert urlsplit(parse(finish()).one("a")["href"]).netloc == f"{host}.example.com"


# Leading back unasked


@pytest.fixture
def forwarding(app):
    app.result_url = "https://app.example.com/login"
    app.result_url_forwards = True
    app.save()
    return app


def test_page_stays_unless_the_client_wants_otherwise(finish, app):
    app.result_url = "https://app.example.com/login"
    app.save()
    response = finish()
    assert "Refresh" not in response
    assert "seconds" not in parse(response).text


def test_page_leads_back_after_time_to_read(finish, forwarding):
    response = finish()
    assert response["Refresh"] == f"20; url=https://app.example.com/login?{PARAMETERS}"
    page = parse(response)
    assert page.all("a")[0]["href"] == f"https://app.example.com/login?{PARAMETERS}"
    said = page.one("p", role="status")
    assert "You will be taken there in 20 seconds." in said.text
    assert page.all("a")[1]["href"] == f"{DONE}?stay"


def test_person_may_stay(finish, client, forwarding):
    stay = parse(finish()).all("a")[1]["href"]
    response = client.get(stay)
    assert response.status_code == 200
    assert "Refresh" not in response
    page = parse(response)
    assert page.one("a").text == "Continue to Acme Notes"
    assert not page.all("p", role="status")


def test_page_seen_later_leads_nowhere_by_itself(finish, client, forwarding):
    finish()
    for minutes, leads in ((14, True), (16, False)):
        ResetTicket.objects.update(used_at=timezone.now() - timedelta(minutes=minutes))
        assert ("Refresh" in client.get(DONE)) is leads


def test_without_a_way_back_nothing_leads_anywhere(finish, forwarding):
    forwarding.result_url = ""
    forwarding.save()
    assert "Refresh" not in finish()


@pytest.mark.parametrize("parameters", ["query", "fragment"])
def test_header_holds_an_address_in_ascii(finish, forwarding, parameters):
    forwarding.result_url = "https://app.example.com/größe;a=1?b=%20#/ü"
    forwarding.result_url_parameters = parameters
    forwarding.full_clean()
    forwarding.save()
    header = finish()["Refresh"]
    assert header.startswith("20; url=https://app.example.com/gr%C3%B6%C3%9Fe;a=1?b=%20")
    assert header.isascii()
    assert "#/%C3%BC" in header
