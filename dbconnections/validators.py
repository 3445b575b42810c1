"""What an address, an identifier, an origin, a way back, a colour and a logo may look like."""

import re
from urllib.parse import urlsplit

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import EmailValidator, RegexValidator
from django.utils.translation import gettext_lazy as _

from dbconnections.conf import settings

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}

# Patterns are texts: `re` compiles and keeps each when it is first used, and not when a process
# starts. A class that spans surrogates takes it a millisecond.
CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"

# RFC 5321, 4.5.3.1: 64 octets of local part; RFC 3696 erratum 1690: 254 in all.
MAX_LOCAL_PART = 64
MAX_ADDRESS = 254

# Dot-atom of RFC 5322 in ASCII. Quoted local parts and encoded words are legal somewhere, but
# mail software disagrees about where they end; Django's own validator lets some non-ASCII
# letters through that databases take for ASCII ones.
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_validate_domain = EmailValidator(allowlist=[])


def is_address(text: str) -> bool:
    """Say whether a text is an e-mail address that every mail system reads the same way."""
    local, _at, domain = text.rpartition("@")
    if (
        len(text) > MAX_ADDRESS
        or len(local) > MAX_LOCAL_PART
        or not re.fullmatch(_DOT_ATOM, local)
        or local.startswith("=?")
        or domain.startswith("[")
        or not text.isprintable()
    ):
        return False
    try:
        _validate_domain(f"a@{domain}")
    except ValidationError:
        return False
    return True


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
    match = re.fullmatch(_ORIGIN, value)
    if match is None:
        return False
    return (match[1], match[2]) not in {("https", "443"), ("http", "80")}


_HOST = r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])"
_ORIGIN = rf"([a-z][a-z0-9+.-]*)://{_HOST}(?::([0-9]{{1,5}}))?"


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
        or re.search(CONTROL_CHARACTERS, value)
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


def may_lead_to(address: str, own: str) -> bool:
    """Say whether a ticket's way back stays with its client's own, or on a host in the settings."""
    target, home = urlsplit(address), urlsplit(own)
    is_own = (target.scheme, target.netloc) == (home.scheme, home.netloc)
    return is_own or target.hostname in settings.RESULT_URL_HOSTS


validate_color = RegexValidator(
    r"\A#[0-9a-fA-F]{6}\Z",
    _("Write # and six digits or letters from a to f, such as #3d63dd."),
)

# No dot leads a part of it, so none leads out of the directory.
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._@-]*"
STATIC_IMAGE = rf"(?:{_PART}/)*{_PART}\.(?:svg|png|jpe?g|gif|webp|avif)"


def validate_logo(value: str) -> None:
    """Accept the path of a static file, or an address on a host in ``LOGO_HOSTS``.

    Raises ``ValidationError`` for anything else, and for a static file that is not there.
    """
    if ":" not in value:
        _validate_static_image(value)
        return
    validate_result_url(value)
    if (host := urlsplit(value).hostname) not in settings.LOGO_HOSTS:
        raise ValidationError(
            _(
                "Logos may not be loaded from %(host)s. Use a static file of this site, or have "
                'the host added to DBCONNECTIONS["LOGO_HOSTS"].'
            ),
            code="logo_host",
            params={"host": host},
        )


def _validate_static_image(path: str) -> None:
    if not re.fullmatch(STATIC_IMAGE, path):
        raise ValidationError(
            _(
                "Write the path of an image among the static files of this site, such as "
                "acme/logo.png."
            ),
            code="invalid_logo",
        )
    # Without the app nothing knows which files there are.
    if apps.is_installed("django.contrib.staticfiles") and not _is_there(path):
        raise ValidationError(
            _(
                "This site has no static file %(path)s. Check the spelling, or have the file "
                "added to the site."
            ),
            code="no_such_logo",
            params={"path": path},
        )


def _is_there(path: str) -> bool:
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.storage import staticfiles_storage

    try:
        return bool(finders.find(path) or staticfiles_storage.exists(path))
    except ImproperlyConfigured:
        return False  # no STATIC_ROOT, so there is nothing but what is found


def is_storable(text: str) -> bool:
    """Say whether every database keeps a text, NUL and half surrogate pairs being legal in JSON.

    PostgreSQL refuses the one, and the other has no UTF-8.
    """
    return re.search(r"[\0\ud800-\udfff]", text) is None


def printable(text: str, length: int) -> str:
    """Return the printable start of a text a stranger sent, fit for logs and the admin."""
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text[:length]
