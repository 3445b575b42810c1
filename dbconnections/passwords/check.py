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
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from dbconnections.conf import settings
from dbconnections.passwords.personal import has_personal_data
from dbconnections.passwords.policy import Policy
from dbconnections.passwords.refusal import TooCommon, TooPersonal, TooWeak, ValidatorFailed
from dbconnections.passwords.rules import MaxCharacters, Rule
from dbconnections.secret import Secret

NOTHING = Policy(min_length=0)


@sensitive_variables()
def check(
    password: Secret,
    policy: Policy = NOTHING,
    *,
    user: Any = None,
    stranger: Any = None,
    personal: Iterable[str] = (),
) -> None:
    """Raise ``PasswordRefused`` unless a password meets the policy and the site's validators.

    ``personal`` is what is known of the person. Without a ``user`` only what needs none is
    checked, and likeness against the attributes of the unsaved ``stranger``. The length is
    capped before any rule runs: some validators are quadratic in it (CVE-2021-45115).
    """
    # No variable here holds the password: tracebacks and trackers show those of every frame.
    cap = MaxCharacters(settings.PASSWORD_MAX_LENGTH)
    if not cap.is_met(password.reveal()):
        raise TooWeak([cap.sentence()], [cap], password)

    policy = with_site(policy)
    sites = [_judge(validator, password, user, stranger) for validator in _validators()]
    rules = [*policy.rules(), *(judged.rule for judged in sites if judged.rule)]
    weak = [rule.sentence() for rule in policy.rules() if not rule.is_met(password.reveal())]
    weak += [error for judged in sites if judged.rule for error in judged.errors]
    common, alike = (
        [error for judged in sites if isinstance(judged.validator, kind) for error in judged.errors]
        for kind in (CommonPasswordValidator, UserAttributeSimilarityValidator)
    )
    if policy.is_common(password.reveal()):
        common = [_("This password is too common.")]
    if policy.refuses_personal_data and has_personal_data(password.reveal(), personal):
        alike = [_("The password has your name, username or address in it.")]
    if weak:
        raise TooWeak([*weak, *common, *alike], rules, password)
    if common:
        raise TooCommon([*common, *alike])
    if alike:
        raise TooPersonal(alike)


def sentences(policy: Policy = NOTHING) -> list[str]:
    """Return in the current language what a password must meet beside the policy's rules."""
    texts = (str(validator.get_help_text()) for validator in _validators())
    return [*policy.sentences(), *filter(None, texts)]


def with_site(policy: Policy) -> Policy:
    """Return the policy with the longer minimum length, its own or the site's."""
    lengths = (
        validator.min_length
        for validator in get_default_password_validators()
        if settings.SITE_VALIDATORS and isinstance(validator, MinimumLengthValidator)
    )
    return replace(policy, min_length=max(policy.min_length, *lengths, 0))


def _validators() -> list[Any]:
    """Return the site's validators but that of length, which `with_site` has taken over."""
    return [
        validator
        for validator in get_default_password_validators()
        if settings.SITE_VALIDATORS
        and not isinstance(validator, MinimumLengthValidator)
        and not getattr(validator, "is_checked_apart", False)
    ]


@dataclass(frozen=True)
class SiteRule(Rule):
    """A validator of the site as a rule: one without counterpart at Auth0 has its class as code."""

    validator: Any
    verified: bool

    @property
    def code(self) -> str:
        return type(self.validator).__name__

    @property
    def message(self) -> str:
        return str(self.validator.get_help_text())

    def is_met(self, password: str) -> bool:
        return self.verified

    def sentence(self) -> str:
        return self.message


@dataclass(frozen=True)
class Judged:
    """What a validator of the site says; ``rule`` unless Auth0 has another error for its kind."""

    validator: Any
    errors: list[str]
    rule: Rule | None


@sensitive_variables()
def _judge(validator: Any, password: Secret, user: Any, stranger: Any) -> Judged:
    is_alike = isinstance(validator, UserAttributeSimilarityValidator)
    errors, failure = _errors(validator, password, user or (stranger if is_alike else None))
    if failure:
        # Raised from here: neither its text nor its frames may show the password.
        raise ValidatorFailed(f"{type(validator).__name__} failed with {failure}.")
    if is_alike or isinstance(validator, CommonPasswordValidator):
        return Judged(validator, errors, None)
    return Judged(validator, errors, SiteRule(validator, not errors))


@sensitive_variables()
def _errors(validator: Any, password: Secret, user: Any) -> tuple[list[str], str]:
    """Return what a validator has against a password, and the error it failed with itself."""
    try:
        validator.validate(password.reveal(), user)
    except ValidationError as error:
        return list(error.messages), ""
    except Exception as error:
        return [], type(error).__name__
    return [], ""
