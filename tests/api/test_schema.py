"""The description of the endpoints in OpenAPI says what is so."""

from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

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


def test_forms_have_the_same_fields(schema):
    form = body_of(schema, CHANGE_PASSWORD, "application/x-www-form-urlencoded")
    assert form == body_of(schema, CHANGE_PASSWORD)


def test_sentence_is_described_in_its_three_forms(schema):
    content = schema["paths"][CHANGE_PASSWORD]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/html", "text/plain"}
    assert all(form["schema"]["enum"] == [SENTENCE] for form in content.values())


def test_errors_have_their_keys(schema):
    error = schema["components"]["schemas"]["Error"]
    assert set(error["required"]) == set(KEYS)
    assert set(error["properties"]) == {*KEYS, "policy"}


def test_counters_are_on_every_answer_of_the_public_endpoint(schema):
    for answer in schema["paths"][CHANGE_PASSWORD]["post"]["responses"].values():
        assert {header["schema"]["type"] for header in answer["headers"].values()} == {"integer"}
        assert set(answer["headers"]) == {
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
        }


def test_only_tickets_need_a_token(schema):
    assert schema["paths"][TICKETS]["post"]["security"] == [{"bearer": []}]
    assert "security" not in schema["paths"][CHANGE_PASSWORD]["post"]
    assert schema["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"}
    }
