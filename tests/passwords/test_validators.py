"""The rules in ``AUTH_PASSWORD_VALIDATORS``."""

import pytest
from django.contrib.auth.password_validation import (
    password_validators_help_texts,
    validate_password,
)
from django.core.exceptions import ImproperlyConfigured, ValidationError

from dbconnections.models import Connection
from dbconnections.passwords.history import remember
from dbconnections.passwords.validators import PolicyValidator
from tests.factories import PASSWORD, ConnectionFactory, UserFactory

PACKAGE = "dbconnections.passwords.validators"


@pytest.fixture
def policy(settings):
    """Have the site's passwords judged by the policy validator alone."""

    def use(**options):
        settings.AUTH_PASSWORD_VALIDATORS = [
            {"NAME": f"{PACKAGE}.PolicyValidator", "OPTIONS": options}
        ]

    return use


def errors(password, user=None):
    try:
        validate_password(password, user)
    except ValidationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    ("options", "password", "problem"),
    [
        ({}, "kettle1", "At least 8 characters."),
        ({}, "kettlekettle", "At least 3 of these"),
        ({"level": "low"}, "kettl", "At least 6 characters."),
        ({"level": "none", "min_length": 15}, "fourteen-chars", "At least 15 characters."),
        ({"level": "excellent"}, "kettle-aaa-1", "No more than 2 equal characters"),
        ({"level": "none", "dictionary": 10000}, "Iloveyou", "This password is too common."),
        ({"level": "none", "words": ["Acme"]}, "acme", "This password is too common."),
    ],
)
def test_password_that_does_not_meet_the_policy(policy, options, password, problem):
    policy(**options)
    assert problem in errors(password)[0]
    assert errors("Walnut-ferry-41-long") == []


def test_personal_data(policy):
    policy(level="none", personal_data=True)
    user = UserFactory.build(username="aurelia", first_name="Quintessa", email="q.melchior@x.org")
    for password in ("my-Aurelia-1", "quintessa9", "xmelchiorx"):
        assert errors(password, user) == ["The password has your name, username or address in it."]
    assert errors("walnut", user) == []
    assert errors("my-Aurelia-1") == []
    policy(level="none")
    assert errors("my-Aurelia-1", user) == []


def test_help_text_names_all_rules(policy):
    policy(level="good", dictionary=10000, personal_data=True)
    [text] = password_validators_help_texts()
    for part in ("At least 8 characters. At least 3 of these", "many others use. ", "your name"):
        assert part in text


def test_level_that_is_none_is_told(policy):
    for options in ({"level": "better"}, {"dictionary": 5000}):
        policy(**options)
        said = "level is one of none, low, .*, dictionary 0, 10000, 100000"
        with pytest.raises(ImproperlyConfigured, match=said):
            errors("x")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("complexity", {"min_length": 0}, "min_length cannot be 0."),
        ("complexity", {"length": 9}, "length is no option."),
        ("complexity", "min_length", "must be one JSON object."),
        ("min_length", -3, "greater than or equal to 1"),
        ("min_length", 0, "greater than or equal to 1"),
        ("min_length", 129, "less than or equal to 128"),
        ("min_length", "long", "must be an integer"),
        ("words", "secret", "Write up to 200 words"),
        ("words", ["x" * 51], "Write up to 200 words"),
        ("words", ["x"] * 201, "Write up to 200 words"),
        ("words", [7], "Write up to 200 words"),
        ("words", None, "Write up to 200 words"),
    ],
)
def test_option_that_cannot_be_used_is_told_to_the_site_and_not_to_the_person(
    policy, option, value, reason
):
    """Who catches `ValidationError` around `validate_password` shows it to the person."""
    policy(**{option: value})
    with pytest.raises(ImproperlyConfigured) as told:
        validate_password("x")
    assert str(told.value).startswith(f"PolicyValidator: {option} is {value!r}: ")
    assert reason in str(told.value)


@pytest.mark.parametrize("words", [["Acme"], ("Acme",), {"Acme"}, iter(["Acme"])])
def test_words_come_as_any_collection(words):
    with pytest.raises(ValidationError):
        PolicyValidator("none", words=words).validate("acme")


def test_custom_strength(policy):
    policy(complexity={"sequential_characters": "block"})
    assert "No more than 2 characters in sequence" in errors("kettle-321")[0]
    assert errors("k") == []


def test_fields_of_the_default_store_are_personal(policy, settings):
    store = {"BACKEND": "dbconnections.accounts.ModelUserStore"}
    store |= {"OPTIONS": {"personal_fields": ["last_name"]}}
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": {"default": store}}
    policy(level="none", personal_data=True)
    user = UserFactory.build(first_name="Quintessa", last_name="Melchior")
    assert errors("quintessa9", user) == []
    assert errors("melchior9", user)


@pytest.mark.parametrize(
    "stores",
    [
        {"customers": {"BACKEND": "dbconnections.accounts.ModelUserStore"}},
        {"default": {"BACKEND": "shop.stores.Missing"}},
    ],
    ids=["no default store", "one that cannot be used"],
)
def test_without_a_default_store_the_usual_names_are_personal(policy, settings, stores):
    """A site's own changes of passwords must not fail for a store, nor go unjudged."""
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "USER_STORES": stores}
    user = UserFactory.build(username="aurelia", first_name="Quintessa")
    policy(level="none", personal_data=True)
    assert errors("quintessa9", user)
    assert errors("walnut", user) == []


def test_store_is_asked_for_personal_data_only(policy, settings, monkeypatch):
    def get_store(name):
        raise AssertionError

    monkeypatch.setattr("dbconnections.accounts.get_store", get_store)
    policy(level="none")
    assert errors("quintessa9", UserFactory.build(first_name="Quintessa")) == []


@pytest.mark.django_db
def test_history_holds_on_the_sites_own_pages_too(settings):
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{PACKAGE}.HistoryValidator"}]
    user = UserFactory()
    connection = ConnectionFactory(password_history_size=2)
    remember(connection, str(user.pk), user.password)
    assert "You may not reuse any of your last 2 passwords." in errors(PASSWORD, user)[0]
    assert errors("fresh-kettle-1", user) == []
    assert errors(PASSWORD) == []
    assert errors(PASSWORD, UserFactory.build()) == []
    Connection.objects.update(password_history_size=1)
    assert errors(PASSWORD, user)


def test_history_says_nothing_beforehand(settings):
    """How many passwords it remembers depends on the connection, and nobody is logged in yet."""
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{PACKAGE}.HistoryValidator"}]
    assert password_validators_help_texts() == [""]
