"""Which form the sentence takes."""

import json
import tracemalloc

import pytest

from dbconnections.api.negotiation import preferred
from tests.api.wire import SENTENCE, assert_error

JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
SDK = "eyJuYW1lIjoiYXV0aDAuanMifQ"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

# Accept, the type without Auth0-Client, the type with it
TABLE = [
    (None, JSON, HTML),
    ("", JSON, HTML),
    ("*/*", JSON, HTML),
    ("*/*;q=0.1", JSON, HTML),
    ("application/*", JSON, HTML),
    ("text/*", JSON, HTML),
    ("application/json", JSON, JSON),
    ("Application/JSON", JSON, JSON),
    ("application/json; charset=utf-8", JSON, JSON),
    ("application/json, */*", JSON, JSON),
    ("application/json, text/plain, */*", JSON, JSON),  # axios
    ("text/html", HTML, HTML),
    ("text/html;level=1", HTML, HTML),
    ("text/plain", TEXT, TEXT),
    ("text/plain, */*", TEXT, TEXT),
    ("text/html, application/json", HTML, HTML),
    ("application/json, text/html", JSON, JSON),
    ("text/html;q=0.5, application/json", JSON, JSON),
    ("application/json;q=0.5, text/html;q=0.9", HTML, HTML),
    ("application/json ; q=0.5 , text/plain ; q = 0.6", TEXT, TEXT),
    ("application/json;q=0.001", JSON, JSON),
    ("application/json;q=0, text/html", HTML, HTML),
    ("application/json;q=0", JSON, HTML),
    ("text/html;q=0", JSON, HTML),
    ("text/html;q=x", JSON, HTML),
    ("text/html;q=", JSON, HTML),
    ("text/html;q=-1", JSON, HTML),
    ("text/html;q=nan", JSON, HTML),
    (CHROME, HTML, HTML),
    ("image/png", JSON, HTML),
    ("application/xml, image/png;q=0.5", JSON, HTML),
    ("application/problem+json", JSON, HTML),
    ("application/vnd.api+json", JSON, HTML),
    ("json", JSON, HTML),
    (",", JSON, HTML),
    (";;;,,,q=1", JSON, HTML),
    ("text/html" * 500, JSON, HTML),
    ("*", JSON, HTML),
]


def ids(value):
    return "none" if value is None else repr(value)[:40]


@pytest.mark.parametrize("accept", [row[0] for row in TABLE], ids=ids)
@pytest.mark.parametrize("sdk", [False, True], ids=["program", "sdk"])
def test_form_of_the_sentence(ask, accept, sdk):
    expected = next(row for row in TABLE if row[0] == accept)[1 + sdk]
    headers = {} if accept is None else {"Accept": accept}
    response = ask(headers={**headers, **({"Auth0-Client": SDK} if sdk else {})})
    assert (response.status_code, response["Content-Type"]) == (200, expected)
    content = json.dumps(SENTENCE) if expected == JSON else SENTENCE
    assert response.content.decode() == content


@pytest.mark.parametrize("header", ["", "x", "!", SDK])
def test_auth0_client_need_not_be_readable(ask, header):
    assert ask(headers={"Auth0-Client": header})["Content-Type"] == HTML


@pytest.mark.parametrize("accept", [row[0] for row in TABLE if row[0]], ids=ids)
def test_errors_are_json_whatever_is_accepted(ask, accept):
    response = ask(email="", headers={"Accept": accept, "Auth0-Client": SDK})
    assert_error(response, 400, "invalid_request")


@pytest.mark.parametrize("fields", [{}, {"email": ""}], ids=["accepted", "refused"])
@pytest.mark.parametrize("headers", [{}, {"Accept": "text/html"}, {"Auth0-Client": SDK}])
def test_caches_are_told_what_the_form_depends_on(ask, fields, headers):
    vary = ask(headers=headers, **fields)["Vary"].split(", ")
    assert {"Accept", "Auth0-Client", "Origin"} <= set(vary)
    assert len(vary) == len(set(vary))


def test_format_in_the_address_is_ignored(client, connection):
    fields = {"client_id": "demo", "connection": connection.name, "email": "jane@example.com"}
    for suffix in ("?format=html", "?format=txt", "?format=api", "?format=xml"):
        response = client.post(
            f"/dbconnections/change_password{suffix}", fields, content_type="application/json"
        )
        assert (response.status_code, response["Content-Type"]) == (200, JSON)


def test_first_of_two_equals():
    assert preferred("b/b, a/a", ["a/a", "b/b"]) == "b/b"


def test_other_parameters_than_quality_are_ignored():
    assert preferred("a/a;v=1;q=0.2;x=y, b/b;q=0.1", ["a/a", "b/b"]) == "a/a"


def test_nothing_offered_is_named():
    assert preferred("c/c", ["a/a", "b/b"]) is None


@pytest.mark.parametrize("part", [",", ";", "text/html,", "text/html;q=1,", "a;" * 50 + ","])
def test_huge_header_names_nothing_and_is_not_taken_apart(part):
    header = part * 50_000
    tracemalloc.start()
    try:
        assert preferred(header, ["text/html"]) is None
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000


def test_long_header_of_a_browser_is_read():
    many = ",".join(f"application/x-{number}" for number in range(100))
    assert preferred(f"{many},text/html", ["text/html"]) == "text/html"
