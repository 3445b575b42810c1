"""Cross-origin calls, allowed per client.

The allow-list is in the database, beside the client it belongs to. A preflight names no client,
so it is answered for the union of all; the POST itself only for the client it names. Cookies play
no part in this endpoint, so credentials are never allowed.
"""

from django.db import Error

from dbconnections.models import AllowedOrigin

ALLOWED_METHODS = "POST"
ALLOWED_HEADERS = "auth0-client, content-type"
EXPOSED_HEADERS = "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
MAX_AGE = 600


def is_allowed_for_any(origin: str) -> bool:
    """Say whether some active client allows an origin; one look into an index."""
    if not origin:
        return False
    listed = AllowedOrigin.objects.filter(origin=origin, client__is_active=True)
    try:
        # Compared once more: a database may ignore letter case and trailing space.
        return origin in listed.values_list("origin", flat=True)
    except Error:
        # The answer may be the very error that says so; it must still be given.
        return False


def preflight_headers(origin: str) -> dict[str, str]:
    """Return the headers that answer a preflight; none of these without an allowed origin."""
    if not is_allowed_for_any(origin):
        return {}
    return {
        **headers(origin),
        "Access-Control-Allow-Methods": ALLOWED_METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE),
    }


def headers(origin: str) -> dict[str, str]:
    """Return the headers that let scripts of an allowed origin read an answer, errors included."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED_HEADERS,
    }
