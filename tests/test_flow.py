"""The whole flow, as a person and an application see it."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import authenticate
from django.core import mail
from django.test import Client as Browser

from dbconnections.delivery import deliver_due
from dbconnections.models import Client, ResetTicket
from tests.factories import PASSWORD, UserFactory
from tests.pages.html import hidden_fields, parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET
from tests.support.mail import link_in
from tests.support.time import let_pass

SENTENCE = "We've just sent you an email to reset your password."
GIVEN = {"client_id": "demo-lock8", "password": "given-kettle-77"}


def follow(browser, message):
    """Follow the link of a mail to its page."""
    link = urlsplit(link_in(message))
    assert link.scheme + "://" + link.netloc == "https://login.example.com"
    return browser.get(link.path, follow=True)


def submit(browser, **fields):
    """Submit the form of the page, as it is in its HTML."""
    page = parse(browser.get(RESET))
    form = page.all("form")[0]
    named = [element for element in form.inside if element.tag in {"input", "button"}]
    filled_in = {element["name"]: element.attributes.get("value") or "" for element in named}
    return browser.post(form["action"], filled_in | fields, follow=True)


def can_log_in(password, username="jane"):
    return authenticate(username=username, password=password) is not None


@pytest.fixture
def person() -> Browser:
    """The browser of whoever reads the mail, another than the one that asked."""
    return Browser(enforce_csrf_checks=True)


def test_new_password(ask, person, jane, app):
    app.result_url = "https://app.example.com/login#start"
    app.save()
    response = ask()
    assert (response.status_code, response.json()) == (200, SENTENCE)
    assert not mail.outbox

    assert deliver_due() == {"sent": 1}
    [message] = mail.outbox
    assert message.to == ["jane@example.com"]
    assert message.subject == "Change your password for Acme Notes"

    assert parse(follow(person, message)).title == "Set a new password"
    assert can_log_in(PASSWORD)
    page = submit(person, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert page.redirect_chain == [(DONE, 302)]
    assert parse(page).one("a")["href"].startswith("https://app.example.com/login?success=true&")
    assert can_log_in(NEW_PASSWORD)
    assert not can_log_in(PASSWORD)

    assert deliver_due() == {"notified": 1}
    assert mail.outbox[1].to == ["jane@example.com"]
    assert mail.outbox[1].subject == "Your password for Acme Notes was changed"
    assert follow(Browser(), message).status_code == 410
    assert deliver_due() == {}


@pytest.mark.parametrize(
    ("confirmation", "typed"),
    [("button", {}), ("retype", {"password": GIVEN["password"]})],
)
def test_given_password(ask, person, jane, legacy_app, confirmation, typed):
    Client.objects.filter(pk=legacy_app.pk).update(confirmation=confirmation)
    assert ask(**GIVEN).json() == SENTENCE
    deliver_due()
    assert GIVEN["password"] not in mail.outbox[0].message().as_string()
    assert parse(follow(person, mail.outbox[0])).title == "Confirm your new password"
    assert can_log_in(PASSWORD)
    assert parse(submit(person, **typed)).title == "Your new password is set"
    assert can_log_in(GIVEN["password"])
    assert deliver_due() == {"notified": 1}


def test_given_password_of_somebody_else(ask, person, jane, legacy_app):
    ask(**GIVEN)
    deliver_due()
    follow(person, mail.outbox[0])
    submit(person, action="decline")
    assert follow(Browser(), mail.outbox[0]).status_code == 410
    assert can_log_in(PASSWORD)
    assert not can_log_in(GIVEN["password"])
    assert ResetTicket.objects.get().sealed_password == ""
    assert deliver_due() == {}


def test_given_password_that_resembles_what_only_the_account_tells(ask, person, jane, legacy_app):
    """The answer does not say so, the page does."""
    jane.last_name = "Wanderlust"
    jane.save()
    assert ask(**GIVEN | {"password": "wanderlust1"}).json() == SENTENCE
    deliver_due()
    follow(person, mail.outbox[0])
    page = parse(submit(person))
    assert page.title == "Set a new password"
    assert "too similar to the last name" in page.text
    submit(person, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert can_log_in(NEW_PASSWORD)


def test_password_that_is_not_allowed(ask, jane):
    response = ask(password="given-kettle-77")
    assert (response.status_code, response.json()["error"]) == (400, "password is not allowed")
    assert deliver_due() == {}


def test_address_without_an_account(ask, jane):
    known, unknown = ask(), ask(email="nobody@example.com")
    assert known.content == unknown.content
    assert deliver_due() == {"sent": 1, "no_account": 1}
    assert [message.to for message in mail.outbox] == [["jane@example.com"]]


def test_newest_link_alone_works(ask, person, jane):
    for _ in range(2):
        ask()
        deliver_due()
        let_pass(timedelta(minutes=2))
    older, newer = mail.outbox
    assert parse(follow(person, older)).title == "There is a newer link"
    follow(person, newer)
    submit(person, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    assert can_log_in(NEW_PASSWORD)


def test_two_accounts_of_one_address(ask, jane):
    UserFactory(username="work", email="jane@example.com")
    ask()
    assert deliver_due() == {"sent": 2}
    for message, username in zip(mail.outbox, ("jane", "work"), strict=True):
        assert username in message.body
        person, password = Browser(enforce_csrf_checks=True), f"{NEW_PASSWORD}-{username}"
        follow(person, message)
        submit(person, new_password1=password, new_password2=password)
        assert can_log_in(password, username)


def test_link_switched_off_while_its_page_is_open(ask, person, jane, app):
    ask()
    deliver_due()
    follow(person, mail.outbox[0])
    fields = hidden_fields(person.get(RESET))
    Client.objects.update(is_active=False)
    fields |= {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert person.post(RESET, fields).status_code == 410
    assert can_log_in(PASSWORD)
