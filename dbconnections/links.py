"""Ticket to signed token and back, and the sealing of a password given in a request.

The token is derived from the ticket's random id, never stored: a retried mail carries the same
link, and neither a copy of the database nor of a task queue holds one.
"""

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from dbconnections.conf import settings
from dbconnections.secret import Secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

# One salt a purpose: what was signed for a cookie must not pass for a mailed link.
MAILED = "dbconnections.links.mailed"
OPENED = "dbconnections.links.opened"
SHOWN = "dbconnections.links.shown"
SEALED = "dbconnections.links.sealed"


class BaseURLMissing(ImproperlyConfigured):
    """Nothing says of which site a link is; logs of delivery have the name of this class."""

    def __init__(self) -> None:
        super().__init__(
            'DBCONNECTIONS["BASE_URL"] is not set, so no link can be mailed. Set it to the '
            "scheme and host of this site, such as https://login.example.com."
        )


def make_token(ticket_id: UUID, purpose: str = MAILED) -> str:
    """Return the token of a ticket: 22 characters of id, a dot, 43 of HMAC-SHA256."""
    return _signer(purpose).sign(urlsafe_base64_encode(ticket_id.bytes))


def read_token(token: str, purpose: str = MAILED) -> UUID | None:
    """Return the ticket's id if the token is genuine and of this purpose, else None.

    Tokens signed under a key in ``SECRET_KEY_FALLBACKS`` stay genuine.
    """
    try:
        return UUID(bytes=urlsafe_base64_decode(_signer(purpose).unsign(token)))
    except (BadSignature, ValueError):
        return None


def _signer(purpose: str) -> Signer:
    return Signer(salt=purpose, sep=".", algorithm="sha256")


def base_url(request: HttpRequest) -> str:
    """Return the scheme and host that links start with, for a ticket being issued.

    Empty when ``BASE_URL`` is set, which needs no copy. Raises ``BaseURLMissing`` when
    it is not set and ``DEBUG`` is off: a link must never follow the caller's Host header.
    """
    if settings.BASE_URL:
        return ""
    if not django_settings.DEBUG:
        raise BaseURLMissing
    return f"{request.scheme}://{request.get_host()}"


def absolute(path: str, fallback: str = "") -> str:
    """Return a path of this site as a full address on ``BASE_URL``, else on ``fallback``."""
    return (settings.BASE_URL or fallback).rstrip("/") + path


def mailed_url(ticket_id: UUID, fallback: str = "") -> str:
    """Return the address a reset mail leads to.

    Raises ``BaseURLMissing`` when neither ``BASE_URL`` nor ``fallback`` says of which site.
    """
    if not (settings.BASE_URL or fallback):
        raise BaseURLMissing
    return absolute(reverse("dbconnections:link", args=[make_token(ticket_id)]), fallback)


def ask_url(client_id: str, connection: str) -> str:
    """Return the path of the page to ask for a link."""
    return _with_pair("dbconnections:ask", client_id, connection)


def asked_url(client_id: str, connection: str) -> str:
    """Return the path of the page after that one."""
    return _with_pair("dbconnections:asked", client_id, connection)


def _with_pair(name: str, client_id: str, connection: str) -> str:
    given = {"client_id": client_id, "connection": connection}
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{reverse(name)}?{query}"


def result_url(
    address: str, message: str, *, success: bool = True, in_fragment: bool = False, **more: str
) -> str:
    """Return a way back with ``success``, ``message`` and ``more`` in its query.

    The query goes before any fragment, or, for an application that routes by the fragment, into
    it: ``/#/login?success=true``. The parameters are those of Auth0's classic reset page, written
    as there; empty ones are left out.
    """
    parts = urlsplit(address)
    given = {"success": "true" if success else "false", "message": message, **more}
    added = urlencode({name: value for name, value in given.items() if value}, quote_via=quote)
    if in_fragment:
        route, _mark, query = parts.fragment.partition("?")
        query = "&".join(filter(None, [query, added]))
        return urlunsplit(parts._replace(fragment=f"{route or '/'}?{query}"))
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))


def seal(password: Secret, ticket_id: UUID) -> str:
    """Encrypt a password so that only the server, and only for this ticket, can read it."""
    return (
        _fernet(ticket_id, django_settings.SECRET_KEY).encrypt(password.reveal().encode()).decode()
    )


def unseal(sealed: str, ticket_id: UUID) -> Secret | None:
    """Return the sealed password, or None if no current or fallback key opens it."""
    from cryptography.fernet import InvalidToken

    for key in (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS):
        try:
            return Secret(_fernet(ticket_id, key).decrypt(sealed.encode()).decode())
        except InvalidToken:
            continue
    return None


def _fernet(ticket_id: UUID, secret_key: str | bytes) -> "Fernet":
    # Imported late: the library is a noticeable part of start-up, and few requests have a
    # password to seal.
    from cryptography.fernet import Fernet

    digest = salted_hmac(SEALED, ticket_id.bytes, secret=secret_key, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(digest))
