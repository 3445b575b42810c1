"""Identifiers, origins, ways back, colours and logos."""

import re

import pytest
from django.core.exceptions import ValidationError

from dbconnections.validators import (
    CONTROL_CHARACTERS,
    is_origin,
    printable,
    validate_color,
    validate_connection_name,
    validate_identifier,
    validate_logo,
    validate_origin,
    validate_result_url,
)


def accepts(validate, value):
    try:
        validate(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("value", ["a", "A-b_9", "9", "_", "x" * 64])
def test_client_id(value):
    assert accepts(validate_identifier, value)


@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a.b", "a/b", "é", "x" * 65, "a\n", "\na", "a\0", "٣"]
)
def test_client_id_refused(value):
    assert not accepts(validate_identifier, value)


@pytest.mark.parametrize(
    "value",
    ["a", "9", "Username-Password-Authentication", "a--b", "x" * 128, "a" + "-" * 126 + "b"],
)
def test_connection_name(value):
    assert accepts(validate_connection_name, value)


@pytest.mark.parametrize(
    "value", ["", "-", "-a", "a-", "a_b", "a b", "a.b", "é", "x" * 129, "a\n", "a-\n", "٣"]
)
def test_connection_name_refused(value):
    assert not accepts(validate_connection_name, value)


@pytest.mark.parametrize(
    "value",
    [
        "https://app.example.com",
        "https://app.example.com:8443",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "https://[2001:db8::1]",
        "https://[::1]:8443",
        "https://xn--mnchen-3ya.example",
        "https://a_b.example.com",
        "http://example.com:443",
        "https://example.com:80",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_origin(value):
    assert accepts(validate_origin, value)
    assert is_origin(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "*",
        "null",
        "https://*",
        "https://*.example.com",
        "app.example.com",
        "//app.example.com",
        "https:app.example.com",
        "https:/app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/login",
        "https://app.example.com?",
        "https://app.example.com#",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com:",
        "https://app.example.com:x",
        "https://app.example.com:123456",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com.",
        "https://app..example.com",
        "https://.example.com",
        "https://münchen.example",
        "https://user@app.example.com",
        "https://user:password@app.example.com",
        " https://app.example.com",
        "https://app.example.com ",
        "https://app.example.com\n",
        "https://app.example.com\0",
        "https://app example.com",
        "https://app.example.com, https://b.example",
        "https://[::1",
        "https://app.example.com\\",
        "file://",
    ],
)
def test_origin_refused(value):
    assert not accepts(validate_origin, value)
    assert not is_origin(value)


WAYS_BACK = [
    "https://app.example.com",
    "https://app.example.com/",
    "https://app.example.com/login",
    "https://app.example.com:8443/login?from=reset&x=%20",
    "https://app.example.com/#/login",
    "https://app.example.com/?next=https://elsewhere.example/",
    "https://app.example.com/a@b",
    "https://app.example.com/ünï",
    "https://127.0.0.1:8443/",
    "https://[2001:db8::1]/login",
    "http://localhost",
    "http://localhost:3000/login",
    "http://127.0.0.1:5173/",
    "http://[::1]:3000/",
]


@pytest.mark.parametrize("value", WAYS_BACK)
def test_way_back(value):
    assert accepts(validate_result_url, value)


WAYS_ASTRAY = [
    "",
    "app.example.com",
    "/login",
    "login",
    "//app.example.com/login",
    "///app.example.com",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "https:///login",
    "https:app.example.com",
    "https:/app.example.com",
    "https:///app.example.com",
    "https:////app.example.com",
    "http://app.example.com/login",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.2/",
    "http://[::2]/",
    "http://0.0.0.0/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,x",
    "data://app.example.com/",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://app.example.com/",
    "blob:https://app.example.com/x",
    "intent://app.example.com/",
    "myapp://login",
    "HTTPS://app.example.com",
    "Https://app.example.com",
    "https://App.example.com",
    "https://APP.EXAMPLE.COM/",
    "https://user@app.example.com/",
    "https://user:password@app.example.com/",
    "https://app.example.com@evil.example/",
    "https://app.example.com:443@evil.example/",
    "https://@app.example.com/",
    "https://:@app.example.com/",
    "https://app.example.com%40evil.example/",
    "https://app.example.com\\@evil.example/",
    "https://app.example.com\\.evil.example",
    "https://evil.example\\app.example.com",
    "https:\\\\app.example.com",
    "https:/\\app.example.com",
    "\\\\app.example.com",
    "https://app.example.com/\\evil",
    " https://app.example.com",
    "https://app.example.com ",
    "https://app.example.com/a b",
    "https://app.example.com/\u00a0",
    "https://app.example.com/\u3000",
    "\thttps://app.example.com",
    "ht\ntps://app.example.com",
    "https://app\t.example.com",
    "https://app.example.com/\n",
    "https://app.example.com/\r\nSet-Cookie:x=1",
    "https://app.example.com/\0",
    "\0https://app.example.com",
    "\x01https://app.example.com",
    "https://app.example.com/\x7f",
    "https://app.example.com/\x85",
    "https://app.example.com/\u2028",
    "https://app.example.com/\ud800",
    "https://münchen.example/",
    "https://\uff41pp.example.com/",
    "https://app.example。com/",
    "https://app。example.com/",
    "https://app.example.com\uff0fevil.example/",
    "https://app.example.com\u2100evil.example/",
    "https://app.example.ßcom/",
    "https://\u202eapp.example.com/",
    "https://app\u200b.example.com/",
    "https://app_x.example.com%2f@evil.example",
    "https://app.example.com%00.evil.example/",
    "https://app.example.com%2f.evil.example/",
    "https://[::1",
    "https://::1]/",
    "https://[x]/",
    "https://[::1]evil.example/",
    "https://[::1]@evil.example/",
    "https://app.example.com:port/",
    "https://app.example.com:65536/",
    "https://app.example.com:-1/",
    "https://app.example.com:8443:1/",
    "https://;evil.example",
    "https://*.example.com/",
    "https://app,example.com/",
    "https://$app.example.com/",
    "https://app.example.com;evil.example/",
    "https://app.example.com'/",
    'https://app.example.com"/',
    "https://<script>/",
    "https://app.example.com{}/",
    "?https://app.example.com",
    "#https://app.example.com",
    "x:https://app.example.com",
    "https://https://app.example.com",
    "url=https://app.example.com",
]


@pytest.mark.parametrize("value", WAYS_ASTRAY, ids=ascii)
def test_way_back_refused(value):
    assert not accepts(validate_result_url, value)


def test_enough_ways_astray():
    assert len(set(WAYS_ASTRAY)) == len(WAYS_ASTRAY) >= 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node.js/22", "node.js/22"),
        ("Žofie 名 😀", "Žofie 名 😀"),
        ("a\r\nb\0c\x1b[31m", "abc[31m"),
        ("a\u2028b\u202ec\u200bd\ud800e", "abcde"),
        ("", ""),
        ("\n" * 20 + "x" * 20, "x" * 10),
    ],
)
def test_printable(text, expected):
    assert printable(text, 10) == expected[:10]


def test_control_characters():
    found = {code for code in range(0x110000) if re.match(CONTROL_CHARACTERS, chr(code))}
    assert found == {
        *range(0x20),
        *range(0x7F, 0xA0),
        0x2028,
        0x2029,
        *range(0xD800, 0xE000),
    }


@pytest.mark.parametrize("value", ["#000000", "#3d63dd", "#FFCC00", "#abcDEF"])
def test_color(value):
    assert accepts(validate_color, value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "#fff", "3d63dd", "#3d63dg", "#3d63dd ", "#3d63dd\n", "#3d63ddff", "red", "#٣٣٣٣٣٣"),
        *("#000;}body{display:none", "url(https://evil.example)"),
    ],
)
def test_color_refused(value):
    assert not accepts(validate_color, value)


@pytest.mark.parametrize(
    "value",
    [
        "example_project/icon.svg",
        "https://cdn.example.com/logo.png",
        "https://cdn.example.com:8443/logo.png",
        "https://cdn.example.com/logo?size=2",
    ],
)
def test_logo(value, settings):
    settings.DBCONNECTIONS = {"LOGO_HOSTS": ["cdn.example.com"]}
    assert accepts(validate_logo, value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("missing.png", "no static file missing.png"),
        ("example_project/site.css", "path of an image"),
        ("/example_project/icon.svg", "path of an image"),
        ("../example_project/icon.svg", "path of an image"),
        ("example_project/../example_project/icon.svg", "path of an image"),
        ("example_project//icon.svg", "path of an image"),
        ("example_project/.icon.svg", "path of an image"),
        ("example_project\\icon.svg", "path of an image"),
        ("example_project/icon.svg\n", "path of an image"),
        ("//cdn.example.com/logo.png", "path of an image"),
        ("https://evil.example/logo.png", "not be loaded from evil.example"),
        ("https://cdn.example.com.evil.example/logo.png", "not be loaded from cdn.example.com.ev"),
        ("https://sub.cdn.example.com/logo.png", "not be loaded from sub.cdn"),
        ("https://cdn.example.com@evil.example/logo.png", "full address"),
        ("http://cdn.example.com/logo.png", "full address"),
        ("https://cdn.example.com/a b.png", "full address"),
        ("data:image/png;base64,AA==", "full address"),
        ("javascript:alert(1)", "full address"),
        ("https:logo.png", "full address"),
    ],
)
def test_logo_refused(value, words, settings):
    settings.DBCONNECTIONS = {"LOGO_HOSTS": ["cdn.example.com"]}
    with pytest.raises(ValidationError, match=words):
        validate_logo(value)


def test_logo_is_from_nowhere_else_by_default(settings):
    settings.DBCONNECTIONS = {}
    assert not accepts(validate_logo, "https://cdn.example.com/logo.png")
