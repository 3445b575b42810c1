"""The endpoints in OpenAPI, for sites that describe their API with drf-spectacular.

Written by hand where introspection would guess: which fields are required depends on others, and
one sentence has three forms. Tests compare it with the serializers and with what is answered.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers

from dbconnections.api.parsers import MAX_FORM_FIELDS
from dbconnections.api.views import SENTENCE
from dbconnections.models import MAX_TICKET_LIFETIME
from dbconnections.validators import MAX_ADDRESS

# What counts as given: space around a text does not, so that of nothing else is an empty one.
GIVEN = {"type": "string", "pattern": r"\S"}
NOT_GIVEN = {"type": "string", "pattern": r"^\s*$", "nullable": True}


def text(most: int, description: str) -> dict[str, Any]:
    """Return the schema of a text that may be left out, empty or null, which are the same."""
    return {"type": "string", "maxLength": most, "nullable": True, "description": description}


def required(most: int, description: str) -> dict[str, Any]:
    """Return the schema of a text that must be given."""
    return GIVEN | {"maxLength": most, "description": description}


def given(*names: str, without: str = "") -> dict[str, Any]:
    """Return the schema of a body with these fields, and without another."""
    properties = dict.fromkeys(names, GIVEN) | ({without: NOT_GIVEN} if without else {})
    return {"properties": properties, "required": list(names)}


def as_form(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form with a JSON body's fields: texts alone, and no null."""
    properties = {
        name: {key: value for key, value in field.items() if key != "nullable"}
        for name, field in schema["properties"].items()
    }
    return schema | {
        "properties": properties,
        "additionalProperties": {"type": "string"},
        "maxProperties": MAX_FORM_FIELDS,
    }


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class SentenceOrRules(serializers.JSONField):
    """A sentence, or Auth0's tree of rules."""


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of every error."""

    name = serializers.CharField()
    code = serializers.CharField(help_text="For programs.")
    error = serializers.CharField(help_text="The same as code.")
    errorCode = serializers.CharField(help_text="The same as code.")  # noqa: N815 (Auth0's name)
    description = SentenceOrRules(
        help_text="The sentence once more, or the rules that a password misses."
    )
    error_description = serializers.CharField()
    statusCode = serializers.IntegerField()  # noqa: N815 (Auth0's own name)
    policy = serializers.CharField(required=False, help_text="The rules as lines of text.")
    message = serializers.CharField(help_text="For people.")


CHANGE_PASSWORD = {
    "type": "object",
    "properties": {
        "client_id": required(64, "The client."),
        "connection": required(128, "The connection, by name."),
        "email": text(MAX_ADDRESS, "The address; without it, username is needed."),
        "username": text(254, "In place of email."),
        "password": {
            "type": "string",
            "nullable": True,
            "format": "password",
            "description": "The new password, for clients that accept one.",
        },
        "organization": text(128, "Kept with the ticket."),
    },
    "required": ["client_id", "connection"],
    "anyOf": [given("email"), given("username")],
}

TICKET = {
    "type": "object",
    "properties": {
        "user_id": text(255, "Key of the account, with or without `auth0|`."),
        "email": text(MAX_ADDRESS, "In place of user_id, with connection_id."),
        "connection_id": text(64, "The connection; needed where there are several."),
        "client_id": text(64, "The client; needed where the connection has several."),
        "organization_id": text(128, "Appended to result_url."),
        "result_url": text(500, "Where the last page leads back to."),
        "ttl_sec": {
            "type": "integer",
            "nullable": True,
            "minimum": 0,
            "maximum": int(MAX_TICKET_LIFETIME.total_seconds()),
            "description": "Lifetime of the link in seconds; 0 for the connection's own.",
        },
        "includeEmailInRedirect": {"type": "boolean", "nullable": True},
        "mark_email_as_verified": {"type": "boolean", "nullable": True},
    },
    "additionalProperties": False,
    "oneOf": [
        given("user_id", without="email"),
        given("email", "connection_id", without="user_id"),
    ],
}

ANSWER = {
    "type": "object",
    "properties": {"ticket": {"type": "string", "format": "uri", "description": "The link."}},
    "required": ["ticket"],
}

ACCEPTED = {"type": "string", "enum": [SENTENCE]}

REFUSALS = {
    400: "A field is missing, malformed or not allowed.",
    413: "The body is too large.",
    415: "The body is of another type than those above.",
    500: "A fault of the site.",
    503: "The database is busy; try again.",
}


def responses(success: dict[Any, Any], **more: str) -> dict[Any, Any]:
    """Return success and all refusals; ``more`` are those of this endpoint, as ``_401``."""
    described = REFUSALS | {int(status[1:]): description for status, description in more.items()}
    refusals = {
        (status, "application/json"): OpenApiResponse(ErrorSerializer, description)
        for status, description in sorted(described.items())
    }
    return success | refusals


def header(name: str, type_: type, meaning: str, *statuses: int) -> OpenApiParameter:
    """Return a header of the answers with some statuses, or of all."""
    return OpenApiParameter(
        name,
        type_,
        OpenApiParameter.HEADER,
        description=meaning,
        response=list(statuses) or True,
    )


def retry_after(*statuses: int) -> OpenApiParameter:
    """Return the header that tells when to try again."""
    return header("Retry-After", int, "Seconds to wait.", *statuses)


def counters() -> list[OpenApiParameter]:
    """Return the headers that tell what is left of the limits."""
    meanings = {
        "X-RateLimit-Limit": "Requests the window has room for.",
        "X-RateLimit-Remaining": "Requests left in it.",
        "X-RateLimit-Reset": "Its end, in seconds since the epoch.",
    }
    return [header(name, int, meaning) for name, meaning in meanings.items()]


class ChangePasswordSchema(OpenApiViewExtension):
    target_class = "dbconnections.api.views.ChangePasswordView"

    def view_replacement(self) -> type:
        bodies = {
            "application/json": CHANGE_PASSWORD,
            "application/x-www-form-urlencoded": as_form(CHANGE_PASSWORD),
        }
        forms = {
            (200, media_type): OpenApiResponse(ACCEPTED, "Stored. The same for any address.")
            for media_type in ("application/json", "text/html", "text/plain")
        }
        describe = extend_schema(
            operation_id="change_password",
            summary="Ask for a mail with a link to reset a password",
            description="The answer is the same whether or not there is such an account.",
            tags=["Password reset"],
            request=bodies,
            responses=responses(forms, _429="Too many requests."),
            parameters=[
                *counters(),
                retry_after(429, 503),
                OpenApiParameter("format", exclude=True),
            ],
        )
        return described(self.target, describe)


class PasswordChangeTicketSchema(OpenApiViewExtension):
    target_class = "dbconnections.api.management.PasswordChangeTicketView"

    def view_replacement(self) -> type:
        describe = extend_schema(
            operation_id="create_password_change_ticket",
            summary="Make a link to reset a password, without mailing it",
            description="For back ends. The link opens the account, so treat it as a password.",
            tags=["Password reset"],
            request={"application/json": TICKET},
            responses=responses(
                {(201, "application/json"): OpenApiResponse(ANSWER, "The link.")},
                _401="Not authenticated.",
                _403="Not permitted, or not for this account.",
                _404="There is no such account.",
            ),
            parameters=[
                header("WWW-Authenticate", str, "How to authenticate.", 401),
                retry_after(503),
            ],
        )
        return described(self.target, describe)


class RequiredBody:
    """Adds what drf-spectacular leaves out of a body that is described by hand."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)  # type: ignore[misc]  # AutoSchema's
        operation["requestBody"]["required"] = True
        return operation


def described(view: type, describe: Any) -> type:
    """Return the view with its POST described."""

    def describe_post(post: Any) -> Any:
        post = describe(post)
        post.kwargs["schema"] = type("Schema", (RequiredBody, post.kwargs["schema"]), {})
        return post

    replacement: type = extend_schema_view(post=describe_post)(type(view.__name__, (view,), {}))
    return replacement


class BearerSchema(OpenApiAuthenticationExtension):
    target_class = "dbconnections.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
