"""What the templates of the mails' texts need."""

import unicodedata
from collections.abc import Iterator

from django import template

register = template.Library()

COLUMNS = 72

# Of what texts in Chinese and Japanese begin no line with, and end none with: brackets, full
# stops and small letters, the former two by their categories in Unicode.
_SMALL = frozenset("ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NOT_FIRST = frozenset({"Pe", "Pf", "Po", "Lm", "Mn"})
_NOT_LAST = frozenset({"Ps", "Pi"})


@register.filter(is_safe=True)
def wrapped(text: str) -> str:
    """Break lines that are too wide, at spaces and, unlike ``wordwrap``, in texts without any.

    What has neither a space nor a wide character, such as a link, stays whole.
    """
    return "\n".join(map(_wrapped, str(text).split("\n")))


def _wrapped(line: str) -> str:
    if _columns(line) <= COLUMNS:
        return line
    lines = [""]
    for piece in _pieces(line):
        if lines[-1] and _columns(lines[-1] + piece.rstrip()) > COLUMNS:
            lines.append("")
        lines[-1] += piece
    return "\n".join(map(str.rstrip, lines))


def _pieces(line: str) -> Iterator[str]:
    """Return what a line may be broken between."""
    start = 0
    for at in range(1, len(line)):
        before, after = line[at - 1], line[at]
        is_between_wide = (
            _columns(before + after) > 2
            and unicodedata.category(before) not in _NOT_LAST
            and unicodedata.category(after) not in _NOT_FIRST
            and after not in _SMALL
        )
        if after != " " and (before == " " or is_between_wide):
            yield line[start:at]
            start = at
    yield line[start:]


def _columns(text: str) -> int:
    """Return how wide a text is where characters are of one width or of two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
