"""All that is asked of a password: by the connection's policy, and by the site's validators."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
    get_default_password_validators,
)
from django.core.exceptions import ValidationError
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from dbconnections.conf import settings
from dbconnections.passwords.policy import Policy
from dbconnections.passwords.refusal import TooCommon, TooPersonal, TooWeak, ValidatorFailed
from dbconnections.passwords.rules import MaxCharacters, MinLength, Rule
from dbconnections.passwords.validators import HistoryValidator
from dbconnections.secret import Secret


@sensitive_variables()
def check(
    password: Secret,
    policy: Policy,
    *,
    user: Any = None,
    unsaved_user: Any = None,
    personal: Iterable[str] = (),
) -> None:
    """Raise ``PasswordRefused`` unless a password meets the policy and the site's validators.

    ``personal`` is what is known of the person. Without a ``user`` only what needs none is
    checked, and likeness against the attributes of the ``unsaved_user``. The length is capped
    before any rule runs: some validators are quadratic in it (CVE-2021-45115).
    """
    # No variable here holds the password: tracebacks and trackers show those of every frame.
    cap = MaxCharacters(settings.PASSWORD_MAX_LENGTH)
    if not cap.is_met(password.reveal()):
        raise TooWeak([cap.sentence()], [cap], password)

    policy = with_site(policy)
    rules = policy.rules()
    weak, common, alike = policy.failures(password.reveal(), personal)
    is_long = MinLength(policy.min_length).is_met(password.reveal())
    for validator in _validators():
        errors = _errors(validator, password, user, unsaved_user)
        match validator:
            case CommonPasswordValidator():
                common = common or errors
            case UserAttributeSimilarityValidator():
                alike = alike or errors
            case _ if type(validator) is MinimumLengthValidator and not (errors and is_long):
                # The policy has its length; only of astral characters Django counts fewer.
                continue
            case _:
                rules.append(SiteRule(validator, not errors))
                weak += errors
    if weak:
        raise TooWeak([*weak, *common, *alike], rules, password)
    if common:
        raise TooCommon([*common, *alike])
    if alike:
        raise TooPersonal(alike)


def requirements(policy: Policy) -> tuple[list[Rule], list[str]]:
    """Return what a person has to heed: rules, and sentences on what no rule can show."""
    texts = (
        str(validator.get_help_text())
        for validator in _validators()
        if type(validator) is not MinimumLengthValidator
    )
    return with_site(policy).rules(), [*policy.notes(), *filter(None, texts)]


def with_site(policy: Policy) -> Policy:
    """Return the policy with the longer minimum length, its own or the site's."""
    lengths = (
        validator.min_length
        for validator in _validators()
        if type(validator) is MinimumLengthValidator
    )
    longest = max(lengths, default=0)
    return replace(policy, min_length=longest) if longest > policy.min_length else policy


def _validators() -> list[Any]:
    """Return the site's validators but that of the history, which is checked apart."""
    if not settings.SITE_VALIDATORS:
        return []
    validators = get_default_password_validators()
    return [validator for validator in validators if not isinstance(validator, HistoryValidator)]


@dataclass(frozen=True)
class SiteRule(Rule):
    """A validator of the site, judged already; it has no counterpart at Auth0 but its class."""

    validator: Any
    verified: bool

    @property
    def code(self) -> str:
        return type(self.validator).__name__

    @property
    def message(self) -> str:
        # For programs, as the messages of Auth0's own rules, which are English.
        with translation.override("en"):
            return str(self.validator.get_help_text())

    def is_met(self, password: str) -> bool:
        return self.verified


@sensitive_variables()
def _errors(validator: Any, password: Secret, user: Any, unsaved_user: Any) -> list[str]:
    """Return what a validator has against a password; raise ``ValidatorFailed`` for a fault."""
    if user is None and isinstance(validator, UserAttributeSimilarityValidator):
        user = unsaved_user
    try:
        validator.validate(password.reveal(), user)
    except ValidationError as error:
        return list(error.messages)
    except Exception as error:
        failure = type(error).__name__
    else:
        return []
    # Raised from here: neither its text nor its frames may show the password.
    raise ValidatorFailed(f"{type(validator).__name__} failed with {failure}.")
