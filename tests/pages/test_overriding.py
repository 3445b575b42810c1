"""A site with templates of its own."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages.html import parse
from tests.pages.person import DONE, NEW_PASSWORD, has_password


@pytest.fixture
def write(settings, tmp_path: Path) -> Callable[[str, str], None]:
    """Return a function that gives the site a template."""
    settings.TEMPLATES = copy.deepcopy(settings.TEMPLATES)
    settings.TEMPLATES[0]["DIRS"] = [tmp_path]

    def write(name: str, text: str) -> None:
        path = tmp_path / "dbconnections" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return write


def test_block_of_the_base_is_on_every_page(client, follow, submit, write, ticket, jane):
    write(
        "base.html",
        '{% extends "dbconnections/base.html" %}'
        '{% block header %}<img src="/static/logo.svg" alt="Acme">{% endblock %}'
        "{% block footer %}<footer>Acme Inc., {{ page.application }}</footer>{% endblock %}",
    )
    answers = [follow(ticket), submit("weak")]
    submit(NEW_PASSWORD)
    answers += [client.get(DONE), client.get("/dbconnections/reset/x")]
    for answer in answers:
        page = parse(answer)
        assert page.one("img")["alt"] == "Acme"
        assert page.one("footer").text.startswith("Acme Inc., ")
        assert not page.all("header")
        assert page.title
    assert has_password(jane, NEW_PASSWORD)


def test_style_sheet_may_be_added(follow, write, ticket):
    write(
        "base.html",
        '{% extends "dbconnections/base.html" %}{% load static %}{% block head %}'
        '<link rel="stylesheet" nonce="{{ csp_nonce }}" href="{% static \'acme.css\' %}">'
        "{% endblock %}",
    )
    response = follow(ticket)
    sheet = parse(response).one("link", rel="stylesheet")
    assert sheet["href"] == "/static/acme.css"
    assert f"style-src 'nonce-{sheet['nonce']}';" in response["Content-Security-Policy"]


def test_style_may_be_added_to(follow, write, ticket):
    write(
        "base.html",
        '{% extends "dbconnections/base.html" %}'
        "{% block style %}{{ block.super }} :root { --round: 0 }{% endblock %}",
    )
    style = parse(follow(ticket)).one("style").text
    assert "--accent: #" in style
    assert style.endswith(":root { --round: 0 }")


def test_style_may_be_the_sites_own(follow, write, ticket):
    write("_style.css", "h1 { color: {{ brand.accent }} }")
    assert parse(follow(ticket)).one("style").text == "h1 { color: #3d63dd }"


def test_one_page_may_be_the_sites_own(client, follow, submit, write, ticket):
    write("done.html", "<h1>All set, {{ page.account }}: {{ return_url }}</h1>")
    ticket.client.result_url = "https://app.example.com/"
    ticket.client.save()
    assert parse(follow(ticket)).title == "Set a new password"
    submit(NEW_PASSWORD)
    assert parse(client.get(DONE)).title.startswith(
        "All set, j•••@example.com: https://app.example.com/?success=true&message="
    )


def test_headers_stay(follow, write, ticket):
    write("new_password.html", "<h1>Acme</h1>")
    response = follow(ticket)
    assert parse(response).title == "Acme"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
