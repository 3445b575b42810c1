"""The rules for a new password as the page, its script and password managers are told them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from dbconnections.passwords.rules import (
    CharacterType,
    Contains,
    ContainsAtLeast,
    MaxBytes,
    MinLength,
    NoIdentical,
    NoSequential,
    Rule,
)

# What password managers call the types.
_CLASSES = {
    CharacterType.LOWERCASE: "lower",
    CharacterType.UPPERCASE: "upper",
    CharacterType.NUMBER: "digit",
    CharacterType.SPECIAL: "special",
}


@dataclass(frozen=True)
class ShownRule:
    """A rule as a page shows it; one with a ``code`` is ticked while the person types."""

    sentence: str
    code: str = ""
    bound: str = ""
    """The number in it, if it has one."""

    lead: str = ""
    """What stands above the ``types``, of which each is ticked too."""

    types: tuple[CharacterType, ...] = ()

    def __str__(self) -> str:
        return self.sentence


def shown_rules(rules: Iterable[Rule], sentences: Iterable[str]) -> list[ShownRule]:
    """Return what the page lists: the rules it can judge, then what only the server can."""
    # The field itself says that it must not be empty.
    shown = [_shown(rule) for rule in rules if rule.code != "nonEmpty"]
    return [*shown, *map(ShownRule, sentences)]


def _shown(rule: Rule) -> ShownRule:
    sentence, bound = rule.sentence(), str(next(iter(rule.format), ""))
    match rule:
        case Contains():
            lead = gettext("Each of these:")
        case ContainsAtLeast():
            lead = gettext("At least %d of these:") % rule.least
        case MinLength() | NoIdentical() | NoSequential() | MaxBytes():
            lead = ""
        case _:
            return ShownRule(sentence)
    return ShownRule(sentence, rule.code, bound, lead, rule.types)


def generator_rules(rules: Iterable[Rule]) -> str:
    """Return what password managers are to heed, in the language of ``passwordrules``.

    It knows neither sequences nor "three of four", for which three are required.
    """
    said = []
    for rule in rules:
        match rule:
            case MinLength(least) if least > 1:
                said.append(f"minlength: {least}")
            case Contains() | ContainsAtLeast():
                least = rule.least if isinstance(rule, ContainsAtLeast) else len(rule.types)
                required = [_CLASSES[type_] for type_ in rule.types[:least]]
                said += [f"required: {name}" for name in required]
                # What is not named is not used: digits alone would be a poor password.
                others = [name for name in ("lower", "upper", "digit") if name not in required]
                if others:
                    said.append(f"allowed: {', '.join(others)}")
            case NoIdentical(most):
                said.append(f"max-consecutive: {most}")
            case MaxBytes(most):
                said.append(f"maxlength: {most}")
    return " ".join(f"{part};" for part in said)
