"""Forms sent by other sites, and what the pages need of sessions: nothing."""

import logging

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.middleware.csrf import get_token
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils.crypto import get_random_string

from dbconnections import links
from dbconnections.models import ResetTicket
from tests.pages.html import hidden_fields, parse
from tests.pages.person import (
    COOKIE,
    DONE,
    GIVEN_PASSWORD,
    NEW_PASSWORD,
    RESET,
    has_password,
    is_unchanged,
    link,
)

FORMS = {
    "set": {"action": "set", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    "confirm": {"action": "set"},
    "decline": {"action": "decline"},
}
WITHOUT_CSRF = [name for name in django_settings.MIDDLEWARE if "csrf" not in name.lower()]
assert len(WITHOUT_CSRF) == len(django_settings.MIDDLEWARE) - 1

every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
every_middleware = pytest.mark.parametrize(
    "middleware",
    [django_settings.MIDDLEWARE, WITHOUT_CSRF, []],
    ids=["with the middleware", "without the middleware", "without any middleware"],
)


@pytest.fixture
def strict() -> Browser:
    """A browser whose forms are checked."""
    return Browser(enforce_csrf_checks=True)


def someone_elses_token():
    return get_token(RequestFactory().get("/"))


@every_middleware
@every_form
@pytest.mark.parametrize("token", [None, "", "x" * 64, "another person's"])
def test_form_without_its_token_is_refused(
    strict, sealed_ticket, jane, settings, middleware, form, token
):
    settings.MIDDLEWARE = middleware
    fields = hidden_fields(strict.get(link(sealed_ticket), follow=True)) | form
    del fields["csrfmiddlewaretoken"]
    if token is not None:
        is_other = token == "another person's"
        fields["csrfmiddlewaretoken"] = someone_elses_token() if is_other else token
    assert strict.post(RESET, fields).status_code == 403
    assert is_unchanged(jane)
    assert ResetTicket.objects.open().exists()


@every_middleware
def test_form_with_its_token_is_taken(strict, sealed_ticket, jane, settings, middleware):
    settings.MIDDLEWARE = middleware
    page = strict.get(link(sealed_ticket), follow=True)
    response = strict.post(RESET, hidden_fields(page))
    assert response["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


@every_middleware
def test_decline_with_its_token_is_taken(strict, ticket, settings, middleware):
    settings.MIDDLEWARE = middleware
    page = strict.get(link(ticket), follow=True)
    strict.post(RESET, {"action": "decline"} | hidden_fields(page))
    assert ResetTicket.objects.get().revoked_at


@every_middleware
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver:81"])
def test_form_from_another_origin_is_refused(
    strict, sealed_ticket, jane, settings, middleware, origin
):
    settings.MIDDLEWARE = middleware
    fields = hidden_fields(strict.get(link(sealed_ticket), follow=True))
    assert strict.post(RESET, fields, headers={"Origin": origin}).status_code == 403
    assert is_unchanged(jane)


@every_middleware
@every_form
def test_person_whose_token_has_changed_gets_the_form_once_more(
    strict, sealed_ticket, jane, settings, middleware, form
):
    """As a log-in in another tab does."""
    settings.MIDDLEWARE = middleware
    stale = hidden_fields(strict.get(link(sealed_ticket), follow=True))
    strict.cookies["csrftoken"] = get_random_string(32)
    refused = strict.post(RESET, stale | form)
    assert refused.status_code == 403
    assert "Try once more." in parse(refused).text
    assert refused["Cache-Control"].startswith("max-age=0")
    assert "frame-ancestors 'none'" in refused["Content-Security-Policy"]
    assert is_unchanged(jane)
    taken = strict.post(RESET, hidden_fields(refused))
    assert taken["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


@every_middleware
def test_person_whose_cookie_is_gone_gets_one_with_the_form(
    strict, sealed_ticket, jane, settings, middleware
):
    settings.MIDDLEWARE = middleware
    stale = hidden_fields(strict.get(link(sealed_ticket), follow=True))
    del strict.cookies["csrftoken"]
    refused = strict.post(RESET, stale)
    assert refused.status_code == 403
    assert strict.post(RESET, hidden_fields(refused))["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


@pytest.fixture
def refusals(caplog):
    """Return a function that returns what Django's logger for such refusals was told."""

    def refusals() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "django.security.csrf"]

    return refusals


@every_middleware
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "CSRF token missing."),
        (
            {"Origin": "https://evil.example"},
            "Origin checking failed - https://evil.example does not match any trusted origins.",
        ),
        (
            {"Origin": "https://evil.example\x1b[31m/a b?c"},
            "Origin checking failed - https://evil.example[31m does not match any trusted origins.",
        ),
    ],
)
def test_refusal_is_logged_as_django_does(
    strict, sealed_ticket, settings, middleware, headers, reason, refusals
):
    settings.MIDDLEWARE = middleware
    strict.get(link(sealed_ticket), follow=True)
    strict.post(RESET, {"action": "set"}, headers=headers)
    [record] = refusals()
    assert record.levelname == "WARNING"
    assert record.status_code == 403
    assert record.getMessage() == f"Forbidden ({reason}): {RESET}"


def test_refusal_of_the_page_to_ask_is_logged(strict, connection, refusals):
    asking = "/dbconnections/change_password/form"
    strict.post(f"{asking}?client_id=demo", {"email": "jane@example.com"})
    [record] = refusals()
    assert record.getMessage() == f"Forbidden (CSRF cookie not set.): {asking}"


def test_form_that_is_taken_is_not_logged(strict, sealed_ticket, refusals):
    page = strict.get(link(sealed_ticket), follow=True)
    assert strict.post(RESET, hidden_fields(page))["Location"] == DONE
    assert refusals() == []


def test_log_of_a_refusal_holds_no_token(strict, sealed_ticket, refusals):
    """Neither that of the link, in an address or a referrer, nor that of the form, nor a cookie."""
    address = link(sealed_ticket)
    fields = hidden_fields(strict.get(address, follow=True, secure=True))
    # Over HTTPS, where Django judges, and quotes, the referrer.
    for referrer in (
        f"https://jane:secret@evil.example{address}",
        f"https://evil.example?{address}",
    ):
        for where in (RESET, address):
            strict.post(where, fields, secure=True, headers={"Referer": referrer})
    secrets = [
        *(links.make_token(sealed_ticket.pk), fields["csrfmiddlewaretoken"], "secret@"),
        *(cookie.value for cookie in strict.cookies.values()),
    ]
    records = refusals()
    assert len(records) == 4
    for record in records:
        assert "https://evil.example does not match" in record.getMessage()
        assert not [secret for secret in secrets if secret in str(vars(record))]
        assert not hasattr(record, "request"), "which holds them all"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("address", [RESET, DONE])
def test_other_methods_are_refused_as_such(strict, ticket, method, address):
    strict.get(link(ticket), follow=True)
    response = getattr(strict, method)(address)
    assert response.status_code == 405
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_form_as_a_browser_sends_it_over_https_is_taken(strict, sealed_ticket, jane):
    page = strict.get(link(sealed_ticket), follow=True, secure=True)
    headers = {"Origin": "https://testserver", "Referer": "https://testserver" + RESET}
    assert strict.post(RESET, hidden_fields(page), secure=True, headers=headers)["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


def test_token_of_one_persons_page_is_of_no_use_to_another(sealed_ticket, jane):
    person, attacker = Browser(enforce_csrf_checks=True), Browser(enforce_csrf_checks=True)
    fields = hidden_fields(attacker.get(link(sealed_ticket), follow=True))
    person.get(link(sealed_ticket), follow=True)
    assert person.post(RESET, fields).status_code == 403
    assert is_unchanged(jane)


def test_every_form_of_a_page_has_the_token(follow, ticket):
    page = parse(follow(ticket))
    assert len(page.all("form")) == len(page.all("input", name="csrfmiddlewaretoken")) == 2
    assert {(form["method"], form["action"]) for form in page.all("form")} == {("post", RESET)}


# Sessions


def test_nobody_is_logged_in_and_no_session_is_begun(client, follow, submit, ticket):
    follow(ticket)
    submit(NEW_PASSWORD)
    client.get(DONE)
    assert set(client.cookies) == {COOKIE, "csrftoken"}
    assert not Session.objects.exists()
    assert SESSION_KEY not in client.session


def test_planted_session_is_left_alone(client, follow, submit, ticket, jane):
    client.cookies["sessionid"] = planted = "planted0planted0planted0planted0"
    follow(ticket)
    submit(NEW_PASSWORD)
    client.get(DONE)
    assert has_password(jane, NEW_PASSWORD)
    assert client.cookies["sessionid"].value == planted
    assert not Session.objects.exists()


def test_someone_else_logged_in_stays_logged_in(client, follow, submit, ticket, admin_user, jane):
    client.force_login(admin_user)
    follow(ticket)
    submit(NEW_PASSWORD)
    client.get(DONE)
    assert client.session[SESSION_KEY] == str(admin_user.pk)
    assert has_password(jane, NEW_PASSWORD)


def test_sessions_of_the_old_password_end(client, follow, submit, ticket, jane, admin_user):
    jane.is_staff = True
    jane.save()
    elsewhere = Browser()
    elsewhere.force_login(jane)
    assert elsewhere.get("/admin/").status_code == 200
    follow(ticket)
    submit(NEW_PASSWORD)
    assert elsewhere.get("/admin/").status_code == 302


@pytest.mark.parametrize("same_site", ["Strict", "Lax", "None"])
def test_flow_works_whatever_the_sites_cookies_are(
    strict, sealed_ticket, jane, settings, same_site
):
    settings.SESSION_COOKIE_SAMESITE = settings.CSRF_COOKIE_SAMESITE = same_site
    page = strict.get(link(sealed_ticket), follow=True)
    assert strict.post(RESET, hidden_fields(page))["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)


def test_flow_works_with_csrf_tokens_in_the_session(strict, sealed_ticket, jane, settings):
    settings.CSRF_USE_SESSIONS = True
    page = strict.get(link(sealed_ticket), follow=True)
    assert strict.post(RESET).status_code == 403
    assert strict.post(RESET, hidden_fields(page))["Location"] == DONE
    assert has_password(jane, GIVEN_PASSWORD)
