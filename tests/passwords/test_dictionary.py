"""Passwords that everyone tries first: which are known, and how they are looked up."""

import json
import subprocess
import sys

import pytest

from dbconnections.models import Connection
from dbconnections.passwords import Policy, dictionary, policy_of
from dbconnections.passwords.dictionary import DATA, DIGEST_SIZE, SIZES, is_common
from tests.support.processes import ROOT

SMALL, LARGE = SIZES


def digests_of(size):
    content = (DATA / f"common_{size}.bin").read_bytes()
    assert len(content) % DIGEST_SIZE == 0
    return [content[at : at + DIGEST_SIZE] for at in range(0, len(content), DIGEST_SIZE)]


# Members


@pytest.mark.parametrize("text", ["123456", "password", "qwerty", "letmein", "trustno1"])
@pytest.mark.parametrize("size", SIZES)
def test_most_common_passwords(size, text):
    assert is_common(text, size)


@pytest.mark.parametrize("text", ["rainbow7", "angela1", "kittycat1", "batman12", "tryagain"])
def test_less_common_passwords_are_in_the_large_list_only(text):
    assert is_common(text, LARGE)
    assert not is_common(text, SMALL)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "text", ["", " ", "fresh-kettle-88", "correct horse battery staple", "😀", "\ud83d", "x" * 128]
)
def test_uncommon_passwords(size, text):
    assert not is_common(text, size)


@pytest.mark.parametrize("text", ["PASSWORD", "Password", "pAsSwOrD", "QWERTY", "LetMeIn"])
def test_case_does_not_matter(text):
    assert is_common(text, SMALL)


@pytest.mark.parametrize("text", ["xpasswordx", "my-password", "password ", " password"])
def test_whole_password_has_to_match(text):
    assert not is_common(text, LARGE)


@pytest.mark.parametrize("text", ["123456", "password", "rainbow7", ""])
def test_no_dictionary(text):
    assert not is_common(text, 0)


# Words of one's own


@pytest.mark.parametrize("text", ["acme", "ACME", "Acme", "STRASSE", "straße", "two words"])
def test_own_words(text):
    words = ["Acme", "Straße", "Two Words"]
    policy = policy_of(Connection(password_policy="none", password_dictionary_words=words))
    assert policy.is_common(text)
    assert not policy.is_common(f"{text}1")
    assert not policy.is_common(f"1{text}")


def test_own_words_are_all_without_a_dictionary():
    policy = Policy(words=frozenset({"acme"}))
    assert not policy.is_common("password")
    assert not Policy().is_common("acme")


def test_own_words_come_beside_the_dictionary():
    policy = Policy(common=SMALL, words=frozenset({"acme"}))
    assert policy.is_common("password")
    assert policy.is_common("acme")
    assert not policy.is_common("rainbow7")


# Files


@pytest.mark.parametrize(("size", "kilobytes"), [(SMALL, 59), (LARGE, 520)])
def test_size_of_a_file(size, kilobytes):
    assert round((DATA / f"common_{size}.bin").stat().st_size / 1000) == kilobytes


@pytest.mark.parametrize("size", SIZES)
def test_digests_are_sorted_and_unique(size):
    digests = digests_of(size)
    assert digests == sorted(set(digests))


def test_no_digest_is_in_both_files():
    assert set(digests_of(SMALL)).isdisjoint(digests_of(LARGE))


# Not all of them: passwords that differ in nothing but case are one.
@pytest.mark.parametrize(("size", "share"), [(SMALL, 0.99), (LARGE, 0.95)])
def test_number_of_passwords(size, share):
    number = sum(len(digests_of(other)) for other in SIZES if other <= size)
    assert share * size < number <= size


POSITIONS = {"first": 0, "second": 1, "middle": 0.5, "last but one": -2, "last": -1}


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


@pytest.fixture(params=POSITIONS.values(), ids=POSITIONS)
def known(request, size):
    """A digest of a list, as a number."""
    digests = digests_of(size)
    index = len(digests) // 2 if request.param == 0.5 else request.param
    return int.from_bytes(digests[index])


@pytest.fixture
def looks_up(monkeypatch, size):
    """Return a function that looks a digest up as if a password had it."""

    def looks_up(number):
        digest = number.to_bytes(DIGEST_SIZE)
        monkeypatch.setattr(dictionary, "digest", lambda password: digest)
        return is_common("whatever", size)

    return looks_up


def test_digest_is_found_anywhere(looks_up, known):
    assert looks_up(known)


def test_next_digest_is_not_found(looks_up, known):
    assert not looks_up(known - 1)
    assert not looks_up(known + 1)


@pytest.mark.parametrize("beyond", [0, 256**DIGEST_SIZE - 1], ids=["before", "behind"])
def test_digest_beyond_either_end_is_not_found(looks_up, beyond):
    assert not looks_up(beyond)


# Reads each step's files and tells which were opened in it.
LOADING = """
import json, sys
opened, steps = [], []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))

def step():
    steps.append([name.rpartition("/")[2] for name in opened if name.endswith(".bin")])
    opened.clear()

import django
django.setup()
from dbconnections.passwords.dictionary import is_common
step()
is_common("password", 0)
step()
is_common("password", 10_000)
step()
is_common("fresh-kettle-88", 10_000)
step()
is_common("fresh-kettle-88", 100_000)
step()
print(json.dumps(steps))
"""


def test_files_are_read_when_first_needed_and_once(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    process = subprocess.run(
        [sys.executable, "-c", LOADING], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(process.stdout) == [
        [],
        [],
        ["common_10000.bin"],
        [],
        ["common_100000.bin"],
    ]
