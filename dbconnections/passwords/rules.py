"""The rules of a password's strength, each of which says of itself what Auth0's would.

Their bounds, codes and messages are those of `auth0/password-sheriff`, to the character. It counts
and compares UTF-16 code units, as JavaScript does, and knows only ASCII letters and digits.
"""

import string
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext


class CharacterType(StrEnum):
    """A kind of character; the values are those of Auth0's ``character_types``."""

    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"
    NUMBER = "number"
    SPECIAL = "special"

    @property
    def code(self) -> str:
        return _CODES[self]

    @property
    def message(self) -> str:
        return _MESSAGES[self]

    @property
    def words(self) -> str:
        """The type in the language of whoever reads it."""
        return str(_WORDS[self])

    @property
    def label(self) -> Any:
        """The same, translated when it is shown."""
        return _WORDS[self]

    def is_in(self, password: str) -> bool:
        """Say whether a password has a character of this type."""
        return not _CHARACTERS[self].isdisjoint(password)


ALL_TYPES = tuple(CharacterType)

# What bcrypt reads of a password.
BCRYPT_BYTES = 72

_CODES = {
    CharacterType.LOWERCASE: "lowerCase",
    CharacterType.UPPERCASE: "upperCase",
    CharacterType.NUMBER: "numbers",
    CharacterType.SPECIAL: "specialCharacters",
}
_MESSAGES = {
    CharacterType.LOWERCASE: "lower case letters (a-z)",
    CharacterType.UPPERCASE: "upper case letters (A-Z)",
    CharacterType.NUMBER: "numbers (i.e. 0-9)",
    CharacterType.SPECIAL: "special characters (e.g. !@#$%^&*)",
}
_WORDS = {
    CharacterType.LOWERCASE: gettext_lazy("lower case letters (a-z)"),
    CharacterType.UPPERCASE: gettext_lazy("upper case letters (A-Z)"),
    CharacterType.NUMBER: gettext_lazy("numbers (0-9)"),
    CharacterType.SPECIAL: gettext_lazy("special characters (such as !@#$%^&*)"),
}
_CHARACTERS = {
    CharacterType.LOWERCASE: frozenset(string.ascii_lowercase),
    CharacterType.UPPERCASE: frozenset(string.ascii_uppercase),
    CharacterType.NUMBER: frozenset(string.digits),
    # OWASP's list of special characters, the space among them.
    CharacterType.SPECIAL: frozenset(" " + string.punctuation),
}


class Rule:
    """One rule. ``format`` fills the ``message``, whose ``%d`` and ``%s`` Auth0 leaves in."""

    types: tuple[CharacterType, ...] = ()

    @property
    def code(self) -> str:
        raise NotImplementedError

    @property
    def message(self) -> str:
        raise NotImplementedError

    @property
    def format(self) -> tuple[int | str, ...]:
        return ()

    def is_met(self, password: str) -> bool:
        """Say whether a password meets the rule."""
        raise NotImplementedError

    def sentence(self) -> str:
        """Return the rule in the current language."""
        raise NotImplementedError

    def explain(self) -> dict[str, Any]:
        """Return Auth0's object for the rule, before any password is judged."""
        explained: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.format:
            explained["format"] = list(self.format)
        if self.types:
            explained["items"] = [{"message": t.message, "code": t.code} for t in self.types]
        return explained

    def judge(self, password: str) -> dict[str, Any]:
        """Return Auth0's object for the rule, with what a password makes of it."""
        judged = self.explain()
        for type_, item in zip(self.types, judged.get("items", ()), strict=True):
            item["verified"] = type_.is_in(password)
        return {**judged, "verified": self.is_met(password)}

    def __str__(self) -> str:
        """Return the rule as Auth0's ``policy`` text has it."""
        if self.format and "%d" in self.message:
            first = self.message % self.format
        else:
            # As JavaScript's `util.format`, which appends what has no place.
            first = " ".join([self.message, *map(str, self.format)])
        return "\n ".join([f"* {first}", *(f"* {type_.message}" for type_ in self.types)])


@dataclass(frozen=True)
class MinLength(Rule):
    """At least so many UTF-16 code units: password-sheriff's ``length``."""

    least: int

    @property
    def code(self) -> str:
        return "nonEmpty" if self.least == 1 else "lengthAtLeast"

    @property
    def message(self) -> str:
        if self.least == 1:
            return "Non-empty password required"
        return "At least %d characters in length"

    @property
    def format(self) -> tuple[int, ...]:
        return () if self.least == 1 else (self.least,)

    def is_met(self, password: str) -> bool:
        return utf16_length(password) >= self.least

    def sentence(self) -> str:
        least = self.least
        return ngettext("At least %d character.", "At least %d characters.", least) % least


@dataclass(frozen=True)
class Contains(Rule):
    """A character of each type: password-sheriff's ``contains``."""

    types: tuple[CharacterType, ...]
    code = "shouldContain"
    message = "Should contain:"

    def is_met(self, password: str) -> bool:
        return all(type_.is_in(password) for type_ in self.types)

    def sentence(self) -> str:
        return _("Each of these: %(types)s.") % {"types": in_words(self.types)}


@dataclass(frozen=True)
class ContainsAtLeast(Rule):
    """Characters of at least so many of the types: password-sheriff's ``containsAtLeast``."""

    least: int
    types: tuple[CharacterType, ...] = ALL_TYPES
    code = "containsAtLeast"
    message = "Contain at least %d of the following %d types of characters:"

    @property
    def format(self) -> tuple[int, ...]:
        return (self.least, len(self.types))

    def is_met(self, password: str) -> bool:
        return sum(type_.is_in(password) for type_ in self.types) >= self.least

    def sentence(self) -> str:
        return _("At least %(least)d of these: %(types)s.") % {
            "least": self.least,
            "types": in_words(self.types),
        }


@dataclass(frozen=True)
class NoLongerRun(Rule):
    """No more than so many characters in a row that go together; Auth0's is always two."""

    most: int = 2


class NoIdentical(NoLongerRun):
    """No longer run of one UTF-16 code unit: password-sheriff's ``identicalChars``."""

    code = "identicalChars"
    message = 'No more than %d identical characters in a row (e.g., "%s" not allowed)'

    @property
    def format(self) -> tuple[int | str, ...]:
        return (self.most, "a" * (self.most + 1))

    def is_met(self, password: str) -> bool:
        runs = (len(list(run)) for _unit, run in groupby(utf16(password)))
        return bool(password) and max(runs) <= self.most

    def sentence(self) -> str:
        most, example = self.format
        return _("No more than %(most)d equal characters in a row, such as %(example)s.") % {
            "most": most,
            "example": example,
        }


class NoSequential(NoLongerRun):
    """No longer run of ASCII letters or digits that go up or down one by one.

    password-sheriff's ``sequentialChars``. By code point, so `Z` does not follow `a`, nor `A` `9`.
    """

    code = "sequentialChars"
    message = 'No more than %d sequential alphanumeric characters (e.g., "%s" not allowed)'

    @property
    def format(self) -> tuple[int | str, ...]:
        example = "".join(chr(ord("a") + n) for n in range(self.most + 1))
        return (self.most, example)

    def is_met(self, password: str) -> bool:
        return bool(password) and longest_sequence(password) <= self.most

    def sentence(self) -> str:
        most, example = self.format
        return _("No more than %(most)d characters in sequence, such as %(example)s or 321.") % {
            "most": most,
            "example": example,
        }


@dataclass(frozen=True)
class MaxLength(Rule):
    """No longer than so much, counted one way or another: password-sheriff's ``maxLength``."""

    most: int
    code = "maxLength"
    message = "Maximum password length exceeded"

    @property
    def format(self) -> tuple[int, ...]:
        return (self.most,)


class MaxBytes(MaxLength):
    """At most so many bytes in UTF-8, as bcrypt reads no more."""

    def is_met(self, password: str) -> bool:
        return 0 < len(password.encode("utf-8", "surrogatepass")) <= self.most

    def sentence(self) -> str:
        return _("At most %d bytes, which is as many plain letters.") % self.most


class MaxCharacters(MaxLength):
    """At most so many characters; not Auth0's, but told in the words it has for bytes."""

    def is_met(self, password: str) -> bool:
        return len(password) <= self.most

    def sentence(self) -> str:
        return _("The password may have at most %d characters.") % self.most


def in_words(types: tuple[CharacterType, ...]) -> str:
    """Return a list of character types in the current language."""
    return ", ".join(type_.words for type_ in types)


def utf16(text: str) -> list[bytes]:
    """Return a text's UTF-16 code units; an astral character has two."""
    units = text.encode("utf-16-le", "surrogatepass")
    return [units[index : index + 2] for index in range(0, len(units), 2)]


def utf16_length(text: str) -> int:
    """Return the length of a text as JavaScript counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


def longest_sequence(text: str) -> int:
    """Return the length of the longest run of letters or digits with neighbouring codes."""
    longest = length = 1
    direction = 0
    for first, second in pairwise(text):
        are_alphanumeric = is_alphanumeric(first) and is_alphanumeric(second)
        step = ord(second) - ord(first) if are_alphanumeric else 0
        if step not in {-1, 1}:
            length, direction = 1, 0
        elif step == direction:
            length += 1
        else:
            length, direction = 2, step
        longest = max(longest, length)
    return longest


def is_alphanumeric(character: str) -> bool:
    """Say whether a character is an ASCII letter or digit."""
    return character.isascii() and character.isalnum()
