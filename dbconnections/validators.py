"""What an identifier, an origin and a way back may look like."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

validate_identifier = RegexValidator(
    r"\A[A-Za-z0-9_-]{1,64}\Z",
    _("Use up to 64 letters, digits, hyphens and underscores."),
)

# Auth0's Management API: 128 characters, alphanumeric and hyphens, alphanumeric at both ends.
validate_connection_name = RegexValidator(
    r"\A[A-Za-z0-9](?:[A-Za-z0-9-]{0,126}[A-Za-z0-9])?\Z",
    _("Use up to 128 letters, digits and hyphens, with a letter or digit at both ends."),
)


def is_origin(value: str) -> bool:
    """Say whether a text is an origin as a browser would send it; ``null`` is none."""
    match = _ORIGIN.fullmatch(value)
    if match is None:
        return False
    return (match[1], match[2]) not in {("https", "443"), ("http", "80")}


_HOST = r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])"
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://{_HOST}(?::([0-9]{{1,5}}))?")


def validate_origin(value: str) -> None:
    """Accept an origin exactly as a browser sends it: `https://app.example.com`.

    Raises ``ValidationError`` for a path, a wildcard, `null`, a default port or upper case,
    none of which would ever equal an ``Origin`` header (RFC 6454, section 6.1).
    """
    if not is_origin(value):
        raise ValidationError(
            _(
                "Write scheme and host in lower case and nothing after them, such as "
                "https://app.example.com; a port only when it is not the scheme's own."
            ),
            code="invalid_origin",
        )


def validate_result_url(value: str) -> None:
    """Accept an absolute address a browser may safely be sent to.

    Raises ``ValidationError`` for other schemes than https (http on the own machine only) and
    for what browsers and parsers read differently: user parts, backslashes, white space.
    """
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or re.search(r"[\\\s]", value)
        or CONTROL_CHARACTERS.search(value)
        or "@" in parts.netloc
        or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL_HOSTS))
        or not value.startswith(f"{parts.scheme}://{parts.netloc}")
        or not re.fullmatch(rf"{_HOST}(?::[0-9]{{1,5}})?", parts.netloc)
    ):
        raise ValidationError(
            _(
                "Write a full address that starts with https:// and a host in lower case, "
                "such as https://app.example.com/login; http:// only for localhost."
            ),
            code="invalid_result_url",
        )


def printable(text: str, length: int) -> str:
    """Return the printable start of a text a stranger sent, fit for logs and the admin."""
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text[:length]
