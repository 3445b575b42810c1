"""The error that says why a password is not good enough, in Auth0's words and in the reader's.

The four bodies are those published in `auth0/auth0-custom-password-reset-hosted-page`.
"""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_noop

from dbconnections.passwords.rules import Rule
from dbconnections.secret import Secret


class ValidatorFailed(Exception):
    """One of the site's validators has a fault of its own; nothing is known of the password."""


class PasswordRefused(Exception):
    """A password does not meet the rules.

    ``name``, ``message``, ``description`` and ``policy`` are Auth0's. ``sentences`` say in the
    current language what to change.
    """

    name: str
    message: str
    policy = ""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(self.message)
        self.sentences = sentences
        self.description: str | dict[str, Any] = ""


class TooWeak(PasswordRefused):
    """``rules`` are all there are, those that are met among them."""

    name = "PasswordStrengthError"
    message = gettext_noop("Password is too weak")

    def __init__(self, sentences: list[str], rules: Sequence[Rule], password: Secret) -> None:
        super().__init__(sentences)
        judged = [rule.judge(password.reveal()) for rule in rules]
        self.description = {"rules": judged, "verified": False}
        self.policy = "\n".join(str(rule) for rule in rules)


class TooCommon(PasswordRefused):
    name = "PasswordDictionaryError"
    message = gettext_noop("Password is too common")

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(sentences)
        self.description = "Password is not allowed, it might be too common."


class UsedBefore(PasswordRefused):
    """``age`` is in English ("a day ago"), empty where it is not known.

    The app's own POST never raises it, as it would tell who has an account; ``description`` is
    for an API of the site that changes the password of somebody who is logged in.
    """

    name = "PasswordHistoryError"
    message = gettext_noop("Password has previously been used")

    def __init__(self, sentences: list[str], size: int, age: str) -> None:
        super().__init__(sentences)
        used = f" This password was used {age}." if age else ""
        self.description = f"You may not reuse any of the last {size} passwords.{used}"


class Breached(PasswordRefused):
    """Auth0 has no error for this where a new password is asked for; these words are its page's."""

    name = "PasswordBreachedError"
    message = gettext_noop("Password is known from a data breach")


class Unchecked(PasswordRefused):
    """Nothing is known of the password, and the site would rather wait."""

    name = "PasswordUncheckedError"
    message = gettext_noop("Password cannot be checked at the moment")


class TooPersonal(PasswordRefused):
    name = "PasswordNoUserInfoError"
    message = gettext_noop("Password contains user information")

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(sentences)
        self.description = "Password is based on user information"
