"""What the site's validators say, in Auth0's words."""

import sys
import time
import traceback

import pytest
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.views.debug import ExceptionReporter

from dbconnections import passwords
from dbconnections.passwords import PasswordRefused
from dbconnections.passwords.refusal import ValidatorFailed
from dbconnections.secret import Secret
from tests.factories import UserFactory

CANARY = Secret("canary-1c9d")
NOTHING = passwords.Policy(min_length=0)
DJANGO = "django.contrib.auth.password_validation"


@pytest.fixture
def validators(settings):
    """Replace the site's validators."""

    def use(*names, **options):
        settings.AUTH_PASSWORD_VALIDATORS = [
            {"NAME": name if "." in name else f"{DJANGO}.{name}", "OPTIONS": options}
            for name in names
        ]

    return use


@pytest.fixture
def user():
    return UserFactory.build(username="aurelia", email="quintessa@example.com", password="")


def refusal(text, user=None):
    with pytest.raises(PasswordRefused) as refused:
        passwords.check(Secret(text), NOTHING, user=user)
    return refused.value


def verdicts(refused):
    """Return code and verdict of each rule."""
    return [(rule["code"], rule["verified"]) for rule in refused.description["rules"]]


def test_good_password(user):
    assert passwords.check(Secret("fresh-kettle-88"), NOTHING, user=user) is None


def test_site_without_validators(validators):
    validators()
    assert passwords.check(Secret("x"), NOTHING) is None
    assert passwords.requirements(NOTHING)[1] == []


def test_too_short(validators):
    validators("MinimumLengthValidator", min_length=10)
    refused = refusal("short")
    assert (refused.name, refused.message) == ("PasswordStrengthError", "Password is too weak")
    assert refused.description == {
        "rules": [
            {
                "message": "At least %d characters in length",
                "code": "lengthAtLeast",
                "format": [10],
                "verified": False,
            }
        ],
        "verified": False,
    }
    assert refused.policy == "* At least 10 characters in length"
    assert refused.sentences == ["At least 10 characters."]


def test_rules_that_are_met_are_told_as_well():
    refused = refusal("81726354")
    assert verdicts(refused) == [("lengthAtLeast", True), ("NumericPasswordValidator", False)]
    assert refused.policy.splitlines() == [
        "* At least 8 characters in length",
        "* Your password can\u2019t be entirely numeric.",
    ]


def test_common(validators):
    refused = refusal("iloveyou1")
    assert (refused.name, refused.message) == ("PasswordDictionaryError", "Password is too common")
    assert refused.description == "Password is not allowed, it might be too common."
    assert refused.policy == ""
    assert refused.sentences == ["This password is too common."]


@pytest.mark.parametrize("text", ["aurelia-1", "Aurelia1", "quintessa@example.com", "quintessa9"])
def test_personal(user, text):
    refused = refusal(text, user)
    assert refused.name == "PasswordNoUserInfoError"
    assert refused.message == "Password contains user information"
    assert refused.description == "Password is based on user information"
    assert refused.policy == ""
    assert "too similar to the" in refused.sentences[0]


@pytest.mark.parametrize("text", ["aurelia-1", "Aurelia1", "quintessa@example.com"])
def test_without_a_user_nothing_is_personal(text):
    assert passwords.check(Secret(text), NOTHING) is None


def test_likeness_to_a_stranger(user):
    with pytest.raises(PasswordRefused) as refused:
        passwords.check(Secret("quintessa9"), NOTHING, unsaved_user=user)
    assert refused.value.name == "PasswordNoUserInfoError"
    assert passwords.check(Secret("fresh-kettle-88"), NOTHING, unsaved_user=user) is None


def test_user_counts_more_than_a_stranger(user):
    stranger = UserFactory.build(username="melchior", email="melchior@example.org")
    assert passwords.check(Secret("melchior-88"), NOTHING, user=user, unsaved_user=stranger) is None
    with pytest.raises(PasswordRefused):
        passwords.check(Secret("aurelia-88"), NOTHING, user=user, unsaved_user=stranger)


def test_stranger_is_shown_to_no_other_validator(validators, user):
    """A rule of the site's own may look the user up, and would tell who has an account."""
    validators(f"{__name__}.{Recording.__name__}")
    Recording.seen.clear()
    passwords.check(Secret("x"), NOTHING, unsaved_user=user)
    assert Recording.seen == [(1, None)]


def test_too_weak_and_too_common_is_too_weak():
    refused = refusal("12345")
    assert refused.name == "PasswordStrengthError"
    assert refused.sentences[-1] == "This password is too common."
    assert len(refused.sentences) == 3
    assert verdicts(refused) == [("lengthAtLeast", False), ("NumericPasswordValidator", False)]


@pytest.mark.parametrize("step", [1, -1])
def test_common_comes_before_personal(validators, step):
    """As at Auth0, whatever order the site has."""
    validators(*("CommonPasswordValidator", "UserAttributeSimilarityValidator")[::step])
    refused = refusal("password", UserFactory.build(username="password"))
    assert refused.name == "PasswordDictionaryError"
    assert len(refused.sentences) == 2


class NoVowels:
    """A rule of the site's own."""

    def validate(self, password, user=None):
        if set(password) & set("aeiou"):
            raise ValidationError(["No %s.", "Not one."], params={}) from None

    def get_help_text(self):
        return "Use 100% consonants."


class Silent(NoVowels):
    def get_help_text(self):
        return ""


class Recording:
    seen = []

    def validate(self, password, user=None):
        self.seen.append((len(password), user))

    def get_help_text(self):
        return ""


class Crashing:
    """A validator with a fault, as when the service it asks is down."""

    def validate(self, password, user=None):
        copied = password.upper().lower()
        raise LookupError(f"cannot look up {copied}")

    def get_help_text(self):
        return ""


OWN = f"{__name__}.{NoVowels.__name__}"


def test_rule_of_the_sites_own(validators):
    validators(OWN)
    refused = refusal("kettle")
    assert refused.name == "PasswordStrengthError"
    [rule] = refused.description["rules"]
    assert rule == {"message": "Use 100% consonants.", "code": "NoVowels", "verified": False}
    assert refused.policy == "* Use 100% consonants."
    assert refused.sentences == ["No %s.", "Not one."]
    assert passwords.check(Secret("rhythm"), NOTHING) is None


def test_rules_in_words(validators):
    validators(OWN, f"{__name__}.{Silent.__name__}", "NumericPasswordValidator")
    assert passwords.requirements(NOTHING)[1] == [
        "Use 100% consonants.",
        "Your password can\u2019t be entirely numeric.",
    ]


def test_length_is_said_once_for_policy_and_site(validators):
    validators("MinimumLengthValidator", min_length=10)
    rules, notes = passwords.requirements(passwords.Policy(min_length=8))
    assert [rule.sentence() for rule in rules] == ["At least 10 characters."]
    assert notes == []


def test_user_is_handed_to_validators(validators, user):
    validators(f"{__name__}.{Recording.__name__}")
    Recording.seen.clear()
    passwords.check(Secret("x"), NOTHING, user=user)
    passwords.check(Secret("xy"), NOTHING)
    assert Recording.seen == [(1, user), (2, None)]


# Length


def test_longest_password(validators):
    validators()
    assert passwords.check(Secret("x" * 128), NOTHING) is None
    assert refusal("x" * 129).description["rules"] == [
        {
            "message": "Maximum password length exceeded",
            "code": "maxLength",
            "format": [128],
            "verified": False,
        }
    ]


def test_too_long_in_words():
    refused = refusal("x" * 129)
    assert refused.name == "PasswordStrengthError"
    assert refused.sentences == ["The password may have at most 128 characters."]
    assert refused.policy == "* Maximum password length exceeded 128"


def test_length_counts_characters(validators):
    validators()
    assert passwords.check(Secret("😀" * 128), NOTHING) is None


def test_longest_password_can_be_set(validators, settings):
    validators()
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "PASSWORD_MAX_LENGTH": 3}
    assert passwords.check(Secret("xyz"), NOTHING) is None
    assert refusal("wxyz").description["rules"][0]["format"] == [3]


def test_no_validator_sees_an_overlong_password(validators):
    validators(f"{__name__}.{Recording.__name__}")
    Recording.seen.clear()
    refusal("x" * 129)
    assert Recording.seen == []


@pytest.mark.parametrize("length", [129, 10_000, 1_000_000])
def test_overlong_password_is_refused_at_once(user, length):
    user.first_name = "x" * 150
    password = "xy" * length
    started = time.thread_time()
    refusal(password, user)
    assert time.thread_time() - started < 0.05


# Faults


@pytest.mark.parametrize("debug", [False, True])
def test_failing_validator_does_not_spill_the_password(validators, settings, debug):
    """Error pages, mails and trackers show the local variables of every frame."""
    settings.DEBUG = debug
    validators(f"{__name__}.{Crashing.__name__}")
    try:
        passwords.check(CANARY, NOTHING)
    except Exception as error:
        reporter = ExceptionReporter(None, *sys.exc_info())
        shown = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    shown += reporter.get_traceback_html() + reporter.get_traceback_text()
    assert "Crashing" in shown
    assert "LookupError" in shown
    assert CANARY.reveal() not in shown


def test_failing_validator_lets_no_password_through(validators):
    validators(f"{__name__}.{Crashing.__name__}")
    with pytest.raises(ValidatorFailed, match="Crashing failed with LookupError"):
        passwords.check(Secret("fresh-kettle-88"), NOTHING)


# What the policy and the site both ask


class StaffMinimumLength(MinimumLengthValidator):
    """A rule of the site's own that derives from Django's."""

    def validate(self, password, user=None):
        raise ValidationError("Staff need more.")


def test_validator_that_derives_from_djangos_runs(validators):
    validators(f"{__name__}.StaffMinimumLength")
    assert refusal("walnut-ferry-41").sentences == ["Staff need more."]


def test_django_counts_astral_characters_once(validators):
    """Four of them have the length of eight for Auth0, and of four for Django."""
    validators("MinimumLengthValidator", min_length=8)
    refused = refusal("😀" * 4)
    assert verdicts(refused) == [("lengthAtLeast", True), ("MinimumLengthValidator", False)]
    assert "too short" in refused.sentences[0]


def test_longer_of_both_lengths_counts(validators):
    validators("MinimumLengthValidator", min_length=10)
    for own, length in ((12, 12), (8, 10)):
        policy = passwords.Policy(min_length=own)
        passwords.check(Secret("x" * length), policy)
        with pytest.raises(PasswordRefused) as refused:
            passwords.check(Secret("x" * (length - 1)), policy)
        assert refused.value.sentences == [f"At least {length} characters."]


def test_history_is_checked_apart(validators):
    validators("dbconnections.passwords.validators.HistoryValidator")
    assert passwords.requirements(NOTHING) == ([], [])
