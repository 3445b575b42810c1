"""Markup in every name a stranger or an administrator may choose stays text."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dbconnections import tickets
from dbconnections.models import Client, Connection, ResetTicket
from tests.factories import MailedTicketFactory
from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, RESET

PAYLOADS = [
    "<b>\"'&{{ x }}{% now %}</b>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-' onfocus=alert(1) autofocus",
    "{% load static %}{% debug %}{{ settings.SECRET_KEY }}",
    "{{ page }}{# #}&lt;b&gt;",
    "</bdi></main></body><!--",
    "<svg/onload=alert(1)>\u202e",
    "%(application)s %s {0} ${x}",
]

HARMLESS = "Acme"

ENDED = {
    "superseded": {"superseded_at": timezone.now()},
    "expired": {"expires_at": timezone.now() - timedelta(days=1)},
    "changed": {"fingerprint": "x"},
    "closed": {"account": "0"},
}


@pytest.fixture
def pages(client, follow, submit, seal, app, legacy_app, connection, jane, settings):
    """Return a function that gives every page as it looks with this text for all names."""

    def pages(text):
        Client.objects.update(name=text[:100], confirmation="button")
        Connection.objects.update(name=text)
        jane.email = jane.username = f'{text}"@example.com'
        jane.save()
        fields = {"user": jane, "sent_to": f"jane@{text}", "user_agent": text, "organization": text}

        choose = MailedTicketFactory(client=app, connection=connection, **fields)
        got = {"new password": follow(choose), "weak": submit(text, text + "x")}
        confirm = seal("12345", **fields)
        got["confirm"] = follow(confirm)
        got["refused password"] = submit()
        Client.objects.update(confirmation="retype")
        got["retype"] = follow(confirm)
        got["wrong retype"] = submit(password=text)
        got["declined"] = submit(action="decline")
        got["revoked"] = client.get(RESET)
        follow(choose)
        submit(NEW_PASSWORD)
        got["done"] = client.get(DONE)
        got["used"] = client.get(RESET)
        jane.refresh_from_db()
        for state, columns in ENDED.items():
            ended = MailedTicketFactory(client=app, connection=connection, **fields)
            ResetTicket.objects.filter(pk=ended.pk).update(**columns)
            got[state] = follow(ended)
        return got

    return pages


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_add_no_element_to_any_page(pages, payload):
    harmless, harmful = pages(HARMLESS), pages(payload)
    for name, response in harmful.items():
        page = parse(response)
        assert page.shape == parse(harmless[name]).shape, name
        assert payload in page.one("title").text, name
        assert payload in page.one("header").text, name
    assert f"j•••@{payload}" in parse(harmful["new password"]).text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_address_with_markup_adds_nothing(client, payload, db):
    """Neither a link nor its query comes back on the page that says it is unknown."""
    page = parse(client.get(RESET + "x", {"next": payload, "message": payload}))
    assert page.shape == parse(client.get(RESET + "x")).shape
    assert payload not in page.text


def test_way_back_with_markup_stays_one_attribute(client, follow, submit, app, ticket):
    app.result_url = "https://app.example.com/?a=\"'><img/src=x/onerror=alert(1)>&lt;#\"'>"
    app.full_clean()
    app.save()
    follow(ticket)
    submit(NEW_PASSWORD)
    page = parse(client.get(DONE))
    assert not page.all("img")
    [back] = page.all("a")
    assert back["href"].startswith("https://app.example.com/?a=")
    assert set(back.attributes) == {"class", "href"}


def test_revoking_is_the_same_whoever_asks(follow, ticket):
    tickets.revoke(ticket.pk, "<script>alert(1)</script>")
    assert "alert" not in follow(ticket).text
