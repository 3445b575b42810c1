"""The rules of strength: Auth0's bounds, to the UTF-16 code unit, and Auth0's words."""

import json
import string
import struct
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbconnections.passwords.rules import (
    ALL_TYPES,
    CharacterType,
    Contains,
    ContainsAtLeast,
    MaxBytes,
    MaxCharacters,
    MinLength,
    NoIdentical,
    NoSequential,
    Rule,
)

LOWERCASE, UPPERCASE, NUMBER, SPECIAL = ALL_TYPES
LONE_SURROGATE = "\ud83d"  # half an emoji, as JSON can have it

repeatable = settings(derandomize=True, deadline=None)


def named(table):
    """Run a test for each text of a table, under its name."""
    return pytest.mark.parametrize("text", table.values(), ids=table)


# Length


@pytest.mark.parametrize("least", [1, 2, 6, 8, 10, 128])
def test_min_length(least):
    rule = MinLength(least)
    assert not rule.is_met("x" * (least - 1))
    assert rule.is_met("x" * least)
    assert rule.is_met("x" * (least + 1))


UTF_16_LENGTHS = {
    "emoji": ("😀", 2),
    "family of three": ("👨‍👩‍👧", 8),
    "flag": ("🇩🇪", 4),
    "last of the first plane": ("\uffff", 1),
    "first of the second plane": ("\U00010000", 2),
    "last of all": ("\U0010ffff", 2),
    "composed letter": ("\N{LATIN SMALL LETTER E WITH ACUTE}", 1),
    "decomposed letter": ("e\N{COMBINING ACUTE ACCENT}", 2),
    "lone surrogate": (LONE_SURROGATE, 1),
    "null": ("\0", 1),
    "tab": ("\t", 1),
}


@pytest.mark.parametrize(("text", "length"), UTF_16_LENGTHS.values(), ids=UTF_16_LENGTHS)
def test_min_length_counts_utf_16(text, length):
    assert MinLength(length).is_met(text)
    assert not MinLength(length + 1).is_met(text)


MOST_BYTES = {
    "one byte": "x" * 72,
    "two bytes": "é" * 36,
    "three bytes": "€" * 24,
    "four bytes": "😀" * 18,
    "lone surrogates": LONE_SURROGATE * 24,
}


@named(MOST_BYTES)
def test_max_bytes(text):
    rule = MaxBytes(72)
    assert rule.is_met(text[:-1])
    assert rule.is_met(text)
    assert not rule.is_met(f"{text}x")


@pytest.mark.parametrize("character", ["x", "é", "€", "😀", LONE_SURROGATE])
def test_max_characters(character):
    rule = MaxCharacters(128)
    assert rule.is_met(character * 127)
    assert rule.is_met(character * 128)
    assert not rule.is_met(character * 129)


# Types of characters

CHARACTERS = {
    LOWERCASE: "abcdefghijklmnopqrstuvwxyz",
    UPPERCASE: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    NUMBER: "0123456789",
    # OWASP's, of which the space is the first.
    SPECIAL: " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}


def test_number_of_special_characters():
    assert len(set(CHARACTERS[SPECIAL])) == 33


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_type_has_each_of_its_characters(type_):
    assert [character for character in CHARACTERS[type_] if not type_.is_in(character)] == []


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_type_has_no_other_character_of_unicode(type_):
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not type_.is_in(everything.translate(dict.fromkeys(map(ord, CHARACTERS[type_]))))


@pytest.mark.parametrize(
    "character",
    [
        "é",
        "ß",
        "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
        "\N{LATIN SMALL LETTER DOTLESS I}",
        "\N{KELVIN SIGN}",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "²",
        "\N{FULLWIDTH LATIN SMALL LETTER A}",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}",
        "\N{FULLWIDTH DIGIT ONE}",
        "\N{FULLWIDTH EXCLAMATION MARK}",
        "€",
        "§",
        "\N{ACUTE ACCENT}",
        "\N{NO-BREAK SPACE}",
        "\t",
        "\n",
        "\0",
        "😀",
        LONE_SURROGATE,
    ],
    ids=ascii,
)
def test_character_of_no_type(character):
    assert not any(type_.is_in(character) for type_ in ALL_TYPES)


FOUND_AT = {"start": "a000", "middle": "00a0", "end": "000a", "second line": "0\na", "alone": "a"}


@named(FOUND_AT)
def test_character_is_found_anywhere(text):
    assert LOWERCASE.is_in(text)


FAIR = (LOWERCASE, UPPERCASE, NUMBER)


@pytest.mark.parametrize(
    ("types", "text", "verdict"),
    [
        (FAIR, "aB3", True),
        (FAIR, "aB3!", True),
        (FAIR, "aB!", False),
        (FAIR, "a3!", False),
        (FAIR, "B3!", False),
        (ALL_TYPES, "aB3!", True),
        (ALL_TYPES, "aB3 ", True),
        (ALL_TYPES, "aB3", False),
        (ALL_TYPES, "aB3é", False),
        ((SPECIAL,), "!", True),
        ((SPECIAL,), "aB3", False),
    ],
)
def test_contains(types, text, verdict):
    assert Contains(types).is_met(text) is verdict


@pytest.mark.parametrize(
    ("least", "text", "verdict"),
    [
        (3, "a", False),
        (3, "aaaBBB", False),
        (3, "a3", False),
        (3, "aBéß", False),
        (3, "aB3", True),
        (3, "aB!", True),
        (3, "a3 ", True),
        (3, "B3!", True),
        (3, "aB3!", True),
        (4, "aB3", False),
        (4, "aB3!", True),
        (1, "é", False),
        (1, "~", True),
    ],
)
def test_contains_at_least(least, text, verdict):
    assert ContainsAtLeast(least).is_met(text) is verdict


# Runs of one character

NO_RUN = {
    "one": "a",
    "two": "aa",
    "two and two": "aabb",
    "two, another, two": "aabaa",
    "in different cases": "aAa",
    "alternating": "ababab",
    "emoji, of two units each": "😀😀😀",
    "composed and decomposed": "éée\N{COMBINING ACUTE ACCENT}",
}
RUN = {
    "three": "aaa",
    "four": "aaaa",
    "start": "aaab",
    "middle": "baaab",
    "end": "baaa",
    "after a pair": "bbaaa",
    "spaces": "a   b",
    "nulls": "\0\0\0",
    "letters beyond ASCII": "ééé",
    "combining marks": "e" + "\N{COMBINING ACUTE ACCENT}" * 3,
    "lone surrogates": LONE_SURROGATE * 3,
    "two lone surrogates and an emoji that starts like them": LONE_SURROGATE * 2 + "😀",
}


@named(NO_RUN)
def test_no_run(text):
    assert NoIdentical().is_met(text)


@named(RUN)
def test_run(text):
    assert not NoIdentical().is_met(text)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_longest_run(most):
    assert NoIdentical(most).is_met("b" + "a" * most)
    assert not NoIdentical(most).is_met("b" + "a" * (most + 1))


# Sequences

NO_SEQUENCE = {
    "one": "a",
    "two ascending": "ab",
    "two descending": "ba",
    "equal": "aaa",
    "every other": "ace",
    "nine and colon": "89:",
    "colon and nine": ":98",
    "slash and zero": "/01",
    "Z and bracket": "YZ[",
    "at and A": "@AB",
    "z and brace": "yz{",
    "backtick and a": "`ab",
    "nine and A": "89AB",
    "Z and a": "YZab",
    "round the end of the alphabet": "yza",
    "round the end of the digits": "890",
    "mixed case": "aBc",
    "up and down": "aba",
    "down and up": "bab",
    "up and down by turns": "121212",
    "a pair and a pair": "ab12",
    "a pair twice": "abab",
    "stays once": "abbc",
    "interrupted by a space": "ab c",
    "interrupted by an emoji": "ab😀c",
    "interrupted by a letter beyond ASCII": "abéc",
    "interlaced": "a1b2c3",
    "punctuation": "!\"#$%&'()*+,-./",
    "Greek": "\N{GREEK SMALL LETTER BETA}\N{GREEK SMALL LETTER GAMMA}\N{GREEK SMALL LETTER DELTA}",
    "Arabic digits": "".join(map(chr, range(0x661, 0x665))),
    "full-width letters": "".join(map(chr, range(0xFF41, 0xFF45))),
    "emoji": "😀😁😂",
    "lone surrogates": "\ud800\ud801\ud802",
}
SEQUENCE = {
    "ascending": "abc",
    "descending": "cba",
    "upper case": "ABC",
    "upper case descending": "CBA",
    "first digits": "012",
    "last digits": "789",
    "first digits descending": "210",
    "last digits descending": "987",
    "end of the alphabet": "xyz",
    "end of the alphabet in upper case": "XYZ",
    "end of the alphabet descending": "zyx",
    "four": "abcd",
    "at the start": "abc!9",
    "in the middle": "!9abc!9",
    "at the end": "!9abc",
    "right before a border": "789:",
    "right after a border": "/012",
    "down after one step up": "bcba",
    "up after one step down": "baabc",
    "up right after one step down": "3234",
    "down after a stay": "baacba",
    "after an emoji": "😀abc",
    "after a lone surrogate": f"{LONE_SURROGATE}abc",
}


@named(NO_SEQUENCE)
def test_no_sequence(text):
    assert NoSequential().is_met(text)


@named(SEQUENCE)
def test_sequence(text):
    assert not NoSequential().is_met(text)


@pytest.mark.parametrize("most", [2, 3, 25])
def test_longest_sequence(most):
    alphabet = string.ascii_lowercase
    assert NoSequential(most).is_met(alphabet[:most])
    assert not NoSequential(most).is_met(alphabet[: most + 1])


def test_no_two_in_sequence():
    for text in ("a", "ac", "a-b", "ab"):
        assert NoSequential(1).is_met(text) is (text != "ab")


# No password at all


@pytest.mark.parametrize(
    "rule",
    [
        MinLength(1),
        MinLength(8),
        Contains(FAIR),
        ContainsAtLeast(3),
        NoIdentical(),
        NoSequential(),
        MaxBytes(72),
    ],
    ids=repr,
)
def test_empty_password_meets_no_rule(rule):
    assert not rule.is_met("")


def test_empty_password_is_not_too_long():
    assert MaxCharacters(128).is_met("")


# What Auth0 says

LOWER_CASE = {"message": "lower case letters (a-z)", "code": "lowerCase"}
UPPER_CASE = {"message": "upper case letters (A-Z)", "code": "upperCase"}
NUMBERS = {"message": "numbers (i.e. 0-9)", "code": "numbers"}
SPECIAL_CHARACTERS = {
    "message": "special characters (e.g. !@#$%^&*)",
    "code": "specialCharacters",
}

# Each rule, its object and its text.
SAID = {
    "not empty": (
        MinLength(1),
        {"message": "Non-empty password required", "code": "nonEmpty"},
        "* Non-empty password required",
    ),
    "length": (
        MinLength(2),
        {"message": "At least %d characters in length", "code": "lengthAtLeast", "format": [2]},
        "* At least 2 characters in length",
    ),
    "types": (
        Contains(FAIR),
        {
            "message": "Should contain:",
            "code": "shouldContain",
            "items": [LOWER_CASE, UPPER_CASE, NUMBERS],
        },
        "* Should contain:\n"
        " * lower case letters (a-z)\n"
        " * upper case letters (A-Z)\n"
        " * numbers (i.e. 0-9)",
    ),
    "three of four types": (
        ContainsAtLeast(3),
        {
            "message": "Contain at least %d of the following %d types of characters:",
            "code": "containsAtLeast",
            "format": [3, 4],
            "items": [LOWER_CASE, UPPER_CASE, NUMBERS, SPECIAL_CHARACTERS],
        },
        "* Contain at least 3 of the following 4 types of characters:\n"
        " * lower case letters (a-z)\n"
        " * upper case letters (A-Z)\n"
        " * numbers (i.e. 0-9)\n"
        " * special characters (e.g. !@#$%^&*)",
    ),
    "runs": (
        NoIdentical(),
        {
            "message": 'No more than %d identical characters in a row (e.g., "%s" not allowed)',
            "code": "identicalChars",
            "format": [2, "aaa"],
        },
        '* No more than 2 identical characters in a row (e.g., "aaa" not allowed)',
    ),
    "sequences": (
        NoSequential(),
        {
            "message": "No more than %d sequential alphanumeric characters "
            '(e.g., "%s" not allowed)',
            "code": "sequentialChars",
            "format": [2, "abc"],
        },
        '* No more than 2 sequential alphanumeric characters (e.g., "abc" not allowed)',
    ),
    "bytes": (
        MaxBytes(72),
        {"message": "Maximum password length exceeded", "code": "maxLength", "format": [72]},
        # Its message has no place for the number, which is put behind it.
        "* Maximum password length exceeded 72",
    ),
}
RULES_SAID = pytest.mark.parametrize(("rule", "explained", "text"), SAID.values(), ids=SAID)


@RULES_SAID
def test_object_of_a_rule(rule, explained, text):
    assert rule.explain() == explained


@RULES_SAID
def test_text_of_a_rule(rule, explained, text):
    assert str(rule) == text


class SaidByASite(Rule):
    code = "OwnValidator"
    message = ""

    def __init__(self, message):
        self.message = message


@pytest.mark.parametrize("message", ["Use 100% consonants.", "At least 50%digits.", "%s", "5%"])
def test_percent_signs_of_a_site_are_left_alone(message):
    assert str(SaidByASite(message)) == f"* {message}"


def test_object_of_the_apps_own_limit_is_that_of_auth0s():
    assert MaxCharacters(72).explain() == MaxBytes(72).explain()


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (MinLength(1), "x", ""),
        (MinLength(8), "x" * 8, "x" * 7),
        (NoIdentical(), "aab", "aaa"),
        (NoSequential(), "abd", "abc"),
        (MaxBytes(72), "é" * 36, "é" * 37),
        (MaxCharacters(128), "é" * 128, "é" * 129),
    ],
    ids=repr,
)
def test_verdict_is_added_to_a_rules_object(rule, good, bad):
    assert rule.judge(good) == {**rule.explain(), "verified": True}
    assert rule.judge(bad) == {**rule.explain(), "verified": False}


@pytest.mark.parametrize(
    ("rule", "text", "verdicts", "verdict"),
    [
        (Contains(FAIR), "", [False, False, False], False),
        (Contains(FAIR), "ab3", [True, False, True], False),
        (Contains(FAIR), "aB3", [True, True, True], True),
        (ContainsAtLeast(3), "", [False, False, False, False], False),
        (ContainsAtLeast(3), "a!", [True, False, False, True], False),
        (ContainsAtLeast(3), "a3!", [True, False, True, True], True),
        (ContainsAtLeast(3), "aB3!", [True, True, True, True], True),
    ],
)
def test_verdicts_are_added_to_the_types(rule, text, verdicts, verdict):
    explained = rule.explain()
    items = [
        {**item, "verified": verified}
        for item, verified in zip(explained["items"], verdicts, strict=True)
    ]
    assert rule.judge(text) == {**explained, "items": items, "verified": verdict}


def test_verdict_on_one_password_does_not_stay():
    rule = ContainsAtLeast(3)
    before = rule.explain()
    rule.judge("aB3!")
    assert rule.explain() == before


# Whatever the password

PASSWORDS = st.text(
    # Borders of the alphabets, and what only looks like a letter or a digit.
    st.sampled_from([*"aabbccyzABCYZ0011289/:@[`{ !~éß€😀", LONE_SURROGATE, "\udc00"])
    | st.characters(),
    max_size=24,
)
TYPES = st.sets(st.sampled_from(CharacterType), min_size=1).map(
    lambda chosen: tuple(type_ for type_ in ALL_TYPES if type_ in chosen)
)


def is_long_enough(text, least):
    return len(text.encode("utf-16-le", "surrogatepass")) >= 2 * least


def number_of(text, types):
    sets = {
        LOWERCASE: string.ascii_lowercase,
        UPPERCASE: string.ascii_uppercase,
        NUMBER: string.digits,
        SPECIAL: string.punctuation + " ",
    }
    return sum(not set(text).isdisjoint(sets[type_]) for type_ in types)


def has_run(text, length):
    encoded = text.encode("utf-16-be", "surrogatepass")
    units = struct.unpack(f">{len(encoded) // 2}H", encoded)
    windows = (units[start : start + length] for start in range(len(units) - length + 1))
    return any(len(set(window)) == 1 for window in windows)


def has_sequence(text, length):
    ascending = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    rows = [*ascending, *(row[::-1] for row in ascending)]
    windows = (text[start : start + length] for start in range(len(text) - length + 1))
    return any(window in row for window in windows for row in rows)


def number_of_bytes(text):
    return sum(
        1 + sum(character >= least for least in "\x80\u0800\U00010000") for character in text
    )


# Each rule with any bounds, and another way to tell whether it is met.
BOUND = st.integers(1, 6)
RULES = st.one_of(
    BOUND.map(lambda n: (MinLength(n), lambda text: is_long_enough(text, n))),
    TYPES.map(lambda t: (Contains(t), lambda text: number_of(text, t) == len(t))),
    st.integers(1, 4).map(
        lambda n: (ContainsAtLeast(n), lambda text: number_of(text, ALL_TYPES) >= n)
    ),
    BOUND.map(lambda n: (NoIdentical(n), lambda text: text and not has_run(text, n + 1))),
    st.integers(2, 6).map(
        lambda n: (NoSequential(n), lambda text: text and not has_sequence(text, n + 1))
    ),
    st.integers(1, 40).map(
        lambda n: (MaxBytes(n), lambda text: text and number_of_bytes(text) <= n)
    ),
    st.integers(1, 20).map(lambda n: (MaxCharacters(n), lambda text: not text[n:])),
)


@settings(repeatable, max_examples=1000)
@given(RULES, PASSWORDS)
def test_rule_agrees_with_another_way_to_tell(pair, text):
    rule, is_met = pair
    assert rule.is_met(text) is bool(is_met(text))


@repeatable
@given(RULES, PASSWORDS)
def test_verdict_is_whether_the_rule_is_met(pair, text):
    rule, _is_met = pair
    assert rule.judge(text)["verified"] is rule.is_met(text)


@repeatable
@given(RULES, PASSWORDS)
def test_verdict_can_be_sent_as_json(pair, text):
    rule, _is_met = pair
    judged = rule.judge(text)
    assert json.loads(json.dumps(judged)) == judged


GROWING = RULES.filter(lambda pair: isinstance(pair[0], MinLength | Contains | ContainsAtLeast))
SHRINKING = RULES.filter(
    lambda pair: isinstance(pair[0], NoIdentical | NoSequential | MaxBytes | MaxCharacters)
)


@repeatable
@given(GROWING, PASSWORDS)
def test_what_a_password_must_have_stays_when_it_grows(pair, text):
    rule, _is_met = pair
    verdicts = [rule.is_met(text[:length]) for length in range(len(text) + 1)]
    assert verdicts == sorted(verdicts)


@repeatable
@given(SHRINKING, PASSWORDS.filter(bool))
def test_what_a_password_must_not_have_stays_when_it_grows(pair, text):
    rule, _is_met = pair
    verdicts = [rule.is_met(text[:length]) for length in range(1, len(text) + 1)]
    assert all(before or not after for before, after in pairwise(verdicts))


@repeatable
@given(PASSWORDS)
def test_sequence_is_one_from_either_end(text):
    assert NoSequential().is_met(text) is NoSequential().is_met(text[::-1])
