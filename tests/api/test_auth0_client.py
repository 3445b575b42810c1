"""The `Auth0-Client` header."""

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from dbconnections.api.auth0_client import MAX_LENGTH, Auth0Client, decode
from tests.api.wire import assert_accepted, assert_error, assert_nothing_done

# Its base64 holds both characters that differ between the alphabets.
FIELDS = {"name": "auth0-js", "version": "10.2.1", "env": {"x": "~~~???>>>"}}


def encoded(fields):
    return urlsafe_b64encode(json.dumps(fields).encode()).decode()


def test_sample_tells_the_alphabets_apart():
    standard = b64encode(json.dumps(FIELDS).encode()).decode()
    assert "+" in standard
    assert "/" in standard


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("padding", range(3))
@pytest.mark.parametrize("stripped", [False, True])
def test_alphabets_and_padding(encode, padding, stripped):
    header = encode(json.dumps(FIELDS).encode() + b" " * padding).decode()
    header = header.rstrip("=") if stripped else header
    assert decode(header) == Auth0Client("auth0-js", "10.2.1")


def test_mixed_alphabets():
    header = b64encode(json.dumps(FIELDS).encode()).decode()
    assert decode(header.replace("+", "-")) == Auth0Client("auth0-js", "10.2.1")


def test_white_space_around_it():
    assert decode(f" {encoded(FIELDS)}\t") == Auth0Client("auth0-js", "10.2.1")


GARBAGE = {
    "empty": "",
    "white space": "  ",
    "one letter": "x",
    "five letters": "abcde",
    "padding": "====",
    "no base64": "{}",
    "json as it is": json.dumps(FIELDS),
    "not ASCII": "é" * 8,
    "surrogate": "\ud83d",
    "NUL": "\0",
    "no json": b64encode(b"auth0.js/9").decode(),
    "truncated json": b64encode(b'{"name": "auth0.js"').decode(),
    "invalid UTF-8": b64encode(b'{"name": "\xff"}').decode(),
    "list": encoded(["name"]),
    "text": encoded("auth0.js"),
    "number": encoded(1),
    "null": encoded(None),
    "no name": encoded({"version": "9"}),
    "name is no text": encoded({"name": ["lock.js"], "version": "9"}),
    "name is null": encoded({"name": None}),
    "deep": b64encode(b"[" * 700).decode(),
}


@pytest.mark.parametrize("header", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_none(header):
    assert decode(header) is None


@pytest.mark.parametrize("header", [v for v in GARBAGE.values() if v.isascii()])
def test_garbage_is_no_reason_to_refuse(ask, ticket, header):
    assert_accepted(ask(headers={"Auth0-Client": header}))
    assert ticket().caller == ""


def test_size_cap():
    longest = encoded({"name": "x", "env": "y" * 740})
    assert len(longest) == MAX_LENGTH - 4
    assert decode(longest) == Auth0Client("x", "")
    assert decode(longest + "    ") == Auth0Client("x", "")
    assert decode(longest + "     ") is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "x"}, Auth0Client("x", "")),
        ({"name": "x", "version": None}, Auth0Client("x", "")),
        ({"name": "x", "version": 9}, Auth0Client("x", "")),
        ({"name": "x", "version": ["9"]}, Auth0Client("x", "")),
        ({"name": "", "version": "9"}, Auth0Client("", "9")),
        ({"name": "x\r\ny\0z\u202e\ud83d", "version": "9\n"}, Auth0Client("xyz", "9")),
        ({"name": "n" * 65, "version": "v" * 33}, Auth0Client("n" * 64, "v" * 32)),
    ],
)
def test_name_and_version(fields, expected):
    assert decode(encoded(fields)) == expected


LOCKS = [
    ("lock.js", "9", True),
    ("lock.js", "9.0.0", True),
    ("lock.js", "10.24.3", True),
    ("lock.js", "11.0.0-beta.1", True),
    ("lock.js", "123456", True),
    ("lock.js-ulp", "14.2.0", True),
    ("lock.js", "8.99.9", False),
    ("lock.js", "8", False),
    ("lock.js", "0.9", False),
    ("lock.js", "", False),
    ("lock.js", "v9", False),
    ("lock.js", "-9", False),
    ("lock.js", "٩", False),
    ("lock", "10", False),
    ("lock.jsx", "10", False),
    ("Lock.swift", "10", False),
    ("lock-js", "10", False),
    ("auth0.js", "9.32.0", False),
    ("auth0.js-ulp", "9.32.0", False),
]


@pytest.mark.parametrize(("name", "version", "expected"), LOCKS)
def test_lock_9_or_later(name, version, expected):
    assert Auth0Client(name, version).is_lock_9_or_later is expected


@pytest.mark.parametrize(("name", "version", "is_refused"), LOCKS)
def test_lock_9_may_send_no_password(ask_legacy, ticket, name, version, is_refused):
    """It never does, and the site may have both old and new ones under one client."""
    headers = {"Auth0-Client": encoded({"name": name, "version": version})}
    response = ask_legacy(password="fresh-kettle-88", headers=headers)
    if is_refused:
        assert_error(response, 400, "password is not allowed", "password is not allowed")
        assert_nothing_done()
    else:
        assert_accepted(response)
        assert ticket().password_given


@pytest.mark.parametrize("nothing", ["", None])
def test_lock_9_without_a_password(ask_legacy, ticket, nothing):
    headers = {"Auth0-Client": encoded({"name": "lock.js", "version": "10.24.3"})}
    assert_accepted(ask_legacy(password=nothing, headers=headers))
    assert not ticket().password_given


@pytest.mark.parametrize(
    ("fields", "caller"),
    [
        (FIELDS, "auth0-js 10.2.1"),
        ({"name": "auth0-java"}, "auth0-java"),
        ({"name": "n" * 100, "version": "v" * 100}, "n" * 64 + " " + "v" * 32),
        ({"name": "<script>", "version": "'\"--"}, "<script> '\"--"),
        ({"name": "\0\r\n"}, ""),
    ],
)
def test_caller_is_stored(ask, ticket, fields, caller):
    assert_accepted(ask(headers={"Auth0-Client": encoded(fields)}))
    assert ticket().caller == caller


def test_no_header_no_caller(ask, ticket):
    assert_accepted(ask())
    assert ticket().caller == ""
