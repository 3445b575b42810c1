"""How pages and mails say when something happened."""

from collections.abc import Iterable
from datetime import datetime

from django import template
from django.utils.formats import date_format, get_format_modules
from django.utils.translation import get_language

register = template.Library()


@register.filter(expects_localtime=True)
def date_and_time(moment: datetime | None) -> str:
    """Return ``date:"DATETIME_FORMAT"``, or what the language has for date and time.

    Where a language has those two alone, as Arabic does, Django joins nothing and takes the
    setting, which is English.
    """
    if not moment:
        return ""
    modules = get_format_modules(get_language() or "")
    if _has(modules, "DATETIME_FORMAT") or not _has(modules, "DATE_FORMAT"):
        return date_format(moment, "DATETIME_FORMAT")
    return f"{date_format(moment, 'DATE_FORMAT')} {date_format(moment, 'TIME_FORMAT')}"


def _has(modules: Iterable[object], name: str) -> bool:
    return any(hasattr(module, name) for module in modules)
