"""The description of the endpoints in OpenAPI says what is so."""

from copy import deepcopy
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft7Validator

from dbconnections.api.parsers import MAX_FORM_FIELDS
from dbconnections.api.serializers import ChangePasswordSerializer, TicketSerializer
from tests.api.wire import KEYS, SENTENCE

CHANGE_PASSWORD = "/dbconnections/change_password"
TICKETS = "/api/v2/tickets/password-change"


@pytest.fixture(scope="module")
def schema() -> Any:
    GENERATOR_STATS.reset()
    return SchemaGenerator(urlconf="dbconnections.urls").get_schema(public=True)


def body_of(schema: Any, address: str, media_type: str = "application/json") -> Any:
    return schema["paths"][address]["post"]["requestBody"]["content"][media_type]["schema"]


def as_json_schema(schema: Any) -> Any:
    """Return OpenAPI's kind of schema in JSON Schema, which has no word for what may be null."""
    if isinstance(schema, list):
        return [as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: as_json_schema(part) for key, part in schema.items()}
    return schema | ({"type": [schema["type"], "null"]} if schema.get("nullable") else {})


def test_schema_is_valid_and_made_without_a_warning(schema):
    validate_schema(schema)
    assert not GENERATOR_STATS


def test_each_endpoint_is_described_once_at_auth0s_address(schema):
    assert set(schema["paths"]) == {CHANGE_PASSWORD, TICKETS}
    assert {tuple(methods) for methods in schema["paths"].values()} == {("post",)}


@pytest.mark.parametrize(
    ("address", "serializer"),
    [(CHANGE_PASSWORD, ChangePasswordSerializer), (TICKETS, TicketSerializer)],
)
def test_fields_are_those_that_are_read(schema, address, serializer):
    fields = serializer().fields
    properties = body_of(schema, address)["properties"]
    assert set(properties) == set(fields)
    for name, described in properties.items():
        most = getattr(fields[name], "max_length", None)
        assert described.get("maxLength") == most, name


def test_forms_have_the_same_fields_but_no_null(schema):
    body = deepcopy(body_of(schema, CHANGE_PASSWORD))
    may_be_null = {name for name, field in body["properties"].items() if field.get("nullable")}
    assert may_be_null == {"email", "username", "password", "organization"}
    for name in may_be_null:
        del body["properties"][name]["nullable"]
    form = body_of(schema, CHANGE_PASSWORD, "application/x-www-form-urlencoded")
    texts = {"additionalProperties": {"type": "string"}, "maxProperties": MAX_FORM_FIELDS}
    assert form == body | texts


BODIES = {
    CHANGE_PASSWORD: [
        {},
        {"email": "jane@example.com"},
        {"username": "jane"},
        {"email": "jane@example.com", "username": "jane"},
        {"email": "", "username": "jane"},
        {"email": None, "username": " "},
        {"email": "jane@example.com", "client_id": " "},
        {"email": "jane@example.com", "connection": None},
        {"email": "jane@example.com", "password": None, "organization": None, "more": 1},
    ],
    TICKETS: [
        {},
        {"user_id": "1"},
        {"user_id": " "},
        {"user_id": "1", "email": None, "connection_id": ""},
        {"user_id": "1", "email": "  "},
        {"user_id": "1", "email": "jane@example.com", "connection_id": "c"},
        {"email": "jane@example.com"},
        {"email": "jane@example.com", "connection_id": ""},
        {"email": "jane@example.com", "connection_id": "c"},
        {"email": "jane@example.com", "connection_id": "c", "user_id": None},
        {"user_id": "1", "ttl_sec": 432000},
        {"user_id": "1", "ttl_sec": 432001},
        {"user_id": "1", "ttl_sec": -1},
        {"user_id": "1", "ttl_sec": None, "includeEmailInRedirect": None},
        {"user_id": "1", "more": 1},
    ],
}


@pytest.mark.parametrize(
    ("address", "serializer", "body"),
    [(CHANGE_PASSWORD, ChangePasswordSerializer, body) for body in BODIES[CHANGE_PASSWORD]]
    + [(TICKETS, TicketSerializer, body) for body in BODIES[TICKETS]],
)
def test_bodies_are_described_as_they_are_judged(schema, address, serializer, body):
    if address == CHANGE_PASSWORD:
        body = {"client_id": "demo", "connection": "users"} | body
    described = Draft7Validator(as_json_schema(body_of(schema, address))).is_valid(body)
    assert described == serializer(data=body).is_valid()


def test_sentence_is_described_in_its_three_forms(schema):
    content = schema["paths"][CHANGE_PASSWORD]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/html", "text/plain"}
    assert all(form["schema"]["enum"] == [SENTENCE] for form in content.values())


def test_errors_have_their_keys(schema):
    error = schema["components"]["schemas"]["Error"]
    assert set(error["required"]) == set(KEYS)
    assert set(error["properties"]) == {*KEYS, "policy"}


@pytest.mark.parametrize("address", [CHANGE_PASSWORD, TICKETS])
def test_body_is_required(schema, address):
    assert schema["paths"][address]["post"]["requestBody"]["required"] is True


COUNTERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.mark.parametrize(
    ("address", "everywhere", "at_times"),
    [
        (CHANGE_PASSWORD, COUNTERS, {"429": {"Retry-After"}, "503": {"Retry-After"}}),
        (TICKETS, set(), {"401": {"WWW-Authenticate"}, "503": {"Retry-After"}}),
    ],
)
def test_headers_of_each_answer(schema, address, everywhere, at_times):
    for status, answer in schema["paths"][address]["post"]["responses"].items():
        headers = answer.get("headers", {})
        assert set(headers) == everywhere | at_times.get(status, set())
        assert all(
            header["schema"]["type"] == ("string" if name == "WWW-Authenticate" else "integer")
            for name, header in headers.items()
        )


def test_only_tickets_need_a_token(schema):
    assert schema["paths"][TICKETS]["post"]["security"] == [{"bearer": []}]
    assert "security" not in schema["paths"][CHANGE_PASSWORD]["post"]
    assert schema["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"}
    }
