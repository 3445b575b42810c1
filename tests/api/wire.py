"""What an answer of the endpoint looks like to a caller."""

import json
from typing import Any

from django.core import mail
from django.http import HttpResponse

from dbconnections.models import ResetTicket

SENTENCE = "We've just sent you an email to reset your password."

KEYS = ["name", "code", "error", "errorCode", "description", "error_description"]
KEYS += ["statusCode", "message"]
KEYS_WITH_POLICY = [*KEYS[:-1], "policy", "message"]

NAMES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    411: "LengthRequiredError",
    413: "PayloadTooLargeError",
    415: "UnsupportedMediaTypeError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}

# Headers that differ between any two answers.
COUNTERS = {"Date", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


def assert_accepted(response: HttpResponse) -> None:
    assert response.status_code == 200, response.content
    assert SENTENCE in response.content.decode()


def assert_error(response: HttpResponse, status: int, code: str, message: str = "") -> Any:
    """Check an error's whole form; return its body.

    ``message`` is all that it says where it ends with a full stop, and otherwise a part.
    """
    assert response.status_code == status, response.content
    body = json.loads(response.content)
    assert body["code"] == code, body
    assert response["Content-Type"] == "application/json"
    assert list(body) == KEYS
    assert body["name"] == NAMES[status]
    assert body["error"] == body["errorCode"] == body["code"]
    assert body["statusCode"] == status
    assert type(body["statusCode"]) is int
    assert body["message"] == body["description"] == body["error_description"]
    assert body["message"]
    is_whole = message.endswith(".")
    assert message == body["message"] if is_whole else message in body["message"]
    return body


def assert_nothing_done() -> None:
    assert not ResetTicket.objects.exists()
    assert mail.outbox == []


def whole(response: HttpResponse) -> tuple[int, dict[str, str], bytes]:
    """Return all that a caller can see of an answer, without what counts or tells the time."""
    headers = {name: value for name, value in response.items() if name not in COUNTERS}
    return response.status_code, headers, response.content
