"""The fields of a request, and which e-mail addresses it may name."""

import json

import pytest
from rest_framework import serializers

from dbconnections.api.serializers import ChangePasswordSerializer
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from tests.api.wire import assert_accepted, assert_error, assert_nothing_done

REQUIRED = {"client_id": "demo", "connection": "Users", "email": "jane@example.com"}

ACCEPTED = {
    "plain": "jane@example.com",
    "upper case": "Jane.Doe@Example.COM",
    "one letter": "j@example.com",
    "digits": "123@456.example",
    "tag": "jane+shop@example.com",
    "dots": "j.a.n.e@example.com",
    "apostrophe": "o'neill@example.com",
    "hyphens": "-jane-doe-@ex-ample.com",
    "every special character": "!#$%&'*+/=?^_`{|}~-@example.com",
    "equals sign within": "jane=doe@example.com",
    "subdomains": "jane@mail.eu.example.co.uk",
    "new top level": "jane@example.photography",
    "punycode": "jane@xn--mnchen-3ya.example",
    "domain in another script": "jane@münchen.example",
    "local part of 64": "j" * 64 + "@example.com",
    "254 characters": f"{'j' * 64}@{'d' * 62}.{'d' * 62}.{'d' * 60}.ee",
}

REFUSED = {
    "no at": "jane.example.com",
    "at alone": "@",
    "no local part": "@example.com",
    "no domain": "jane@",
    "two ats": "jane@doe@example.com",
    "two addresses": "jane@example.com,mallory@example.org",
    "two addresses, spaced": "jane@example.com mallory@example.org",
    "two addresses, semicolon": "jane@example.com;mallory@example.org",
    "display name": "Jane <jane@example.com>",
    "angle brackets": "<jane@example.com>",
    "mailto": "mailto:jane@example.com",
    "quoted": '"jane"@example.com',
    "quoted space": '"jane doe"@example.com',
    "quoted at": '"jane@evil.example"@example.com',
    "quoted empty": '""@example.com',
    "half a quote": '"jane@example.com',
    "comment": "jane(doe)@example.com",
    "comment in the domain": "jane@(evil)example.com",
    "backslash": "jane\\@example.com",
    "encoded word": "=?utf-8?q?jane?=@example.com",
    "encoded word in base64": "=?iso-8859-1?b?amFuZQ==?=@example.com",
    "start of an encoded word": "=?jane@example.com",
    "route": "@evil.example:jane@example.com",
    "bang path": "evil.example!jane",
    "IPv4 literal": "jane@[127.0.0.1]",
    "IPv6 literal": "jane@[IPv6:::1]",
    "IPv6 literal, bare": "jane@[::1]",
    "IPv4 address": "jane@127.0.0.1",
    "no dot in the domain": "jane@localhost",
    "dot first": ".jane@example.com",
    "dot last": "jane.@example.com",
    "two dots": "jane..doe@example.com",
    "dot first in the domain": "jane@.example.com",
    "dot last in the domain": "jane@example.com.",
    "two dots in the domain": "jane@example..com",
    "hyphen first in the domain": "jane@-example.com",
    "hyphen last in the domain": "jane@example-.com",
    "underscore in the domain": "jane@exa_mple.com",
    "port": "jane@example.com:25",
    "path": "jane@example.com/x",
    "percent in the domain": "jane@example.com%00",
    "numeric top level": "jane@example.123",
    "space in the local part": "jane doe@example.com",
    "space in the domain": "jane@exam ple.com",
    "dotted capital I": "jan\u0130@example.com",
    "dotless i": "jan\u0131@example.com",
    "long s": "jane\u017fmith@example.com",
    "Kelvin sign": "jac\u212a@example.com",
    "accent": "jané@example.com",
    "sharp s": "straße@example.com",
    "full-width letter": "\uff4aane@example.com",
    "full-width at": "jane\uff20example.com",
    "small at": "jane\ufe6bexample.com",
    "Cyrillic a": "j\u0430ne@example.com",
    "emoji": "😀@example.com",
    "local part of 65": "j" * 65 + "@example.com",
    "local part of 10,000 dots": "a." * 500 + "@example.com",
    "domain label of 64": "jane@" + "d" * 64 + ".com",
    "template": "{{jane}}{%x%}@exa{{mple.com",
}

UNSEEN = {
    "CRLF": "jane@example.com\r\nBcc: mallory@example.org",
    "CRLF before the at": "jane\r\n@example.com",
    "LF": "jane@example.com\nmallory@example.org",
    "CR": "jane\r@example.com",
    "tab": "ja\tne@example.com",
    "escape": "jane\x1b@example.com",
    "delete": "jane\x7f@example.com",
    "C1": "jane\x85@example.com",
    "line separator": "jane\u2028@example.com",
    "paragraph separator": "jane@exa\u2029mple.com",
    "zero-width space": "jane\u200b@example.com",
    "zero-width space in the domain": "jane@exam\u200bple.com",
    "right-to-left override": "jane\u202e@example.com",
    "soft hyphen": "ja\u00adne@example.com",
    "no-break space": "jane\u00a0doe@example.com",
}


def errors_of(**fields):
    serializer = ChangePasswordSerializer(data=REQUIRED | fields)
    assert not serializer.is_valid()
    return {name: str(errors[0]) for name, errors in serializer.errors.items()}


def read(**fields):
    serializer = ChangePasswordSerializer(data=REQUIRED | fields)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


@pytest.mark.parametrize("address", ACCEPTED.values(), ids=ACCEPTED)
def test_address_accepted_as_it_is(ask, ticket, address):
    assert_accepted(ask(email=address))
    assert ticket().email == address


def test_longest_address():
    assert len(ACCEPTED["254 characters"]) == 254
    longer = ACCEPTED["254 characters"] + "e"
    assert errors_of(email=longer) == {"email": "email may have at most 254 characters."}


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_address_refused(ask, address):
    assert_error(ask(email=address), 400, "invalid_request", "email ")
    assert_nothing_done()


@pytest.mark.parametrize("address", UNSEEN.values(), ids=UNSEEN)
def test_address_with_characters_that_cannot_be_seen(ask, address):
    message = "email holds characters that cannot be seen."
    assert_error(ask(email=address), 400, "invalid_request", message)
    assert_nothing_done()


def test_address_refused_is_not_quoted(ask):
    response = ask(email="<b>jane</b>")
    assert b"<b>" not in response.content
    assert b"jane" not in response.content


@pytest.mark.parametrize("space", [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000"])
def test_space_around_an_address_is_dropped(ask, space):
    assert_accepted(ask(email=f"{space}jane@example.com{space}"))
    assert ResetTicket.objects.get().email == "jane@example.com"


def test_only_the_fields_of_the_contract_are_read():
    extra = dict.fromkeys(("tenant", "state", "account", "expires_at", "user_id"), "x")
    assert set(read(**extra)) == {
        "client_id",
        "connection",
        "email",
        "username",
        "password",
        "organization",
    }


def test_absent_fields_are_empty():
    fields = read()
    assert (fields["username"], fields["organization"], fields["password"]) == ("", "", None)


@pytest.mark.parametrize("name", ["username", "organization"])
def test_null_is_empty(name):
    assert read(**{name: None})[name] == ""


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("value", [1, True, [], {}, ["x"], b"x", Text("jane@example.com")])
@pytest.mark.parametrize("name", ["client_id", "connection", "email", "username", "organization"])
def test_nothing_but_a_string_is_a_string(name, value):
    assert errors_of(**{name: value}) == {name: f"{name} must be a string."}


@pytest.mark.parametrize("value", ["in the clear", 1, 0, True, False, [], {}, b""])
def test_password_must_have_been_wrapped(value):
    assert errors_of(password=value) == {"password": "password must be a string."}


def test_wrapped_password_is_passed_on():
    assert read(password=Secret(" x ")) == read() | {"password": Secret(" x ")}


def test_errors_show_no_password():
    serializer = ChangePasswordSerializer(data=REQUIRED | {"email": "x", "password": Secret("abc")})
    with pytest.raises(serializers.ValidationError) as refusal:
        serializer.is_valid(raise_exception=True)
    assert "abc" not in json.dumps(refusal.value.detail) + repr(serializer)
