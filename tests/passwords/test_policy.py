"""What a connection asks of a password: Auth0's levels and options, and its limits of them."""

import re
from itertools import combinations, permutations

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbconnections import passwords
from dbconnections.models import Connection, PasswordDictionary, PasswordPolicy
from dbconnections.passwords import LEVELS, PasswordRefused, Policy, from_options, policy_of
from dbconnections.passwords.dictionary import SIZES
from dbconnections.passwords.personal import has_personal_data
from dbconnections.passwords.policy import validate_words
from dbconnections.passwords.rules import (
    ALL_TYPES,
    CharacterType,
    Contains,
    ContainsAtLeast,
    MaxBytes,
    MinLength,
    NoIdentical,
    NoSequential,
)
from dbconnections.secret import Secret

LOWERCASE, UPPERCASE, NUMBER, SPECIAL = ALL_TYPES
FAIR = (LOWERCASE, UPPERCASE, NUMBER)
ALL_NAMES = ["lowercase", "uppercase", "number", "special"]

repeatable = settings(derandomize=True, deadline=None)


@pytest.fixture
def policy_alone(settings):
    """Let the site's own validators have no say."""
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "SITE_VALIDATORS": False}


def is_met(policy, text):
    return all(rule.is_met(text) for rule in policy.rules())


def refusal(text, policy):
    with pytest.raises(PasswordRefused) as refused:
        passwords.check(Secret(text), policy)
    return refused.value


# Levels


@pytest.mark.parametrize(
    ("level", "text", "verdict"),
    [
        ("none", "", False),
        ("none", "x", True),
        ("none", " ", True),
        ("low", "12345", False),
        ("low", "123456", True),
        ("low", "aaaaaa", True),
        ("fair", "Abcdef1", False),
        ("fair", "Abcdefg1", True),
        ("fair", "Abcdefgh", False),
        ("fair", "abcdefg1", False),
        ("fair", "ABCDEFG1", False),
        ("fair", "abcdef1!", False),
        ("fair", "Aaaaaaa1", True),
        ("good", "Abcdef1", False),
        ("good", "Abcdefg1", True),
        ("good", "abcdef1!", True),
        ("good", "ABCDEF1 ", True),
        ("good", "Abcdefg!", True),
        ("good", "Abcdef1!", True),
        ("good", "abcdefg1", False),
        ("good", "Abcdefgé", False),
        ("good", "Aaaaaaa1", True),
        ("excellent", "Abcdefgh1", False),
        ("excellent", "Abcdefghi1", True),
        ("excellent", "abcdefgh1!", True),
        ("excellent", "abcdefghi1", False),
        ("excellent", "Aabbccdd11", True),
        ("excellent", "Abbbccdd11", False),
    ],
)
def test_level(level, text, verdict):
    assert is_met(LEVELS[level], text) is verdict


def test_levels_can_be_chosen():
    assert PasswordPolicy.values == [*LEVELS, "custom"]


# As in the bodies of errors that Auth0 has published.
GOOD = """\
* At least 8 characters in length
* Contain at least 3 of the following 4 types of characters:
 * lower case letters (a-z)
 * upper case letters (A-Z)
 * numbers (i.e. 0-9)
 * special characters (e.g. !@#$%^&*)"""
EXCELLENT = """\
* At least 10 characters in length
* Contain at least 3 of the following 4 types of characters:
 * lower case letters (a-z)
 * upper case letters (A-Z)
 * numbers (i.e. 0-9)
 * special characters (e.g. !@#$%^&*)
* No more than 2 identical characters in a row (e.g., "aaa" not allowed)"""


@pytest.mark.parametrize(("level", "text"), [("good", GOOD), ("excellent", EXCELLENT)])
def test_text_of_a_level(policy_alone, level, text):
    assert refusal("aaa", LEVELS[level]).policy == text


def test_object_of_a_level(policy_alone):
    assert refusal("aaa1", LEVELS["excellent"]).description == {
        "rules": [
            {
                "message": "At least %d characters in length",
                "format": [10],
                "code": "lengthAtLeast",
                "verified": False,
            },
            {
                "message": "Contain at least %d of the following %d types of characters:",
                "code": "containsAtLeast",
                "format": [3, 4],
                "items": [
                    {"message": "lower case letters (a-z)", "code": "lowerCase", "verified": True},
                    {"message": "upper case letters (A-Z)", "code": "upperCase", "verified": False},
                    {"message": "numbers (i.e. 0-9)", "code": "numbers", "verified": True},
                    {
                        "message": "special characters (e.g. !@#$%^&*)",
                        "code": "specialCharacters",
                        "verified": False,
                    },
                ],
                "verified": False,
            },
            {
                "message": 'No more than %d identical characters in a row (e.g., "%s" not allowed)',
                "code": "identicalChars",
                "format": [2, "aaa"],
                "verified": False,
            },
        ],
        "verified": False,
    }


def test_order_of_rules():
    policy = Policy(
        types=FAIR, blocks_identical=True, blocks_sequential=True, max_bytes=72, min_length=2
    )
    codes = [rule.code for rule in policy.rules()]
    assert codes == [
        "lengthAtLeast",
        "shouldContain",
        "identicalChars",
        "sequentialChars",
        "maxLength",
    ]


# Options


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ({}, Policy(min_length=1)),
        ({"min_length": 1}, Policy(min_length=1)),
        ({"min_length": 72}, Policy(min_length=72)),
        ({"character_types": []}, Policy()),
        ({"character_types": ["special"]}, Policy(types=(SPECIAL,))),
        ({"character_types": ALL_NAMES}, Policy(types=ALL_TYPES)),
        ({"character_type_rule": "all"}, Policy()),
        (
            {"character_types": ["number"], "character_type_rule": "all"},
            Policy(types=(NUMBER,)),
        ),
        (
            {"character_types": ALL_NAMES, "character_type_rule": "three_of_four"},
            Policy(types=ALL_TYPES, three_of_four=True),
        ),
        ({"identical_characters": "allow"}, Policy()),
        ({"identical_characters": "block"}, Policy(blocks_identical=True)),
        ({"sequential_characters": "allow"}, Policy()),
        ({"sequential_characters": "block"}, Policy(blocks_sequential=True)),
        ({"max_length_exceeded": "truncate"}, Policy()),
        ({"max_length_exceeded": "error"}, Policy(max_bytes=72)),
    ],
    ids=repr,
)
def test_options(options, policy):
    assert from_options(options) == policy


@pytest.mark.parametrize("order", list(permutations(ALL_NAMES)), ids=",".join)
@pytest.mark.parametrize("rule", ["all", "three_of_four"])
def test_order_of_types_does_not_matter(order, rule):
    expected = from_options({"character_types": ALL_NAMES, "character_type_rule": rule})
    assert from_options({"character_types": [*order], "character_type_rule": rule}) == expected


INVALID = {
    "min_length": [0, -1, 73, True, 8.0, "8", None, [8], {}],
    "character_types": [
        None,
        "lowercase",
        {"lowercase": True},
        ["digits"],
        ["Lowercase"],
        ["lowercase", ""],
        [None],
        [1],
        [["lowercase"]],
        [{}],
        True,
    ],
    "character_type_rule": ["any", "", "All", "three-of-four", None, True, 3, ["all"], {}],
    "identical_characters": ["forbid", "", "Block", None, True, False, 2, ["block"], {}],
    "sequential_characters": ["forbid", "", "Block", None, True, False, 2, ["block"], {}],
    "max_length_exceeded": ["allow", "", "Error", None, True, False, 72, ["error"], {}],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in INVALID.items() for value in values],
    ids=repr,
)
def test_invalid_option_is_named(field, value):
    with pytest.raises(ValidationError) as refused:
        from_options({"min_length": 8, field: value})
    assert refused.value.messages == [f"{field} cannot be {value!r}."]


@pytest.mark.parametrize("name", ["minLength", "min_lenght", "", "%(names)s", "%d"])
def test_unknown_option_is_named(name):
    with pytest.raises(ValidationError) as refused:
        from_options({name: 8})
    assert refused.value.messages == [
        f"{name} is no option. There are min_length, character_types, character_type_rule, "
        "identical_characters, sequential_characters, max_length_exceeded."
    ]


@pytest.mark.parametrize("options", [None, [], [["min_length", 8]], "min_length", 8, True])
def test_options_that_are_no_object(options):
    with pytest.raises(ValidationError) as refused:
        from_options(options)
    assert refused.value.messages == ["The custom strength must be one JSON object."]


@pytest.mark.parametrize(
    "types",
    [list(types) for number in range(4) for types in combinations(ALL_NAMES, number)],
    ids=repr,
)
def test_three_of_four_needs_four_types(types):
    with pytest.raises(ValidationError, match="needs all four"):
        from_options({"character_types": types, "character_type_rule": "three_of_four"})


def test_three_of_four_needs_types_at_all():
    with pytest.raises(ValidationError, match="needs all four"):
        from_options({"character_type_rule": "three_of_four"})


def test_same_type_twice_does_not_make_four():
    types = ["lowercase", "lowercase", "uppercase", "number"]
    with pytest.raises(ValidationError, match="needs all four"):
        from_options({"character_types": types, "character_type_rule": "three_of_four"})


# Connections


def test_connection_has_its_level():
    assert policy_of(Connection(password_policy="excellent")) == LEVELS["excellent"]


@pytest.mark.parametrize("level", ["best", "GOOD", ""])
def test_level_there_is_none_of_is_named(level):
    with pytest.raises(ValidationError) as refused:
        policy_of(Connection(password_policy=level))
    assert refused.value.messages == [f"Value {level!r} is not a valid choice."]


@pytest.mark.parametrize("least", [1, 9, 11, 128])
@pytest.mark.parametrize("level", LEVELS)
def test_minimum_length_supersedes_the_levels(level, least):
    policy = policy_of(Connection(password_policy=level, password_min_length=least))
    assert policy.min_length == least
    assert policy.rules()[1:] == LEVELS[level].rules()[1:]


@pytest.mark.parametrize("least", [1, 20])
def test_minimum_length_supersedes_that_of_options(least):
    connection = Connection(
        password_policy="custom",
        password_complexity={"min_length": 12, "identical_characters": "block"},
        password_min_length=least,
    )
    assert policy_of(connection) == Policy(min_length=least, blocks_identical=True)


def test_connection_has_its_options():
    options = {"min_length": 12, "character_types": ["number"], "max_length_exceeded": "error"}
    connection = Connection(password_policy="custom", password_complexity=options)
    assert policy_of(connection) == Policy(min_length=12, types=(NUMBER,), max_bytes=72)


def test_options_count_for_custom_only():
    connection = Connection(password_policy="low", password_complexity={"min_length": 12})
    assert policy_of(connection) == LEVELS["low"]


def test_connection_has_the_rest():
    connection = Connection(
        password_policy="none",
        password_dictionary=10_000,
        password_dictionary_words=["Acme", "STRASSE", "straße"],
        password_no_personal_info=True,
        password_history_size=24,
    )
    assert policy_of(connection) == Policy(
        common=10_000,
        words=frozenset({"acme", "strasse"}),
        refuses_personal_data=True,
        history_size=24,
    )


BYTES_LIMITED = {"max_length_exceeded": "error"}


def problems(**fields):
    """Return the fields of a connection that are refused."""
    connection = Connection(name="Users", **fields)
    try:
        connection.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return list(error.message_dict)
    return []


@pytest.mark.parametrize(
    ("field", "valid", "invalid"),
    [
        ("password_policy", ["none", "excellent", "custom"], ["", "best", None]),
        (
            "password_complexity",
            [{}, {"min_length": 15}, {"character_types": ["number"]}],
            [
                {"min_length": 0},
                {"minimum": 8},
                {"character_type_rule": "three_of_four"},
                ["min_length"],
                "low",
                *(None, [], ""),
            ],
        ),
        ("password_min_length", [None, 1, 128], [0, 129, -1]),
        ("password_history_size", [0, 1, 24], [25, -1, None]),
        ("password_dictionary", [0, *SIZES], [1, 9_999, 1_000_000, None]),
        ("password_dictionary_words", [[], ["acme"]], [["x" * 51], "acme", None, {}, ""]),
    ],
)
def test_limits_of_a_connection(field, valid, invalid):
    assert [value for value in valid if problems(**{field: value})] == []
    assert [value for value in invalid if problems(**{field: value}) != [field]] == []


@pytest.mark.parametrize("level", ["good", "custom"])
def test_invalid_options_of_a_connection_are_told_once(level):
    options = {"min_length": 0}
    fields = problems(password_policy=level, password_complexity=options)
    assert fields == ["password_complexity"]


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 128),
        ({"password_policy": "excellent"}, 128),
        ({"password_policy": "custom"}, 128),
        ({"password_policy": "custom", "password_complexity": BYTES_LIMITED}, 72),
        ({"password_policy": "good", "password_complexity": BYTES_LIMITED}, 128),
    ],
    ids=repr,
)
def test_some_password_has_to_be_long_enough(fields, most):
    assert problems(**fields, password_min_length=most) == []
    assert problems(**fields, password_min_length=most + 1) == ["password_min_length"]


@pytest.mark.parametrize("options", [{}, BYTES_LIMITED], ids=repr)
def test_some_password_has_to_be_long_enough_for_the_site(settings, options):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "PASSWORD_MAX_LENGTH": 20}
    fields = {"password_policy": "custom", "password_complexity": options}
    assert problems(**fields, password_min_length=20) == []
    assert problems(**fields, password_min_length=21) == ["password_min_length"]


def test_dictionaries_can_be_chosen():
    assert tuple(PasswordDictionary.values) == (0, *SIZES)


# Dictionary of one's own


@pytest.mark.parametrize(
    "words",
    [[], ["a"], ["two words"], ["x" * 50], ["😀" * 50], [f"word{n}" for n in range(200)]],
    ids=["none", "one letter", "with a space", "long", "emoji", "many"],
)
def test_words(words):
    assert validate_words(words) is None


@pytest.mark.parametrize(
    "words",
    [
        [f"word{n}" for n in range(201)],
        ["good", "x" * 51],
        [""],
        ["good", " \t"],
        [None],
        [1],
        [["acme"]],
        "acme",
        {"acme": 1},
        ("acme",),
        None,
        1,
    ],
    ids=[
        "too many",
        "too long",
        "empty",
        "blank",
        "null",
        "number",
        "list",
        "text",
        "object",
        "tuple",
        "nothing",
        "only a number",
    ],
)
def test_words_refused(words):
    with pytest.raises(ValidationError, match="up to 200 words of up to 50 characters"):
        validate_words(words)


# In words


@pytest.mark.parametrize(
    ("policy", "notes"),
    [
        (Policy(), []),
        (LEVELS["excellent"], []),
        (Policy(common=10_000), ["No password that many others use."]),
        (Policy(words=frozenset({"acme"})), ["No password that many others use."]),
        (Policy(refuses_personal_data=True), ["Nothing of your name, username or address."]),
        (Policy(history_size=1), ["Not your last password."]),
        (Policy(history_size=2), ["None of your last 2 passwords."]),
    ],
    ids=repr,
)
def test_notes(policy, notes):
    assert policy.notes() == notes


@pytest.mark.parametrize("language", ["en", "de"])
def test_everything_in_words(language):
    policy = Policy(common=10_000, refuses_personal_data=True, history_size=24)
    with translation.override(language):
        said = policy.notes()
    assert len(said) == 3
    assert "24" in said[-1]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("rule", "bounds"),
    [
        (MinLength(15), ["15"]),
        (Contains(FAIR), ["a-z", "A-Z", "0-9"]),
        (ContainsAtLeast(3), ["3", "a-z", "A-Z", "0-9", "!@#$%^&*"]),
        (NoIdentical(), ["2", "aaa"]),
        (NoSequential(), ["2", "abc"]),
        (MaxBytes(72), ["72"]),
    ],
    ids=repr,
)
def test_rule_in_words_has_its_bounds(language, rule, bounds):
    with translation.override(language):
        sentence = rule.sentence()
    assert [bound for bound in bounds if bound not in sentence] == []
    assert not re.search(r"%[(ds]", sentence)


def test_rules_in_words():
    """Whole, for the other languages are looked up by them."""
    policy = Policy(
        min_length=15, types=FAIR, blocks_identical=True, blocks_sequential=True, max_bytes=72
    )
    assert [rule.sentence() for rule in policy.rules()] == [
        "At least 15 characters.",
        "Each of these: lower case letters (a-z), upper case letters (A-Z), numbers (0-9).",
        "No more than 2 equal characters in a row, such as aaa.",
        "No more than 2 characters in sequence, such as abc or 321.",
        "At most 72 bytes, which is as many plain letters.",
    ]


# All of it

POLICIES = st.builds(
    Policy,
    min_length=st.integers(1, 12),
    types=st.sets(st.sampled_from(CharacterType)).map(
        lambda chosen: tuple(type_ for type_ in ALL_TYPES if type_ in chosen)
    ),
    three_of_four=st.booleans(),
    blocks_identical=st.booleans(),
    blocks_sequential=st.booleans(),
    max_bytes=st.sampled_from([0, 20, 72]),
    common=st.sampled_from([0, *SIZES]),
    words=st.sampled_from([frozenset(), frozenset({"kettle", "ab"})]),
    refuses_personal_data=st.booleans(),
)
PASSWORDS = st.one_of(
    st.text(st.sampled_from("aabcBCZ0129 !é😀\ud83d") | st.characters(), max_size=24),
    st.sampled_from(["password", "Passw0rd", "rainbow7", "Kettle", "xJane1!", "x" * 129]),
)
PERSONAL = ["Jane Doe", "jane@example.com"]


@settings(repeatable, max_examples=500)
@given(POLICIES, PASSWORDS)
@example(Policy(words=frozenset({"jane"}), refuses_personal_data=True), "jane")
@example(Policy(min_length=5, words=frozenset({"jane"}), refuses_personal_data=True), "jane")
@pytest.mark.usefixtures("policy_alone")
def test_password_is_taken_if_and_only_if_everything_is_met(policy, text):
    try:
        passwords.check(Secret(text), policy, personal=PERSONAL)
    except PasswordRefused as refused:
        name = refused.name
    else:
        name = ""
    if len(text) > 128 or not is_met(policy, text):
        assert name == "PasswordStrengthError"
    elif policy.is_common(text):
        assert name == "PasswordDictionaryError"
    elif policy.refuses_personal_data and has_personal_data(text, PERSONAL):
        assert name == "PasswordNoUserInfoError"
    else:
        assert name == ""


@repeatable
@given(POLICIES, PASSWORDS.filter(lambda text: len(text) <= 128))
@pytest.mark.usefixtures("policy_alone")
def test_weak_password_is_told_every_rule(policy, text):
    if is_met(policy, text):
        return
    refused = refusal(text, policy)
    assert refused.description["rules"] == [rule.judge(text) for rule in policy.rules()]
    assert refused.policy == "\n".join(map(str, policy.rules()))
    broken = [rule.sentence() for rule in policy.rules() if not rule.is_met(text)]
    assert refused.sentences[: len(broken)] == broken
