"""Whom a page is from, and from where it may load a logo."""

import pytest

from dbconnections.branding import brand_of
from dbconnections.models import Client, Connection
from tests.pages.person import RESET

STATIC = "example_project/icon.svg"
FOREIGN = "https://cdn.example.com/logo.png"


@pytest.fixture(autouse=True)
def site(settings):
    ours = {"BRANDING": {"name": "Acme", "logo": FOREIGN}, "LOGO_HOSTS": ["cdn.example.com"]}
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | ours


def test_pages_know_their_brand(client, follow, app, ticket):
    Client.objects.update(logo=STATIC)
    for response in (follow(ticket), client.post(RESET, {"action": "set"})):
        assert response.context["brand"].logo_url == f"/static/{STATIC}"
        assert response.context["brand"].name == response.context["page"]["application"] == app.name


def test_page_without_a_ticket_is_from_the_site(client, db):
    response = client.get(f"{RESET}unknown")
    assert response.context["brand"] == brand_of()
    assert response.context["page"]["application"] == "Acme"


def test_brand_costs_no_statement(client, follow, ticket, django_assert_max_num_queries):
    follow(ticket)
    Connection.objects.update(logo=STATIC, primary_color="#aa0000")
    with django_assert_max_num_queries(3):
        client.get(RESET)


@pytest.mark.parametrize(
    ("logo", "images"),
    [
        ("", "'self' https://cdn.example.com"),
        (STATIC, "'self'"),
        ("https://cdn.example.com/a/logo.png", "'self' https://cdn.example.com"),
        ("https://cdn.example.com:8443/logo.png?x=1", "'self' https://cdn.example.com:8443"),
        ("https://elsewhere.example/logo.png", "'self' https://cdn.example.com"),
    ],
)
def test_policy_names_the_host_of_the_logo_and_no_other(follow, ticket, logo, images):
    Client.objects.update(logo=logo)
    policy = follow(ticket)["Content-Security-Policy"].split("; ")
    assert f"img-src {images}" in policy
    assert ".example" not in " ".join(set(policy) - {f"img-src {images}"})


def test_answer_without_a_page_allows_no_foreign_image(client, ticket, follow):
    assert "cdn.example.com" not in client.put(RESET)["Content-Security-Policy"]
