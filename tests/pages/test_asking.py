"""The page to ask for a link: what it stores, what it counts, and what it never tells."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.db import OperationalError
from django.db import connection as database
from django.test import Client as Browser

from dbconnections import links, signals
from dbconnections.delivery import deliver_due
from dbconnections.models import Client, Connection, ResetTicket
from dbconnections.pages.asking import in_words
from dbconnections.prepared import PreparedInsert
from tests.factories import ClientFactory, ConnectionFactory, UserFactory
from tests.pages.html import hidden_fields, parse
from tests.pages.person import NEW_PASSWORD, Tab, has_password
from tests.support.signals import heard, receiving

FORM = "/dbconnections/change_password/form"
SENT = f"{FORM}/sent"
NAME = "Username-Password-Authentication"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NOT_KEPT = {"no-store", "no-cache", "private", "must-revalidate", "max-age=0"}

# What the endpoint refuses as an address as well.
NO_ADDRESSES = [
    *("jane", "jane@", "@example.com", "jane@example", "jane doe@example.com", "jane@exa mple.com"),
    *("jane@[192.0.2.1]", '"jane doe"@example.com', "=?utf-8?q?a?=@example.com"),
    *(
        "j\u0131ne@example.com",
        "jane@example.com\u200b",
        "ja\0ne@example.com",
        "jane@example.com,b@x",
    ),
    *("x" * 65 + "@example.com", "jane@" + "x." * 130 + "example"),
]


def address(client_id: str = "demo", connection: str = NAME, path: str = FORM) -> str:
    given = {"client_id": client_id, "connection": connection}
    return f"{path}?{urlencode({name: value for name, value in given.items() if value})}"


@pytest.fixture
def ask(client, connection):
    """Return a function that asks with the form, as a person would."""

    def ask(email: Any = "jane@example.com", where: str = address(), **extra: str) -> Any:
        return client.post(where, {"email": email}, **extra)

    return ask


@pytest.fixture
def refusals():
    """What receivers are told of refused requests."""
    with heard(signals.reset_refused) as told:
        yield told


# The form


def test_page_asks_for_an_address(client, connection):
    response = client.get(address())
    assert response.status_code == 200
    page = parse(response)
    assert page.title == "Get a new password"
    assert "Acme Notes" in page.text
    field = page.one("input", name="email")
    assert field["type"] == "email"
    assert field["autocomplete"] == "email"
    assert "value" not in field.attributes
    assert page.one("label", for_=field["id"]).text == "Email address"


def test_page_takes_no_address_from_its_own(client, connection):
    """An address in an address ends up in histories and logs."""
    response = client.get(f"{address()}&email=jane@example.com")
    assert "value" not in parse(response).one("input", name="email").attributes
    assert "jane" not in response.text


def test_looking_stores_nothing(client, connection, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert client.get(address()).status_code == 200
    assert client.head(address()).status_code == 200
    assert client.options(address()).status_code == 200
    assert not ResetTicket.objects.exists()


def test_person_without_an_address_at_hand_may_go_back(client, connection, app):
    app.result_url = "https://app.example.com/login"
    app.save()
    assert parse(client.get(address())).one("a")["href"] == "https://app.example.com/login"


# Asking


def test_asking_stores_what_the_endpoint_stores(ask, client, connection, jane):
    agent = {"HTTP_USER_AGENT": AGENT, "REMOTE_ADDR": "192.0.2.7"}
    ask(" jane@example.com ", HTTP_ACCEPT_LANGUAGE="de", **agent)
    body = {"client_id": "demo", "connection": NAME, "email": "jane@example.com"}
    url = "/dbconnections/change_password"
    client.post(url, body, content_type="application/json", HTTP_ACCEPT_LANGUAGE="de", **agent)
    other = {"id", "requested_at", "expires_at", "due_at"}
    by_form, by_endpoint = (
        {name: value for name, value in row.items() if name not in other}
        for row in ResetTicket.objects.order_by("requested_at").values()
    )
    assert by_form == by_endpoint
    assert by_form["email"] == "jane@example.com"
    assert by_form["language"] == "de"
    assert by_form["ip"] == "192.0.2.7"


def test_asking_is_one_select_and_one_insert(ask, django_assert_num_queries, jane):
    with django_assert_num_queries(2) as queries:
        ask()
    assert [query["sql"].split()[0] for query in queries.captured_queries] == ["SELECT", "INSERT"]


def test_person_gets_back_in(ask, client, jane):
    """From the form to a new password, with nothing but what a browser without scripts does."""
    response = ask()
    assert response.status_code == 302
    assert client.get(response["Location"]).status_code == 200
    deliver_due()
    ticket = ResetTicket.objects.get()
    assert links.mailed_url(ticket.pk) in mail.outbox[0].body
    tab = Tab(client)
    tab.follow(ticket)
    tab.submit(NEW_PASSWORD)
    assert has_password(jane, NEW_PASSWORD)


def test_loading_the_next_page_again_asks_for_nothing(ask, client):
    response = ask()
    assert response["Location"] == address(path=SENT)
    for _ in range(2):
        assert client.get(response["Location"]).status_code == 200
    assert ResetTicket.objects.count() == 1


def test_next_page_says_what_happens(client, connection):
    connection.ticket_lifetime = timedelta(minutes=90)
    connection.save()
    page = parse(client.get(address(path=SENT)))
    assert page.title == "Check your email"
    assert "Acme Notes" in page.text
    assert "once, for 1 hour, 30 minutes" in page.text
    assert "spam folder" in page.text
    assert page.one("a", href=address()).text == "Ask once more"


def without_nonce(text: str) -> str:
    """Return a page or a header without what is new in every answer."""
    return re.sub(r"(nonce[-=]\"?)[\w-]{22}", r"\1", text)


def test_known_and_unknown_get_the_same_answer(ask, client, jane):
    UserFactory(email="gone@example.com", is_active=False)
    answers = []
    for email in ("jane@example.com", "nobody@example.com", "gone@example.com"):
        response = ask(email)
        page = client.get(response["Location"])
        assert email not in page.text
        headers = {
            name: without_nonce(value)
            for name, value in response.items()
            if name != "Expires"  # now
        }
        answers.append((response.status_code, headers, without_nonce(page.text)))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("email", ["", " ", *NO_ADDRESSES])
def test_what_is_no_address_is_told(ask, email, refusals):
    response = ask(email)
    assert response.status_code == 200
    page = parse(response)
    assert page.one("title").text.startswith("Error: ")
    assert page.one("div", id="error-summary")
    assert page.one("a", href="#id_email").text.startswith("Type ")
    assert page.one("div", id="id_email_errors").text
    assert page.one("input", name="email")["aria-invalid"] == "true"
    assert not ResetTicket.objects.exists()
    assert [(said["stage"], said["reason"]) for said in refusals] == [
        ("request", "invalid_request")
    ]


@pytest.mark.parametrize("email", NO_ADDRESSES)
def test_endpoint_refuses_them_as_well(client, connection, email):
    body = {"client_id": "demo", "connection": NAME, "email": email}
    response = client.post("/dbconnections/change_password", body, content_type="application/json")
    assert response.status_code == 400


def test_two_addresses_are_none(ask):
    assert ask(["jane@example.com", "eve@example.com"]).status_code == 200
    assert not ResetTicket.objects.exists()


def test_what_was_typed_stays_in_the_field(ask):
    assert parse(ask("jane@")).one("input", name="email")["value"] == "jane@"


def test_form_of_another_site_is_refused(connection):
    browser = Browser(enforce_csrf_checks=True)
    assert browser.post(address(), {"email": "jane@example.com"}).status_code == 403
    assert not ResetTicket.objects.exists()
    form = hidden_fields(browser.get(address()))
    assert browser.post(address(), {"email": "jane@example.com"} | form).status_code == 302
    assert ResetTicket.objects.count() == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("is_strict", [False, True])
def test_other_methods_are_refused(connection, method, is_strict):
    browser = Browser(enforce_csrf_checks=is_strict)
    response = getattr(browser, method)(address(), "email=jane%40example.com")
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert not ResetTicket.objects.exists()


def test_busy_database_is_told_and_nothing_is_stored(ask, monkeypatch):
    def locked(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(PreparedInsert, "run", locked)
    response = ask()
    assert response.status_code == 503
    assert parse(response).one("a")["href"] == address()


@pytest.fixture
def atomic_requests(monkeypatch):
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.mark.django_db(transaction=True)
def test_site_that_wraps_requests_in_transactions(ask, client, jane, atomic_requests):
    seen = []

    def note(**kwargs):
        seen.append(database.in_atomic_block)

    with receiving(note, signals.reset_requested, signals.reset_refused):
        assert client.get(address()).status_code == 200
        assert ask("jane").status_code == 200
        response = ask()
    assert seen == [False, False]
    assert client.get(response["Location"]).status_code == 200
    assert deliver_due() == {"sent": 1}


@pytest.mark.django_db(transaction=True)
def test_what_was_stored_stays_though_the_answer_fails(ask, client, atomic_requests, monkeypatch):
    def fail(*args: str) -> None:
        raise RuntimeError

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(links, "asked_url", fail)
        assert ask().status_code == 500
    assert ResetTicket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_database_that_is_busy_for_a_moment_goes_unnoticed(ask, atomic_requests, monkeypatch):
    """Within a transaction of the request nothing could be tried again."""
    run, failures = PreparedInsert.run, iter([OperationalError("database is locked")] * 2)

    def give_up_twice(*args: Any, **kwargs: Any) -> None:
        for failure in failures:
            raise failure
        run(*args, **kwargs)

    monkeypatch.setattr(PreparedInsert, "run", give_up_twice)
    assert ask().status_code == 302
    assert ResetTicket.objects.count() == 1


# Which application


def test_connection_may_be_left_out_where_there_is_one(ask, client, connection):
    ConnectionFactory(name="Social", strategy="google-oauth2", clients=[Client.objects.get()])
    ConnectionFactory(name="Off", is_active=False, clients=[Client.objects.get()])
    assert client.get(address(connection="")).status_code == 200
    response = ask(where=address(connection=""))
    assert response["Location"] == address(path=SENT)
    assert ResetTicket.objects.get().connection == connection


def test_connection_that_asks_nobody_is_not_in_the_way(client, connection, app):
    ConnectionFactory(disable_self_service_change_password=True, clients=[app])
    assert client.get(address(connection="")).status_code == 200


UNKNOWN = {
    "no client": address(client_id=""),
    "unknown client": address(client_id="other"),
    "other case": address(client_id="DEMO"),
    "unknown connection": address(connection="Other"),
    "connection in other case": address(connection=NAME.upper()),
    "two clients": f"{FORM}?client_id=demo&client_id=demo",
    "two connections": f"{address()}&connection={NAME}x",
    "NUL": address(client_id="de\0mo"),
    "half a surrogate": f"{FORM}?client_id=%ed%a0%80",
    "markup": address(client_id="<script>"),
    "no name": address(connection="a b"),
}


@pytest.mark.parametrize("where", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("path", [FORM, SENT])
def test_address_that_names_nobody_is_told(client, connection, path, where):
    response = client.get(where.replace(FORM, path))
    assert response.status_code == 404
    page = parse(response)
    assert page.title == "This address is incomplete"
    assert not page.all("form")


@pytest.mark.parametrize("where", UNKNOWN.values(), ids=UNKNOWN)
def test_nobody_is_asked_at_such_an_address(ask, where, refusals):
    assert ask(where=where).status_code == 404
    assert not ResetTicket.objects.exists()
    [said] = refusals
    assert (said["stage"], said["reason"]) == ("request", "invalid_client")
    assert "\0" not in said["details"]["client_id"]


@pytest.mark.parametrize(
    "change",
    [
        lambda: Client.objects.update(is_active=False),
        lambda: Connection.objects.update(is_active=False),
        lambda: Connection.objects.update(strategy="google-oauth2"),
        lambda: Connection.objects.get().clients.clear(),
        lambda: ConnectionFactory(clients=[Client.objects.get()]),
    ],
    ids=["client off", "connection off", "no database", "not enabled", "one of two"],
)
def test_pair_that_does_not_serve_is_not_asked(ask, client, connection, change):
    change()
    assert client.get(address(connection="")).status_code == 404
    assert ask(where=address(connection="")).status_code == 404
    assert not ResetTicket.objects.exists()


@pytest.mark.parametrize("named", [NAME, ""])
def test_where_only_the_support_sends_links_the_page_says_so(ask, client, connection, named):
    connection.disable_self_service_change_password = True
    connection.support_email = "help@example.com"
    connection.save()
    where = address(connection=named)
    for response in (client.get(where), ask(where=where)):
        assert response.status_code == 403
        page = parse(response)
        assert page.title == "Contact support"
        assert "help@example.com" in page.text
        assert not page.all("form")
    assert not ResetTicket.objects.exists()


# Limits


@pytest.fixture
def limit(settings):
    def limit(**rates: str) -> None:
        settings.DBCONNECTIONS = settings.DBCONNECTIONS | rates

    return limit


def test_an_address_is_counted_together_with_the_endpoint(ask, client, limit, refusals):
    limit(RATE_LIMIT="3/10 minutes")
    body = {"client_id": "demo", "connection": NAME, "email": "Jane+x@example.com"}
    url = "/dbconnections/change_password"
    assert client.post(url, body, content_type="application/json").status_code == 200
    assert [ask().status_code for _ in range(3)] == [302, 302, 429]
    assert client.post(url, body, content_type="application/json").status_code == 429
    assert ask("other@example.com").status_code == 302
    assert ResetTicket.objects.count() == 4
    assert ("request", "too_many_requests") in [
        (said["stage"], said["reason"]) for said in refusals
    ]


def test_a_caller_is_counted_together_with_the_endpoint(ask, client, limit):
    limit(RATE_LIMIT_PER_IP="3/10 minutes")
    url = "/dbconnections/change_password"
    assert client.post(url, {}, content_type="application/json").status_code == 400
    assert [ask(f"{n}@example.com").status_code for n in range(3)] == [302, 302, 429]
    assert ResetTicket.objects.count() == 2


def test_wrong_addresses_are_counted_too(ask, limit):
    limit(RATE_LIMIT_PER_IP="2/10 minutes")
    assert [ask("jane").status_code for _ in range(3)] == [200, 200, 429]
    assert ask(where=address(client_id="other")).status_code == 429


def test_looking_is_not_counted(client, ask, limit):
    limit(RATE_LIMIT_PER_IP="1/10 minutes", RATE_LIMIT="1/10 minutes")
    for _ in range(3):
        assert client.get(address()).status_code == 200
    assert ask().status_code == 302


def test_too_many_is_a_page_with_a_time_to_wait(ask, limit):
    limit(RATE_LIMIT="1/10 minutes")
    ask()
    response = ask()
    assert 0 < int(response["Retry-After"]) <= 601
    page = parse(response)
    assert page.title == "Please wait a little"
    assert "then try again" in page.text
    assert page.text.startswith("Acme Notes ")


def test_known_and_unknown_are_counted_alike(ask, jane, limit):
    limit(RATE_LIMIT="2/10 minutes")
    for email in ("jane@example.com", "nobody@example.com"):
        assert [ask(email).status_code for _ in range(3)] == [302, 302, 429]


# Headers


def test_answers_are_not_kept_and_not_framed(ask, client, connection):
    answers = [client.get(address()), ask("jane"), ask(), client.get(address(path=SENT))]
    answers += [client.get(FORM), client.put(address())]
    assert [response.status_code for response in answers] == [200, 200, 302, 200, 404, 405]
    for response in answers:
        assert set(response["Cache-Control"].split(", ")) == NOT_KEPT
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
        assert response["X-Frame-Options"] == "DENY"


def test_page_is_in_the_language_of_the_browser(client, connection):
    response = client.get(address(), headers={"accept-language": "de"})
    assert parse(response).one("html")["lang"] == "de"


def test_page_has_the_brand_of_its_client(client, connection, app):
    app.primary_color = "#aa0000"
    app.save()
    for where in (address(), address(path=SENT)):
        assert client.get(where).context["brand"].accent == "#aa0000"


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (timedelta(minutes=5), "5\xa0minutes"),
        (timedelta(hours=1), "1\xa0hour"),
        (timedelta(days=5), "5\xa0days"),
        (timedelta(days=1, hours=12), "1\xa0day, 12\xa0hours"),
    ],
)
def test_period_in_words(period, words):
    assert in_words(period) == words


def test_pages_do_not_ask_for_a_client_of_another(client, connection):
    other = ClientFactory(client_id="other")
    ConnectionFactory(name="Others", clients=[other])
    assert client.get(address(client_id="demo", connection="Others")).status_code == 404
