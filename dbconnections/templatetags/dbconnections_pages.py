"""What the templates of the pages need."""

import re
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# As "a-z" and "0-9", which are no parts of longer words; no entity has a hyphen.
_RANGE = re.compile(r"(?<![\w-])\w-\w(?![\w-])", re.ASCII)


@register.filter
def whole_ranges(text: Any) -> SafeString:
    """Keep each range of characters in one line."""
    escaped = conditional_escape(text)
    marked = _RANGE.sub(r'<span class="nowrap">\g<0></span>', escaped)
    return mark_safe(marked)  # nosec B308, B703  # noqa: S308 (escaped above)
