"""Every error of the endpoints as one body that all of Auth0's libraries can read.

They look for code and sentence under different keys, and some take the last one they meet, so the
body carries all of them, in this order, with ``message`` last. ``code``, ``error`` and
``errorCode`` are always equal: libraries disagree on which comes first.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.log import log_response
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from dbconnections.passwords import PasswordRefused
from dbconnections.throttling import Allowance
from dbconnections.transactions import Busy

NAMES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    406: "NotAcceptableError",
    411: "LengthRequiredError",
    413: "PayloadTooLargeError",
    415: "UnsupportedMediaTypeError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}


class ApiError(Exception):
    """A refusal with a code for programs and a sentence for people."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """Return the body; its order of keys is part of the contract."""
        return superset(NAMES.get(self.status, "Error"), self.code, self.message, self.status)


class InvalidRequest(ApiError):
    """A field is missing, malformed or of the wrong type."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_request", message)


class InvalidClient(ApiError):
    """No active client has this client_id."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_client",
            _("client_id is unknown or its client is not active. Check the client_id."),
        )


class ConnectionNotFound(ApiError):
    """The client cannot use such a connection; why not is the same to the caller.

    Auth0's body has this sentence alone, under ``error``; it is the code callers compare.
    """

    def __init__(self) -> None:
        super().__init__(
            "connection not found",
            _(
                "connection not found: there is no such connection, or it is not enabled for "
                "this client. Check the connection's name."
            ),
        )


class NotADatabase(ApiError):
    """The connection's passwords are kept elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_request",
            _(
                "Changing passwords only works for database connections; this connection has "
                "its passwords elsewhere."
            ),
        )


class SelfServiceDisabled(ApiError):
    """Only administrators start resets on this connection."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_request",
            _("Changing passwords by e-mail is switched off for this connection."),
        )


class AccountNotFound(ApiError):
    """A back end asks for an account there is not; Auth0's code and sentence."""

    def __init__(self) -> None:
        super().__init__("inexistent_user", _("The user does not exist."), 404)


class AccountNotResettable(ApiError):
    """A back end asks for an account that has no password to reset."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_request",
            _(
                "This account cannot be reset: it is not active, has no e-mail address, or has "
                "no password here."
            ),
        )


class AccountIsStaff(ApiError):
    """A link opens an account, so it must not give a caller rights it does not have."""

    def __init__(self) -> None:
        super().__init__(
            "insufficient_scope",
            _("This account is staff; only a superuser may have a link to it."),
            403,
        )


class ResultURLNotAllowed(ApiError):
    """The way back leads to a host that nobody has allowed."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_request",
            _(
                "result_url must be on the host of the client's own way back, or on one in the "
                "setting RESULT_URL_HOSTS."
            ),
        )


class VerificationNotRecorded(ApiError):
    """The accounts have no mark for a verified address."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_request",
            _(
                "mark_email_as_verified cannot be honoured: the user store of this connection "
                "does not record it. Leave it out, or set the store's email_verified_field."
            ),
        )


class PasswordNotAllowed(ApiError):
    """A password was sent where none may be. Auth0's body has this sentence alone."""

    def __init__(self) -> None:
        super().__init__(
            "password is not allowed",
            _(
                "password is not allowed: leave the password out of the request; the mailed "
                "link asks for the new one."
            ),
        )


class WeakPassword(ApiError):
    """The password does not meet the connection's rules: the body Auth0 has for its kind."""

    def __init__(self, refused: PasswordRefused) -> None:
        super().__init__("invalid_password", refused.message)
        self.refused = refused

    def body(self) -> dict[str, Any]:
        refused = self.refused
        extra = {"policy": refused.policy} if refused.policy else {}
        return superset(
            refused.name,
            self.code,
            refused.message,
            self.status,
            description=refused.description,
            # For people: in their language, of which `message` is the English.
            error_description=" ".join([f"{_(refused.message)}.", *refused.sentences]),
            **extra,
        )


class TooManyRequests(ApiError):
    """A limit is reached."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__(
            "too_many_requests",
            _("Too many requests. Check the X-RateLimit-* headers and try again later."),
            status=429,
        )
        self.headers = allowance.headers()


def superset(
    name: str, code: str, message: str, status: int, **instead: str | dict[str, Any]
) -> dict[str, Any]:
    """Return the body: ``instead`` replaces ``description`` or adds ``policy``."""
    body: dict[str, Any] = {
        "name": name,
        "code": code,
        "error": code,
        "errorCode": code,
        "description": message,
        "error_description": message,
        "statusCode": status,
    }
    return {**body, **instead, "message": message}


def first_message(detail: Any) -> str:
    """Return the first sentence of DRF's nested error details."""
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail), "")
    return str(detail) or _("The request was refused.")


def handle(exc: Exception, context: dict[str, Any]) -> Response:
    """Turn any exception into an answer; DRF's exception handler for this app's views."""
    error = exc if isinstance(exc, ApiError) else _translate(exc, context)
    set_rollback()
    response = Response(error.body(), status=error.status, headers=error.headers)
    if error.status == 500:
        _report(exc, context, response)
    return response


def _translate(exc: Exception, context: dict[str, Any]) -> ApiError:
    """Give an exception of Django or DRF its code and sentence; anything else is a 500."""
    match exc:
        case exceptions.MethodNotAllowed():
            message = _(
                "Only POST is allowed here. GET, and with it JSONP, would put secrets into "
                "addresses, which end up in logs and histories."
            )
            return ApiError("method_not_allowed", message, 405)
        case exceptions.UnsupportedMediaType():
            types = " or ".join(parser.media_type for parser in context["view"].parser_classes)
            message = _(
                "Send the body as %(types)s, in UTF-8, and say so in the Content-Type header."
            ) % {"types": types}
            return ApiError("unsupported_media_type", message, 415)
        case exceptions.Throttled():
            return ApiError("too_many_requests", _("Too many requests. Try again later."), 429)
        case exceptions.APIException(status_code=status) if status < 500 or status == 503:
            codes = exc.get_codes()
            code = codes if isinstance(codes, str) else "invalid_request"
            error = ApiError(code, first_message(exc.detail), status)
            if challenge := getattr(exc, "auth_header", ""):
                error.headers = {"WWW-Authenticate": challenge}
            return error
        case Http404():
            return ApiError("not_found", _("There is nothing at this address."), 404)
        case PermissionDenied():
            return ApiError("forbidden", _("This is not allowed."), 403)
        case OperationalError() | InterfaceError() | Busy():
            error = ApiError(
                "temporarily_unavailable", _("Nothing was changed. Try again in a moment."), 503
            )
            error.headers = {"Retry-After": "1"}
            return error
        case _:
            message = _("Something went wrong on our side. Try again later.")
            return ApiError("server_error", message, 500)


def _report(exc: Exception, context: dict[str, Any], response: Response) -> None:
    """Report a 500 as Django would have, had the exception reached it: signal, log, mail."""
    request = context["request"]._request
    got_request_exception.send(sender=None, request=request)
    log_response(
        "%s: %s",
        response.reason_phrase,
        request.path,
        response=response,
        request=request,
        exception=exc,
    )
