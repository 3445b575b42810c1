"""The rules a password must meet, and the error that says which it does not."""

from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
    get_default_password_validators,
    password_validators_help_texts,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from dbconnections.conf import settings
from dbconnections.secret import Secret


@dataclass(frozen=True)
class Rule:
    """One rule and whether the password meets it, in the form of Auth0's rule objects."""

    message: str
    code: str
    format: tuple[int, ...]
    verified: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object; ``format`` is left out when empty, as Auth0 does."""
        body = asdict(self)
        if not self.format:
            del body["format"]
        return body

    def __str__(self) -> str:
        return self.message % self.format if "%d" in self.message else self.message


class ValidatorFailed(Exception):
    """One of the site's validators has a fault of its own; nothing is known of the password."""


class PasswordRefused(Exception):
    """A password does not meet the rules.

    ``name`` and ``message`` are Auth0's. ``sentences`` say in the current language what to
    change. ``rules`` is empty unless the password is too weak.
    """

    def __init__(
        self, name: str, message: str, sentences: list[str], rules: tuple[Rule, ...] = ()
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.sentences = sentences
        self.rules = rules

    @property
    def description(self) -> str | dict[str, Any]:
        """The ``description`` of Auth0's error body: the rules, or a sentence."""
        if self.rules:
            return {"rules": [rule.as_dict() for rule in self.rules], "verified": False}
        return _AUTH0_DESCRIPTIONS[self.name]

    @property
    def policy(self) -> str:
        """The ``policy`` of Auth0's error body: the rules as lines of text."""
        return "\n".join(f"* {rule}" for rule in self.rules)


# The bodies are those published in auth0/auth0-custom-password-reset-hosted-page.
_STRENGTH = ("PasswordStrengthError", "Password is too weak")
_DICTIONARY = ("PasswordDictionaryError", "Password is too common")
_USER_INFO = ("PasswordNoUserInfoError", "Password contains user information")
_AUTH0_DESCRIPTIONS = {
    "PasswordDictionaryError": "Password is not allowed, it might be too common.",
    "PasswordNoUserInfoError": "Password is based on user information",
}


@sensitive_variables()
def check(password: Secret, user: Any = None, *, stranger: Any = None) -> None:
    """Raise ``PasswordRefused`` unless the site's validators accept the password.

    Without a ``user`` only what needs none is checked, and likeness against the attributes of
    the unsaved ``stranger``. The length is capped before any validator runs: some are
    quadratic in it (CVE-2021-45115).
    """
    if len(password.reveal()) > settings.PASSWORD_MAX_LENGTH:
        limit = settings.PASSWORD_MAX_LENGTH
        rule = Rule("Maximum password length exceeded", "maxLength", (limit,), verified=False)
        raise PasswordRefused(
            *_STRENGTH,
            [_("The password may have at most %d characters.") % limit],
            (rule,),
        )

    strength: list[Rule] = []
    weak: list[str] = []
    other: list[tuple[tuple[str, str], list[str]]] = []
    for validator in get_default_password_validators():
        kind = _kind(validator)
        errors, failure = _judge(
            validator, password, user or (stranger if kind == _USER_INFO else None)
        )
        if failure:
            # Raised from here: neither its text nor its frames may show the password.
            raise ValidatorFailed(f"{type(validator).__name__} failed with {failure}.")
        if kind == _STRENGTH:
            strength.append(_rule(validator, verified=not errors))
            weak += errors
        elif errors:
            other.append((kind, errors))

    sentences = weak + [sentence for _kind, errors in other for sentence in errors]
    if weak:
        raise PasswordRefused(*_STRENGTH, sentences, tuple(strength))
    if other:
        raise PasswordRefused(*other[0][0], sentences)


def rules() -> list[str]:
    """Return the rules in words, in the current language."""
    return [str(text) for text in password_validators_help_texts() if text]


def _kind(validator: Any) -> tuple[str, str]:
    """Return name and message of Auth0's error that a validator's refusal amounts to."""
    if isinstance(validator, CommonPasswordValidator):
        return _DICTIONARY
    if isinstance(validator, UserAttributeSimilarityValidator):
        return _USER_INFO
    return _STRENGTH


def _judge(validator: Any, password: Secret, user: Any) -> tuple[list[str], str]:
    """Return what a validator has against a password, and the error it failed with itself."""
    try:
        validator.validate(password.reveal(), user)
    except ValidationError as error:
        return list(error.messages), ""
    except Exception as error:
        return [], type(error).__name__
    return [], ""


def _rule(validator: Any, *, verified: bool) -> Rule:
    if isinstance(validator, MinimumLengthValidator):
        length = validator.min_length
        return Rule("At least %d characters in length", "lengthAtLeast", (length,), verified)
    # A rule of the site's own has no counterpart at Auth0; its class is its code.
    return Rule(str(validator.get_help_text()), type(validator).__name__, (), verified)
