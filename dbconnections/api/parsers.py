"""Bodies in JSON and as forms, read strictly.

What two readers could understand differently is refused, not guessed at: duplicate keys
(RFC 7493), text that is not UTF-8 (RFC 8259, 8.1), lone surrogates and NUL. The password is
wrapped as soon as it is read, before any frame of the framework can show it in a traceback.
"""

import io
import json
from collections.abc import Iterable, Mapping
from typing import IO, Any, NoReturn
from urllib.parse import parse_qsl

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from dbconnections.api.errors import ApiError, InvalidRequest
from dbconnections.conf import settings
from dbconnections.secret import Secret
from dbconnections.validators import is_storable

# A form of this endpoint has six fields; SDKs add a few of their own.
MAX_FORM_FIELDS = 50


class StrictParser(BaseParser):
    """Read a body of bounded size into a dict with no key twice."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body's fields; raise ``ApiError`` with 400 or 413, or DRF's 415."""
        _require_utf8(media_type or "")
        request = (parser_context or {}).get("request")
        fields = self.read(_text(_whole(_limited(stream), request)))
        if password := fields.get("password"):
            fields["password"] = Secret(password) if type(password) is str else password
        return fields

    def read(self, text: str) -> dict[str, Any]:
        """Return the fields of a decoded body."""
        raise NotImplementedError


class StrictJSONParser(StrictParser):
    """`application/json`: exactly one object."""

    media_type = "application/json"

    def read(self, text: str) -> dict[str, Any]:
        try:
            body = _decoder.decode(text)
        except (ValueError, RecursionError):
            # From None: the error quotes the body, and with it the password.
            raise InvalidRequest(_("The body is not valid JSON.")) from None
        if type(body) is not dict:
            raise InvalidRequest(_("The body must be one JSON object."))
        return body


class StrictFormParser(StrictParser):
    """`application/x-www-form-urlencoded`, which auth0-js up to version 7 sends."""

    media_type = "application/x-www-form-urlencoded"

    def read(self, text: str) -> dict[str, Any]:
        try:
            pairs = parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
            )
        except ValueError:
            raise InvalidRequest(_("The form is not valid or has too many fields.")) from None
        return _unique(pairs)


def measure(request: HttpRequest) -> None:
    """Give a body that comes in chunks its length, without which Django would read none of it.

    Raises ``ApiError``: 411 where the server cannot tell where such a body ends, 413 as ever.
    """
    if "HTTP_TRANSFER_ENCODING" not in request.META or request.META.get("CONTENT_LENGTH"):
        return
    stream: Any = getattr(request, "_stream", None)
    if isinstance(request, WSGIRequest):
        stream = request.META["wsgi.input"] if request.META.get("wsgi.input_terminated") else None
    if stream is None:
        message = _("Send the body at once, with a Content-Length header, not in chunks.")
        raise ApiError("length_required", message, 411)
    body = _limited(stream)
    request.META["CONTENT_LENGTH"] = str(len(body))
    vars(request)["_stream"] = io.BytesIO(body)


def _require_utf8(media_type: str) -> None:
    """Refuse a charset parameter other than UTF-8."""
    for parameter in media_type.lower().split(";")[1:]:
        name, _equals, value = parameter.strip().partition("=")
        if name.strip() == "charset" and value.strip(' "') not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type)


def _limited(stream: IO[bytes]) -> bytes:
    """Read the body, never more than one byte past its limit."""
    limit = settings.MAX_BODY_SIZE
    try:
        body = stream.read(limit + 1)
    except OSError:
        # The caller hung up halfway; nobody is there to read this, nor is anything wrong here.
        raise InvalidRequest(_("The body did not arrive whole.")) from None
    if len(body) > limit:
        message = _("The body is larger than %d bytes.") % limit
        raise ApiError("payload_too_large", message, 413)
    return body


def _whole(body: bytes, request: Any) -> bytes:
    """Return a body that has the length that was announced.

    Of a caller that hangs up, servers hand on what has come. A form cut short is a form all the
    same, with a shorter password, or somebody else's address.
    """
    # Where it is no number, REST framework has found no body, and asks no parser.
    announced = int(request.META.get("CONTENT_LENGTH") or 0) if request else 0
    if len(body) < announced:
        raise InvalidRequest(_("The body did not arrive whole."))
    return body


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(_("The body is not valid UTF-8.")) from None


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a dict, refusing duplicates and text no database can hold."""
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise InvalidRequest(_("A field is in the body twice; send each once."))
        if not is_storable(key) or (type(value) is str and not is_storable(value)):
            raise InvalidRequest(_("The body holds a NUL character or half a surrogate pair."))
        fields[key] = value
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Kept: `json.loads` makes one at each call that has a hook.
_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
