"""Passwords that anybody who knows the person would try.

Auth0's option *Personal Data*: a password may not contain any part of the name, username or
nickname, nor of the e-mail address before its `@`. How short a part still counts is not documented
there; here it has three characters, so that a *Jo* may write *joy*.
"""

import unicodedata
from collections.abc import Iterable

MIN_PART = 3

# The most that is looked at, so that the cost has a bound whatever stands in a profile.
MAX_LENGTH = 254


def has_personal_data(password: str, values: Iterable[str]) -> bool:
    """Say whether a password has any part of these values in it, in whatever case."""
    folded = _folded(password)
    return any(part in folded for value in values for part in parts_of(value))


def parts_of(value: str) -> set[str]:
    """Return a value as a whole and its words; of an address, what stands before the ``@``."""
    # A nickname may begin with the sign that ends the local part of an address.
    folded = _folded(value[:MAX_LENGTH].strip().lstrip("@").partition("@")[0].strip())
    words = "".join(character if _is_in_word(character) else " " for character in folded).split()
    return {part for part in (folded, *words) if len(part) >= MIN_PART}


def _is_in_word(character: str) -> bool:
    # Marks are the vowels of many scripts, and dots and accents of others.
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
