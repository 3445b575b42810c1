"""Forms that nobody can read: a page of the flow says so, and nothing was changed."""

from typing import Any

import pytest
from django.test import Client as Browser

from dbconnections.models import ResetTicket
from tests.pages.html import hidden_fields, parse
from tests.pages.person import COOKIE, DONE, NEW_PASSWORD, RESET, is_unchanged, link

FORM = "application/x-www-form-urlencoded"
ASK = "/dbconnections/change_password/form?client_id=demo"
FIELDS = f"action=set&new_password1={NEW_PASSWORD}&new_password2={NEW_PASSWORD}&email=a@b.example"
PROBLEM = "The form is not valid or has too many fields."

# Content type and body
MALFORMED = {
    "UTF-16": (f"{FORM}; charset=utf-16", FIELDS.encode("utf-16")),
    "Latin-1": (f"{FORM}; charset=iso-8859-1", FIELDS.encode()),
    "UTF-8 that says it is not": (f"{FORM}; charset=utf-16", FIELDS.encode()),
    "no boundary": ("multipart/form-data", FIELDS.encode()),
    "boundary that is none": ("multipart/form-data; boundary=\xe9", FIELDS.encode()),
}

# Django itself fails where there is a query to read by it.
NO_ENCODING_OF_TEXT = ("multipart/form-data; boundary=x; charset=rot13", FIELDS.encode())

malformed = pytest.mark.parametrize(("content_type", "body"), MALFORMED.values(), ids=MALFORMED)


class Strict(Browser):
    """A browser whose forms are checked, and are sent as they are."""

    def send(self, address: str, content_type: str, body: bytes) -> Any:
        return self.generic("POST", address, body, content_type=content_type)


@pytest.fixture
def browser() -> Strict:
    return Strict(enforce_csrf_checks=True)


def assert_page(response) -> None:
    assert response.status_code == 400
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
    assert PROBLEM in parse(response).text


@pytest.mark.parametrize(("content_type", "body"), [*MALFORMED.values(), NO_ENCODING_OF_TEXT])
def test_form_of_a_link_that_cannot_be_read(browser, ticket, jane, content_type, body):
    browser.get(link(ticket), follow=True)
    response = browser.send(RESET, content_type, body)
    assert_page(response)
    assert is_unchanged(jane)
    # The page that says so has the form once more, which works.
    fields = hidden_fields(response) | {
        "new_password1": NEW_PASSWORD,
        "new_password2": NEW_PASSWORD,
    }
    assert browser.post(RESET, fields)["Location"] == DONE


@malformed
def test_form_without_a_link_that_cannot_be_read(browser, db, content_type, body):
    browser.cookies["csrftoken"] = "x" * 32
    response = browser.send(RESET, content_type, body)
    assert response.status_code == 404
    assert parse(response).title == "This link does not work"
    assert COOKIE not in browser.cookies


@malformed
def test_form_to_ask_that_cannot_be_read(browser, connection, content_type, body):
    browser.cookies["csrftoken"] = "x" * 32
    response = browser.send(ASK, content_type, body)
    assert_page(response)
    assert not ResetTicket.objects.exists()
    fields = hidden_fields(response) | {"email": "jane@example.com"}
    assert browser.post(ASK, fields).status_code == 302


@malformed
def test_form_to_ask_nobody_that_cannot_be_read(browser, db, content_type, body):
    browser.cookies["csrftoken"] = "x" * 32
    response = browser.send(ASK, content_type, body)
    assert response.status_code == 404
    assert parse(response).title == "This address is incomplete"


@malformed
@pytest.mark.parametrize("name", ["link", "done", "sent"])
def test_page_without_a_form_takes_none(browser, ticket, name, content_type, body):
    browser.cookies["csrftoken"] = "x" * 32
    address = {
        "link": link(ticket),
        "done": DONE,
        "sent": ASK.replace("/form?", "/form/sent?"),
    }[name]
    assert browser.send(address, content_type, body).status_code == 405
