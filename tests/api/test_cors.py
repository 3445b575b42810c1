"""Calls from scripts of other origins: who may read an answer."""

import re

import pytest
from corsheaders.middleware import CorsMiddleware
from django.core.checks import run_checks
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from dbconnections import tickets
from dbconnections.api import cors
from dbconnections.models import AllowedOrigin
from dbconnections.validators import validate_origin
from tests.api.wire import assert_accepted, assert_error
from tests.conftest import URL
from tests.factories import AllowedOriginFactory, ClientFactory

APP = "https://app.example.com"
LISTED = [APP, "https://app.example.com:8443", "http://localhost:3000", "capacitor://localhost"]
UNLISTED = {
    "null": "null",
    "nothing": "",
    "any": "*",
    "another host": "https://evil.example",
    "another scheme": "http://app.example.com",
    "another port": "https://app.example.com:8444",
    "no port": "http://localhost",
    "the scheme's own port": "https://app.example.com:443",
    "host in upper case": "https://APP.example.com",
    "scheme in upper case": "HTTPS://app.example.com",
    "trailing slash": "https://app.example.com/",
    "path": "https://app.example.com/login",
    "query": "https://app.example.com?x",
    "trailing dot": "https://app.example.com.",
    "space after": "https://app.example.com ",
    "space before": " https://app.example.com",
    "tab after": "https://app.example.com\t",
    "suffix": "https://evilapp.example.com",
    "suffix of the whole": "https://example.com",
    "subdomain": "https://x.app.example.com",
    "prefix": "https://app.example.com.evil.example",
    "prefix, no dot": "https://app.example.community",
    "shortened": "https://app.example.co",
    "user part": "https://app.example.com@evil.example",
    "user": "https://evil@app.example.com",
    "backslash": "https://evil.example\\.app.example.com",
    "dot for any character": "https://appxexample.com",
    "like pattern": "https://app.example.c_m",
    "like any": "%",
    "two origins": "https://app.example.com https://evil.example",
    "list of origins": "https://app.example.com, https://evil.example",
    "host alone": "app.example.com",
    "no scheme": "//app.example.com",
    "file": "file://",
    "accent": "https://äpp.example.com",
    "full width": "https://\uff41pp.example.com",
    "sharp s": "https://app.example.ß",
    "NUL": "https://app.example.com\0",
    "line break": "https://app.example.com\r\nX-Evil: 1",
    "quote": "https://app.example.com' OR '1'='1",
    "very long": "https://" + "a" * 5000,
}


@pytest.fixture
def listed(app):
    for origin in LISTED:
        validate_origin(origin)
        AllowedOriginFactory(client=app, origin=origin)


@pytest.fixture
def preflight(client, db):
    def options(origin, method="POST", headers="auth0-client,content-type"):
        asking = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        }
        if origin is not None:
            asking["Origin"] = origin
        return client.options(URL, headers=asking)

    return options


def cors_headers(response):
    return {name for name in response.headers if name.lower().startswith("access-control")}


def assert_readable(response, origin):
    assert response["Access-Control-Allow-Origin"] == origin
    exposed = response["Access-Control-Expose-Headers"].split(", ")
    assert exposed == [
        "Retry-After",
        *(f"X-RateLimit-{x}" for x in ("Limit", "Remaining", "Reset")),
    ]
    assert "Access-Control-Allow-Credentials" not in response
    assert "Origin" in response["Vary"].split(", ")


def assert_unreadable(response):
    assert not cors_headers(response)
    assert "Origin" in response["Vary"].split(", ")


# Preflight


@pytest.mark.parametrize("origin", LISTED)
def test_preflight_from_a_listed_origin(preflight, listed, origin):
    response = preflight(origin)
    assert (response.status_code, response.content) == (204, b"")
    assert_readable(response, origin)
    assert response["Access-Control-Allow-Methods"] == "POST"
    assert response["Access-Control-Allow-Headers"] == "auth0-client, content-type"
    assert response["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize("origin", UNLISTED.values(), ids=UNLISTED)
def test_preflight_from_another_origin(preflight, listed, origin):
    response = preflight(origin)
    assert (response.status_code, response.content) == (204, b"")
    assert_unreadable(response)


def test_preflight_without_origin(preflight, listed):
    response = preflight(None)
    assert response.status_code == 204
    assert_unreadable(response)


@pytest.mark.parametrize("origin", [APP, "https://evil.example"])
def test_preflight_says_the_same_whatever_is_asked(preflight, listed, origin):
    ordinary = preflight(origin)
    for asked in (preflight(origin, "DELETE", "authorization, x-evil"), preflight(origin, "", "")):
        assert (asked.status_code, asked.headers) == (ordinary.status_code, ordinary.headers)


def test_preflight_is_not_counted(preflight, listed, configure):
    configure(RATE_LIMIT_PER_IP="2/minute")
    for _ in range(5):
        response = preflight(APP)
        assert response.status_code == 204
        assert "X-RateLimit-Limit" not in response


def test_preflight_answers_for_the_union_of_clients(preflight):
    for number in range(3):
        AllowedOriginFactory(client=ClientFactory(), origin=f"https://app{number}.example.com")
    for number in range(3):
        origin = f"https://app{number}.example.com"
        assert_readable(preflight(origin), origin)


@pytest.mark.parametrize("origin", UNLISTED.values(), ids=UNLISTED)
def test_origins_are_compared_exactly(listed, origin):
    """Whatever a database's collation takes for equal."""
    assert not cors.is_allowed_for_any(origin)


def test_origin_of_an_inactive_client_is_not_listed(preflight, app):
    AllowedOriginFactory(client=ClientFactory(is_active=False))
    assert_unreadable(preflight(APP))
    AllowedOriginFactory(client=app)
    assert_readable(preflight(APP), APP)


def preflight_query(preflight, origin):
    with CaptureQueriesContext(database) as captured:
        preflight(origin)
    (query,) = captured
    return query["sql"]


EXPLAIN = {
    "sqlite": ("EXPLAIN QUERY PLAN", r"SEARCH \S+ USING (COVERING )?INDEX \S+ \(origin="),
    "postgresql": ("EXPLAIN", r"Index Cond: \(.*origin.*\)"),
    "mysql": ("EXPLAIN", r"dbconnections_origin_once"),
}


def plan(sql):
    explain, _pattern = EXPLAIN[database.vendor]
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            # A table this small is read whole if that is at all possible.
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{explain} {sql}")
        return "\n".join(str(row) for row in cursor.fetchall())


def test_preflight_is_one_query_by_an_index_however_many_clients(preflight, app):
    AllowedOriginFactory(client=app)
    alone = preflight_query(preflight, APP)
    AllowedOrigin.objects.bulk_create(
        AllowedOrigin(client=other, origin=f"https://{other.pk}-{number}.example.com")
        for other in (ClientFactory() for _ in range(30))
        for number in range(10)
    )
    among_many = preflight_query(preflight, APP)
    assert among_many == alone
    assert re.search(EXPLAIN[database.vendor][1], plan(among_many))


def test_preflight_for_no_origin_asks_no_database(preflight, django_assert_num_queries):
    with django_assert_num_queries(0):
        preflight(None)


def test_preflight_while_the_database_is_away(preflight, listed, monkeypatch):
    def execute(*args, **kwargs):
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper._execute", execute)
        response = preflight(APP)
    assert response.status_code == 204
    assert_unreadable(response)


# The call itself


@pytest.mark.parametrize("origin", LISTED)
def test_call_from_a_listed_origin(ask, listed, origin):
    response = ask(headers={"Origin": origin})
    assert_accepted(response)
    assert_readable(response, origin)


@pytest.mark.parametrize("origin", UNLISTED.values(), ids=UNLISTED)
def test_call_from_another_origin(ask, listed, origin):
    """It is answered, as one without a browser would be; but the browser tells no script."""
    response = ask(headers={"Origin": origin})
    assert_accepted(response)
    assert_unreadable(response)


def test_call_without_origin(ask, listed):
    assert_unreadable(ask())


def test_origin_counts_for_its_own_client_only(ask, app, connection):
    other = ClientFactory(client_id="other")
    connection.clients.add(other)
    AllowedOriginFactory(client=app)
    AllowedOriginFactory(client=other, origin="https://other.example.com")
    headers = {"Origin": "https://other.example.com"}
    assert_unreadable(ask(headers=headers))
    assert_readable(ask(client_id="other", headers=headers), headers["Origin"])
    assert_readable(ask(headers={"Origin": APP}), APP)


@pytest.mark.parametrize(
    "fields",
    [{"connection": "unknown"}, {"password": "x"}],
    ids=["connection not found", "password is not allowed"],
)
def test_refusal_is_readable_for_its_own_client_only(ask, listed, fields):
    AllowedOriginFactory(client=ClientFactory(), origin="https://other.example.com")
    response = ask(headers={"Origin": APP}, **fields)
    assert response.status_code == 400
    assert_readable(response, APP)
    assert_unreadable(ask(headers={"Origin": "https://other.example.com"}, **fields))


def test_refusal_before_the_client_is_known_is_readable_for_the_union(ask, listed):
    AllowedOriginFactory(client=ClientFactory(is_active=False), origin="https://old.example.com")
    for fields in ({"client_id": "unknown"}, {"email": ""}):
        assert_readable(ask(headers={"Origin": APP}, **fields), APP)
        assert_unreadable(ask(headers={"Origin": "https://evil.example"}, **fields))
        assert_unreadable(ask(headers={"Origin": "https://old.example.com"}, **fields))


def test_errors_are_readable(ask, send, listed, client, configure, monkeypatch):
    headers = {"Origin": APP}

    def check(response, status, code):
        assert_error(response, status, code)
        assert_readable(response, APP)

    check(ask(email="", headers=headers), 400, "invalid_request")
    check(ask(client_id="unknown", headers=headers), 400, "invalid_client")
    check(send(b"{", headers=headers), 400, "invalid_request")
    check(client.get(URL, headers=headers), 405, "method_not_allowed")
    check(send(b"x" * 9000, headers=headers), 413, "payload_too_large")
    check(send(b"{}", "text/plain", headers=headers), 415, "unsupported_media_type")
    configure(RATE_LIMIT="1/minute")
    assert_accepted(ask(headers=headers))
    limited = ask(headers=headers)
    check(limited, 429, "too_many_requests")
    assert "Retry-After" in limited
    configure(RATE_LIMIT="")
    client.raise_request_exception = False
    monkeypatch.setattr(tickets, "issue", lambda request: 1 / 0)
    check(ask(headers=headers), 500, "server_error")


def test_never_any_origin_and_never_credentials(ask, preflight, listed):
    for origin in (*LISTED, *UNLISTED.values()):
        for response in (preflight(origin), ask(email="", headers={"Origin": origin})):
            assert "*" not in response.get("Access-Control-Allow-Origin", "")
            assert "Access-Control-Allow-Credentials" not in response


# Beside django-cors-headers

MIDDLEWARE = f"{CorsMiddleware.__module__}.{CorsMiddleware.__name__}"
OUTSIDE = r"^(?!/dbconnections/)"


@pytest.fixture
def cors_site(settings):
    """A site whose own API is open to everyone, with credentials."""
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    settings.CORS_ALLOW_ALL_ORIGINS = True
    settings.CORS_ALLOW_CREDENTIALS = True
    return settings


def warnings():
    messages = run_checks(tags=["dbconnections"], databases=())
    return [message.id for message in messages if message.id == "dbconnections.W011"]


def test_answers_stand_beside_django_cors_headers(cors_site, ask, preflight, listed):
    cors_site.CORS_URLS_REGEX = OUTSIDE
    assert preflight(APP)["Access-Control-Max-Age"] == "600"
    assert_readable(preflight(APP), APP)
    assert_unreadable(preflight("https://evil.example"))
    assert_readable(ask(headers={"Origin": APP}), APP)
    assert_unreadable(ask(headers={"Origin": "https://evil.example"}))
    assert warnings() == []


def test_django_cors_headers_would_answer_by_its_own_list(cors_site, preflight, listed):
    """What the check warns of."""
    response = preflight("https://evil.example")
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert warnings() == ["dbconnections.W011"]


@pytest.mark.parametrize("pattern", [r"^.*$", r"^/", r"^/dbconnections/", ""])
def test_check_warns_of_django_cors_headers(cors_site, pattern):
    cors_site.CORS_URLS_REGEX = pattern
    assert warnings() == ["dbconnections.W011"]


@pytest.mark.parametrize("pattern", [OUTSIDE, r"^/api/.*$", re.compile(r"^/api/")])
def test_check_is_quiet_about_other_paths(cors_site, pattern):
    cors_site.CORS_URLS_REGEX = pattern
    assert warnings() == []


def test_check_is_quiet_without_django_cors_headers():
    assert warnings() == []
