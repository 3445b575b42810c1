"""Whom a page or a mail is from: name, logo, colours, support and terms."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.templatetags.static import static

from dbconnections.conf import settings
from dbconnections.contrast import readable_on, text_on
from dbconnections.validators import (
    STATIC_IMAGE,
    validate_color,
    validate_logo,
    validate_result_url,
)

if TYPE_CHECKING:
    from dbconnections.models import Branded, Client, Connection

DEFAULT_COLOR = "#3d63dd"

# The darkest background there is on light pages and mails, and the lightest on dark ones: what
# is readable on these is so on all of them.
DARKEST_LIGHT = "#f1f3f6"
LIGHTEST_DARK = "#23272e"

FIELDS = ("logo", "primary_color", "support_email", "support_url", "terms_url")

# What may stand in the setting, with what judges it.
VALIDATORS: dict[str, Any] = {
    "name": lambda name: None,
    "logo": validate_logo,
    "primary_color": validate_color,
    "support_email": validate_email,
    "support_url": validate_result_url,
    "terms_url": validate_result_url,
}


@dataclass(frozen=True, kw_only=True)
class Brand:
    """What a page or a mail shows of whom it is from; texts are empty where nobody says."""

    name: str
    """The application's, as its users know it."""

    logo_url: str
    """A path of this site, or a full address."""

    support_email: str
    support_url: str
    terms_url: str

    accent: str
    """Colour of buttons and links on a light background: text on it in ``on_accent``, and it
    itself as text, have the contrast WCAG 2.2 asks of text; likewise on a dark one."""

    on_accent: str
    accent_dark: str
    on_accent_dark: str

    @property
    def logo_origin(self) -> str:
        """Scheme and host of a logo that is not on this site's own, else empty."""
        parts = urlsplit(self.logo_url)
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc


def brand_of(client: "Client | None" = None, connection: "Connection | None" = None) -> Brand:
    """Return the first that client, connection and settings say of each; ask no database."""
    sources = [*(_said(model) for model in (client, connection) if model), settings.BRANDING]
    # Together: the address of one and the page of another would lead to two places.
    support = next(filter(_has_support, sources), {})
    return Brand(
        name=client.name if client else _text(settings.BRANDING, "name"),
        logo_url=next(filter(None, map(_logo_url, sources)), ""),
        support_email=_text(support, "support_email"),
        support_url=_text(support, "support_url"),
        terms_url=_first(sources, "terms_url"),
        **colors(_first(sources, "primary_color")),
    )


def problems_in(branding: Mapping[str, Any]) -> Iterable[str]:
    """Say what is wrong with a value of the setting ``BRANDING``."""
    for name, value in branding.items():
        if name not in VALIDATORS:
            yield f"has {name!r}; it may have {', '.join(VALIDATORS)}"
        elif not isinstance(value, str):
            yield f"must hold texts, and {name!r} is none"
        elif value:
            try:
                VALIDATORS[name](value)
            except ValidationError as error:
                yield f"has a {name!r} that cannot be used: {error.messages[0]}"


@lru_cache(maxsize=256)
def colors(primary: str) -> dict[str, str]:
    """Return the four colours made of one, or of the app's own if it is none."""
    try:
        validate_color(primary)
    except ValidationError:
        primary = DEFAULT_COLOR
    accent = readable_on(DARKEST_LIGHT, primary.lower())
    accent_dark = readable_on(LIGHTEST_DARK, primary.lower())
    return {
        "accent": accent,
        "on_accent": text_on(accent),
        "accent_dark": accent_dark,
        "on_accent_dark": text_on(accent_dark),
    }


def _said(model: "Branded") -> dict[str, str]:
    return {name: getattr(model, name) for name in FIELDS}


def _text(source: Mapping[str, Any], name: str) -> str:
    # A setting may hold anything, and pages are shown whatever the system check has said.
    value = source.get(name, "")
    return value if isinstance(value, str) else ""


def _first(sources: Iterable[Mapping[str, Any]], name: str) -> str:
    return next(filter(None, (_text(source, name) for source in sources)), "")


def _has_support(source: Mapping[str, Any]) -> bool:
    return bool(_text(source, "support_email") or _text(source, "support_url"))


def _logo_url(source: Mapping[str, Any]) -> str:
    """Return the address a logo is loaded from; empty where it may not or cannot be."""
    logo = _text(source, "logo")
    try:
        if re.fullmatch(STATIC_IMAGE, logo):
            return static(logo)
        # Judged anew: its origin ends up in a header, and its host may have been taken from the
        # setting since it was saved.
        validate_result_url(logo)
    except (ValueError, ValidationError):
        # No address, or no file: storages with a manifest know which there are.
        return ""
    return logo if urlsplit(logo).hostname in settings.LOGO_HOSTS else ""
