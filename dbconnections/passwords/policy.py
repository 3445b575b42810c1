"""What a connection asks of a password, as a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from dbconnections.passwords.dictionary import is_common
from dbconnections.passwords.personal import has_personal_data
from dbconnections.passwords.rules import (
    ALL_TYPES,
    BCRYPT_BYTES,
    CharacterType,
    Contains,
    ContainsAtLeast,
    MaxBytes,
    MinLength,
    NoIdentical,
    NoSequential,
    Rule,
)

if TYPE_CHECKING:
    from dbconnections.models import Connection

# Auth0's limits of a connection's options, as its Management API documents them.
MAX_MIN_LENGTH = 128
MAX_HISTORY = 24
MAX_WORDS = 200
MAX_WORD_LENGTH = 50

CUSTOM = "custom"


@dataclass(frozen=True)
class Policy:
    """Everything that can be asked of a password."""

    min_length: int = 1
    types: tuple[CharacterType, ...] = ()
    three_of_four: bool = False
    blocks_identical: bool = False
    blocks_sequential: bool = False
    max_bytes: int = 0
    """Most bytes in UTF-8; 0 is no limit."""

    common: int = 0
    """How many of the most common passwords are refused; 0 is none."""

    words: frozenset[str] = frozenset()
    """Passwords refused on this connection, case-folded."""

    refuses_personal_data: bool = False
    history_size: int = 0
    """How many of an account's last passwords are refused; 0 is none."""

    def rules(self) -> list[Rule]:
        """Return the rules of strength, in Auth0's order."""
        rules: list[Rule] = [MinLength(self.min_length)] if self.min_length else []
        if self.three_of_four:
            rules.append(ContainsAtLeast(3))
        elif self.types:
            rules.append(Contains(self.types))
        if self.blocks_identical:
            rules.append(NoIdentical())
        if self.blocks_sequential:
            rules.append(NoSequential())
        if self.max_bytes:
            rules.append(MaxBytes(self.max_bytes))
        return rules

    def is_common(self, password: str) -> bool:
        """Say whether a password is in the dictionary, the shared one or the connection's own."""
        return is_common(password, self.common) or password.casefold() in self.words

    @sensitive_variables()
    def failures(
        self, password: str, personal: Iterable[str] = ()
    ) -> tuple[list[str], list[str], list[str]]:
        """Return what is wrong with a password, in the current language.

        In three lists: what makes it weak, common, and like what is known of the person.
        """
        weak = [rule.sentence() for rule in self.rules() if not rule.is_met(password)]
        common = [_("This password is too common.")] if self.is_common(password) else []
        is_alike = self.refuses_personal_data and has_personal_data(password, personal)
        alike = [_("The password has your name, username or address in it.")] if is_alike else []
        return weak, common, alike

    def notes(self) -> list[str]:
        """Return what the rules of strength do not show, in the current language."""
        said = []
        if self.common or self.words:
            said.append(_("No password that many others use."))
        if self.refuses_personal_data:
            said.append(_("Nothing of your name, username or address."))
        if self.history_size:
            said.append(
                ngettext(
                    "Not your last password.",
                    "None of your last %(size)d passwords.",
                    self.history_size,
                )
                % {"size": self.history_size}
            )
        return said


# Names and bounds are those of the package `auth0-password-policies`, which Auth0's own pages use.
LEVELS = {
    "none": Policy(),
    "low": Policy(min_length=6),
    "fair": Policy(
        min_length=8,
        types=(CharacterType.LOWERCASE, CharacterType.UPPERCASE, CharacterType.NUMBER),
    ),
    "good": Policy(min_length=8, types=ALL_TYPES, three_of_four=True),
    "excellent": Policy(min_length=10, types=ALL_TYPES, three_of_four=True, blocks_identical=True),
}
"""Auth0's five levels of strength by name, each as a policy without a connection's options."""


def policy_of(connection: "Connection") -> Policy:
    """Return a connection's policy; its ``password_min_length`` supersedes the level's.

    Raises ``ValidationError`` for a level there is none of, or options that cannot be used.
    """
    name = connection.password_policy
    if name == CUSTOM:
        policy = from_options(connection.password_complexity)
    elif name in LEVELS:
        policy = LEVELS[name]
    else:
        # No form lets it in, but SQL does, or another version of this app.
        messages = connection._meta.get_field("password_policy").error_messages
        raise ValidationError(
            messages["invalid_choice"], code="invalid_choice", params={"value": name}
        )
    return replace(
        policy,
        min_length=connection.password_min_length or policy.min_length,
        common=connection.password_dictionary,
        words=frozenset(word.casefold() for word in connection.password_dictionary_words),
        refuses_personal_data=connection.password_no_personal_info,
        history_size=connection.password_history_size,
    )


def from_options(options: Mapping[str, Any]) -> Policy:
    """Return the policy of Auth0's ``password_options.complexity``.

    Raises ``ValidationError`` for what Auth0 refuses too. ``max_length_exceeded: truncate`` is
    read as no limit: a password is never shortened here.
    """
    if not isinstance(options, Mapping):
        raise ValidationError(_("The custom strength must be one JSON object."))
    for name, value in options.items():
        if name not in _OPTIONS:
            raise ValidationError(
                _("%(name)s is no option. There are %(names)s."),
                params={"name": name, "names": ", ".join(_OPTIONS)},
            )
        if not _OPTIONS[name](value):
            raise ValidationError(
                _("%(name)s cannot be %(value)r."), params={"name": name, "value": value}
            )
    chosen = options.get("character_types", [])
    # In Auth0's order, whatever theirs is.
    types = tuple(type_ for type_ in CharacterType if type_.value in chosen)
    three_of_four = options.get("character_type_rule") == "three_of_four"
    if three_of_four and types != ALL_TYPES:
        raise ValidationError(
            _("Three of four needs all four character types: choose all, or ask for each.")
        )
    return Policy(
        min_length=options.get("min_length", 1),
        types=types,
        three_of_four=three_of_four,
        blocks_identical=options.get("identical_characters") == "block",
        blocks_sequential=options.get("sequential_characters") == "block",
        max_bytes=BCRYPT_BYTES if options.get("max_length_exceeded") == "error" else 0,
    )


def validate_options(options: Any) -> None:
    """Accept what `from_options` does; for the field of a model."""
    from_options(options)


def validate_words(words: Any) -> None:
    """Accept a dictionary of one's own: up to 200 words of up to 50 characters, as at Auth0."""
    is_list = type(words) is list and all(type(word) is str and word.strip() for word in words)
    if not is_list or len(words) > MAX_WORDS or any(len(word) > MAX_WORD_LENGTH for word in words):
        raise ValidationError(
            _("Write up to %(words)d words of up to %(length)d characters."),
            params={"words": MAX_WORDS, "length": MAX_WORD_LENGTH},
        )


def _is_one_of(*values: str) -> Any:
    return lambda value: type(value) is str and value in values


_OPTIONS: dict[str, Any] = {
    "min_length": lambda value: type(value) is int and 1 <= value <= BCRYPT_BYTES,
    "character_types": lambda value: (
        type(value) is list and all(item in list(CharacterType) for item in value)
    ),
    "character_type_rule": _is_one_of("all", "three_of_four"),
    "identical_characters": _is_one_of("allow", "block"),
    "sequential_characters": _is_one_of("allow", "block"),
    "max_length_exceeded": _is_one_of("error", "truncate"),
}
