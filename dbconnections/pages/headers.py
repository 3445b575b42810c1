"""What every page says to browsers and caches."""

from urllib.parse import urlsplit

from django.http import HttpResponseBase
from django.templatetags.static import static


def protect(response: HttpResponseBase, *, nonce: str, logo_origin: str = "") -> None:
    """Forbid framing, caching, foreign content but a logo, and leaking the address.

    ``nonce`` is that of the page's own ``<style>``, and of no other answer: what somebody
    manages to put into a page has no style, and no style sheet is loaded.
    """
    sources = " ".join(filter(None, ["'self'", _static_origin()]))
    images = " ".join(dict.fromkeys([*sources.split(), *logo_origin.split()]))
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src {sources}; "
        f"img-src {images}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    response["X-Frame-Options"] = "DENY"
    response["X-Content-Type-Options"] = "nosniff"
    # Not `no-referrer`: browsers would send `Origin: null` with the form, which Django's CSRF
    # check refuses.
    response["Referrer-Policy"] = "same-origin"
    response["Cross-Origin-Opener-Policy"] = "same-origin"


def only_show(response: HttpResponseBase, logo_origin: str = "") -> None:
    """Let the site's own admin frame an answer that can be looked at and submit nothing.

    The sandbox gives it an origin of its own, so its scripts reach nothing of the admin's.
    """
    sources = " ".join(filter(None, ["'self'", _static_origin()]))
    images = " ".join(filter(None, [sources, logo_origin]))
    response["Content-Security-Policy"] = (
        # Pages and mails have their styles inline.
        f"sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src {sources}; img-src {images}; "
        "form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
    )
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"


def _static_origin() -> str:
    """Return the origin of the site's static files where that is not the site itself."""
    parts = urlsplit(static("dbconnections/pages.js"))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc
