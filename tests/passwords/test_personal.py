"""Passwords that anybody who knows the person would try."""

import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbconnections.passwords.personal import MAX_LENGTH, MIN_PART, has_personal_data, parts_of

repeatable = settings(derandomize=True, deadline=None)

# A value, and a password that has some of it.
PERSONAL = {
    "name": ("Jane", "jane"),
    "name at the start": ("Jane", "jane1234"),
    "name at the end": ("Jane", "1234jane"),
    "name in the middle": ("Jane", "12jane34"),
    "name in another word": ("Anna", "savannah"),
    "password in upper case": ("jane", "JANE1234"),
    "value in upper case": ("JANE", "jane1234"),
    "first name": ("Jane Doe", "xjane1"),
    "last name": ("Jane Doe", "xdoe1"),
    "middle name": ("Ludwig van Beethoven", "caravan1"),
    "whole name": ("Jane Doe", "jane doe"),
    "whole of two short words": ("Jo Li", "xjo li1"),
    "part before a hyphen": ("Anne-Marie", "anne1"),
    "part behind a hyphen": ("Anne-Marie", "marie1"),
    "part behind an apostrophe": ("Sinéad O'Connor", "connor1"),
    "part behind an underscore": ("jane_doe", "doe12345"),
    "part behind a dot": ("jane.doe", "doe12345"),
    "space around": ("  Jane  ", "jane1234"),
    "tab between": ("Jane\tDoe", "doe12345"),
    "three characters": ("Ann", "ann12345"),
    "digits": ("1984", "x1984y"),
    "letters with digits": ("jane84", "xjane84y"),
    "address": ("jane@example.com", "jane1234"),
    "part of an address": ("jane.doe+news@example.com", "news1234"),
    "whole local part": ("j.d@example.com", "xj.d1"),
    "letters beyond ASCII": ("Łukasz", "łUKASZ12"),
    "sharp s": ("Strauß", "STRAUSS1"),
    "double s": ("Strauss", "strauß12"),
    "decomposed in the password": ("Zo\u00eb", "zoe\u0308123"),
    "decomposed in the value": ("Zoe\u0308", "zo\u00eb123"),
    "full-width password": ("jane", "\uff4a\uff41\uff4e\uff45123"),
    "full-width value": ("\uff2a\uff41\uff4e\uff45", "jane1234"),
    "ligature": ("Griffin", "gri\N{LATIN SMALL LIGATURE FFI}n1"),
    "Chinese": ("王小明", "x王小明1"),
    "emoji": ("😀😀😀", "x😀😀😀"),
}
NOT_PERSONAL = {
    "nothing alike": ("Jane Doe", "fresh-kettle-88"),
    "empty password": ("Jane Doe", ""),
    "part of the name only": ("Jane", "jan12345"),
    "interrupted": ("Jane", "ja-ne-12"),
    "two characters": ("Jo", "joy12345"),
    "initials": ("J. D. Doe", "jd.12345"),
    "short words together": ("Jo Li", "joli1234"),
    "words in another order": ("Jo Li", "li jo123"),
    "domain": ("jane@example.com", "example1"),
    "top-level domain": ("jane@acme.museum", "museum12"),
    "short local part": ("jo@example.com", "jo123456"),
    "other letter": ("Zo\u00eb", "zoe12345"),
}


def cases(table):
    return pytest.mark.parametrize(("value", "password"), table.values(), ids=table)


@cases(PERSONAL)
def test_personal(value, password):
    assert has_personal_data(password, [value])


@cases(NOT_PERSONAL)
def test_not_personal(value, password):
    assert not has_personal_data(password, [value])


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Jane", {"jane"}),
        ("Jane Doe", {"jane doe", "jane", "doe"}),
        ("jane.doe@example.com", {"jane.doe", "jane", "doe"}),
        ("Jo Li", {"jo li"}),
        ("Jo", set()),
        ("J_D", {"j_d"}),
        ("a" * MIN_PART, {"a" * MIN_PART}),
        ("a" * (MIN_PART - 1), set()),
    ],
)
def test_parts(value, parts):
    assert parts_of(value) == parts


@pytest.mark.parametrize("value", ["", " ", " \t\n", "--", "@", "a@", "\0", "\ud83d"])
def test_value_without_parts(value):
    assert parts_of(value) == set()
    assert not has_personal_data(f"x{value}example.com", [value])


@pytest.mark.parametrize(
    ("value", "password"),
    [("@jane", "jane1234"), ("रवि कुमार", "कुमार1234"), ("İpek Özgür", "Özgür88")],
)
def test_part_of_a_value_with_signs_and_marks(value, password):
    assert has_personal_data(password, [value])


def test_dotted_letter_stays_one():
    assert not has_personal_data("pek-1234", ["İpek"])


def test_without_values_nothing_is_personal():
    assert not has_personal_data("jane", [])


def test_any_of_the_values_counts():
    values = ["", "Jane Doe", "melchior", "jd@example.com"]
    assert has_personal_data("xmelchior1", iter(values))
    assert not has_personal_data("fresh-kettle-88", iter(values))


# Cost


def test_long_value_is_looked_at_up_to_its_bound():
    value = " " * (MAX_LENGTH - 3) + "ann" + " jane"
    assert has_personal_data("ann12345", [value])
    assert not has_personal_data("jane1234", [value])


@pytest.mark.parametrize("value", ["x", "ab ", "abc ", "ab.c@", "\ufdfa", "-", " "])
def test_long_value_is_judged_at_once(value):
    """In no more time than one of which everything is looked at, a thousandth of it."""

    def cost(length: int) -> float:
        values = [value * length] * 10
        costs = []
        for _ in range(5):
            started = time.thread_time()
            has_personal_data("y" * 128, values)
            costs.append(time.thread_time() - started)
        return min(costs)

    assert cost(1_000_000) < 3 * cost(MAX_LENGTH) + 0.001


# Whatever the value

WORDS = st.text(string.ascii_letters + string.digits, max_size=6)
SEPARATORS = st.sampled_from([*" .-_+'", "  ", ", "])
VALUES = st.tuples(WORDS, SEPARATORS, WORDS, st.sampled_from(["", "@example.com"])).map("".join)
PASSWORDS = st.text(string.ascii_letters + "019 .-", max_size=12)


@repeatable
@given(st.text(string.ascii_letters, min_size=MIN_PART, max_size=20), PASSWORDS, PASSWORDS)
def test_password_around_a_word_is_personal(word, before, after):
    value = f"J. {word.title()}-Doe"
    assert has_personal_data(f"{before}{word.swapcase()}{after}", [value])


@settings(repeatable, max_examples=500)
@given(VALUES, st.data())
def test_agrees_with_another_way_to_tell(value, data):
    local = value.lower().split("@")[0].strip()
    parts = [*re.findall("[a-z0-9]{3,}", local), *([local] if len(local) >= 3 else [])]
    # Chance alone would hardly ever find a part.
    pieces = st.sampled_from([local, local[1:], local[:-1], local[:3], local[-3:], *parts])
    password = data.draw(st.tuples(PASSWORDS, pieces, PASSWORDS).map("".join))
    expected = any(part in password.lower() for part in parts)
    assert has_personal_data(password, [value]) is expected


@repeatable
@given(st.text(st.characters()), st.lists(st.text(st.characters()), max_size=3))
def test_any_text_can_be_judged(password, values):
    assert has_personal_data(password, values) in {True, False}


@repeatable
@given(st.text(st.characters(), max_size=400))
def test_no_part_is_too_short_or_has_letters_in_upper_case(value):
    parts = parts_of(value)
    assert all(len(part) >= MIN_PART for part in parts)
    assert all(part == part.casefold() for part in parts)
