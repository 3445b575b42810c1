"""Bodies: what is read, and what is refused before anything is stored."""

import json
from io import BytesIO
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.http.request import UnreadablePostError
from rest_framework.exceptions import UnsupportedMediaType

from dbconnections.api.errors import ApiError, InvalidRequest
from dbconnections.api.parsers import StrictFormParser, StrictJSONParser
from dbconnections.secret import Secret
from tests.api.wire import assert_accepted, assert_error, assert_nothing_done
from tests.conftest import URL

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FIELDS = {
    "client_id": "demo",
    "connection": "Username-Password-Authentication",
    "email": "jane@example.com",
}
GOOD = json.dumps(FIELDS)


def with_field(name, raw):
    """Return the good body with one field's value replaced by raw JSON text."""
    pairs = [f'"{key}": {json.dumps(value)}' for key, value in FIELDS.items() if key != name]
    return "{" + ", ".join([*pairs, f'"{name}": {raw}']) + "}"


def padded(size):
    """Return the good body, as long as asked for."""
    return GOOD[:-1] + " " * (size - len(GOOD)) + "}"


FIELD_NAMES = ("client_id", "connection", "email", "username", "password", "organization")
WRONG_TYPES = {
    "list": '["jane@example.com"]',
    "empty list": "[]",
    "list of two": '["jane@example.com", "mallory@example.org"]',
    "object": '{"email": "jane@example.com"}',
    "empty object": "{}",
    "operator": '{"$ne": 1}',
    "number": "1",
    "zero": "0",
    "float": "1.5",
    "infinite float": "1e999",
    "true": "true",
    "false": "false",
}


@pytest.mark.parametrize("raw", WRONG_TYPES.values(), ids=WRONG_TYPES)
@pytest.mark.parametrize("name", FIELD_NAMES)
def test_field_of_wrong_type(send, name, raw):
    response = send(with_field(name, raw).encode())
    assert_error(response, 400, "invalid_request", f"{name} must be a string.")
    assert_nothing_done()


BROKEN_JSON = {
    "empty object": b"{}",
    "null": b"null",
    "string": b'"jane@example.com"',
    "number": b"1",
    "true": b"true",
    "array": b"[]",
    "array of the object": f"[{GOOD}]".encode(),
    "two objects": f"{GOOD}{GOOD}".encode(),
    "two objects on lines": f"{GOOD}\n{GOOD}".encode(),
    "trailing text": f"{GOOD} x".encode(),
    "trailing comma": (GOOD[:-1] + ",}").encode(),
    "comment": (GOOD[:-1] + "/**/}").encode(),
    "single quotes": GOOD.replace('"', "'").encode(),
    "bare key": b"{email: 1}",
    "truncated": GOOD[:-1].encode(),
    "half a string": GOOD[:-3].encode(),
    "white space": b" \r\n\t",
    "form": urlencode(FIELDS).encode(),
    "xml": b"<email>jane@example.com</email>",
    "NaN": with_field("x", "NaN").encode(),
    "Infinity": with_field("x", "Infinity").encode(),
    "-Infinity": with_field("x", "-Infinity").encode(),
    "NaN as e-mail": with_field("email", "NaN").encode(),
    "5,000 digits": with_field("x", "9" * 5000).encode(),
    "5,000 digits as e-mail": with_field("email", "9" * 5000).encode(),
    "8,000 brackets": b"[" * 8000,
    "8,000 brackets as e-mail": with_field("email", "[" * 7900).encode(),
    "8,000 objects": b'{"a":' * 1600,
    "4,000 deep": b"[" * 4000 + b"]" * 4000,
    "3,900 deep as e-mail": with_field("email", "[" * 3900 + "]" * 3900).encode(),
    "key twice": (GOOD[:-1] + ', "email": "mallory@example.org"}').encode(),
    "key twice, same value": (GOOD[:-1] + ', "email": "jane@example.com"}').encode(),
    "key twice, escaped": (GOOD[:-1] + r', "\u0065mail": "mallory@example.org"}').encode(),
    "password twice": (GOOD[:-1] + ', "password": "", "password": "x"}').encode(),
    "unknown key twice": (GOOD[:-1] + ', "x": 1, "x": 2}').encode(),
    "key twice in a nested object": with_field("x", '{"a": 1, "a": 2}').encode(),
    "NUL": with_field("email", '"jane\0@example.com"').encode(),
    "NUL, escaped": with_field("email", r'"jane\u0000@example.com"').encode(),
    "NUL in client_id": with_field("client_id", r'"demo\u0000"').encode(),
    "NUL in connection": with_field("connection", r'"Users\u0000"').encode(),
    "NUL in username": with_field("username", r'"jane\u0000"').encode(),
    "NUL in organization": with_field("organization", r'"org\u0000"').encode(),
    "NUL in password": with_field("password", r'"secret\u0000"').encode(),
    "NUL in a key": (GOOD[:-1] + r', "a\u0000": 1}').encode(),
    "NUL alone": b"\0",
    "high surrogate": with_field("username", r'"\ud83d"').encode(),
    "low surrogate": with_field("username", r'"\ude00"').encode(),
    "surrogates swapped": with_field("username", r'"\ude00\ud83d"').encode(),
    "surrogate in password": with_field("password", r'"\ud83d"').encode(),
    "surrogate in a key": (GOOD[:-1] + r', "\ud83d": 1}').encode(),
    "surrogate, raw": with_field("username", '"@"').encode().replace(b'"@"', b'"\xed\xa0\xbd"'),
    "surrogate pair, raw": with_field("username", '"@"')
    .encode()
    .replace(b'"@"', b'"\xed\xa0\xbd\xed\xb8\x80"'),
    "invalid UTF-8": b'{"email": "\xff@example.com"}',
    "overlong UTF-8": with_field("email", '"@"').encode().replace(b'"@"', b'"\xc0\xaf"'),
    "truncated UTF-8": b'{"email": "jane\xc3',
    "latin-1": with_field("username", '"jané"').encode("latin-1"),
    "UTF-8 with BOM": GOOD.encode("utf-8-sig"),
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-16LE": GOOD.encode("utf-16-le"),
    "UTF-16BE": GOOD.encode("utf-16-be"),
    "UTF-32": GOOD.encode("utf-32"),
    "UTF-32LE": GOOD.encode("utf-32-le"),
    "raw line break": with_field("email", '"jane\n@example.com"').encode(),
}


@pytest.mark.parametrize("body", BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_broken_json(send, body):
    assert_error(send(body), 400, "invalid_request")
    assert_nothing_done()


SAID = {
    "null": "The body must be one JSON object.",
    "trailing comma": "The body is not valid JSON.",
    "8,000 brackets": "The body is not valid JSON.",
    "NaN": "The body is not valid JSON.",
    "key twice": "A field is in the body twice; send each once.",
    "NUL, escaped": "The body holds a NUL character or half a surrogate pair.",
    "surrogate in a key": "The body holds a NUL character or half a surrogate pair.",
    "latin-1": "The body is not valid UTF-8.",
}


@pytest.mark.parametrize(("name", "message"), SAID.items())
def test_broken_json_is_told_what_is_wrong_with_it(send, name, message):
    assert_error(send(BROKEN_JSON[name]), 400, "invalid_request", message)


UNSEEN = [
    chr(code)
    for code in (
        *range(1, 32),  # NUL is refused by the parser
        *range(127, 161),
        *(0xAD, 0x61C, 0x200B, 0x200D, 0x200E, 0x2028, 0x2029, 0x202E, 0x2060, 0x3000),
        *(0xE000, 0xFEFF, 0xFFF9, 0xFFFF, 0xE0001),
    )
]


@pytest.mark.parametrize("name", ["client_id", "connection", "username", "organization", "email"])
def test_characters_that_cannot_be_seen(send, configure, name):
    configure(RATE_LIMIT_PER_IP="")
    for character in UNSEEN:
        response = send(with_field(name, json.dumps(f"ja{character}ne")).encode())
        assert_error(
            response, 400, "invalid_request", f"{name} holds characters that cannot be seen."
        )
    assert_nothing_done()


BROKEN_FORMS = {
    "no field": "x=1",
    "51 fields": urlencode(FIELDS) + "&x=1" * 48,
    "51 different fields": urlencode({**FIELDS, **{f"x{n}": "1" for n in range(48)}}),
    "e-mail twice": urlencode(FIELDS) + "&email=mallory%40example.org",
    "e-mail twice, same value": urlencode(FIELDS) + "&email=jane%40example.com",
    "key twice, escaped": urlencode(FIELDS) + "&%65mail=mallory%40example.org",
    "email[]": urlencode(FIELDS).replace("email", "email%5B%5D"),
    "email[] raw": urlencode(FIELDS).replace("email", "email[]"),
    "email[0]": urlencode(FIELDS).replace("email", "email%5B0%5D"),
    "email.0": urlencode(FIELDS).replace("email", "email.0"),
    "NUL": urlencode(FIELDS).replace("jane", "jane%00"),
    "NUL, raw": urlencode(FIELDS).replace("jane", "jane\0"),
    "surrogate": urlencode(FIELDS) + "&username=%ED%A0%BD",
    "invalid UTF-8": urlencode(FIELDS).replace("jane", "j%ffne"),
    "latin-1": urlencode(FIELDS) + "&username=jan%e9",
    "control character": urlencode(FIELDS).replace("jane", "ja%0Dne"),
    "JSON": GOOD,
    "semicolons": urlencode(FIELDS).replace("&", ";"),
    "Email": urlencode(FIELDS).replace("email", "Email"),
}


@pytest.mark.parametrize("body", BROKEN_FORMS.values(), ids=BROKEN_FORMS)
def test_broken_form(send, body):
    assert_error(send(body.encode(), FORM), 400, "invalid_request")
    assert_nothing_done()


def test_form_with_50_fields(send):
    pairs = {**FIELDS, **{f"x{n}": "1" for n in range(47)}}
    assert_accepted(send(urlencode(pairs).encode(), FORM))


def test_form_of_raw_invalid_utf8(send):
    assert_error(send(b"client_id=\xff", FORM), 400, "invalid_request")
    assert_nothing_done()


@pytest.mark.parametrize("content_type", [JSON, FORM])
def test_empty_body(send, content_type):
    response = send(b"", content_type, CONTENT_TYPE=content_type)
    assert_error(response, 400, "invalid_request", "client_id is required.")
    assert_nothing_done()


def chunked(body, content_type=JSON, *, is_terminated=True):
    """Return what a server hands over for a body that came in chunks."""
    return {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": content_type,
        "wsgi.input": body if isinstance(body, BytesIO) else BytesIO(body),
        "wsgi.input_terminated": is_terminated,
    }


def test_body_in_chunks(send):
    assert_accepted(send(b"", **chunked(GOOD.encode())))
    assert_accepted(send(b"", **chunked(urlencode(FIELDS).encode(), FORM)))


@pytest.mark.parametrize(("body", "status"), [(GOOD.encode(), 200), (b"x" * 100_000, 413)])
@pytest.mark.django_db(transaction=True)
def test_body_in_chunks_under_asgi(connection, ticket, body, status):
    headers = [(b"host", b"testserver"), (b"content-type", JSON.encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": URL,
        "query_string": b"",
        "headers": [*headers, (b"transfer-encoding", b"chunked")],
    }

    async def call():
        server = ApplicationCommunicator(ASGIHandler(), scope)
        middle = len(body) // 2
        await server.send_input({"type": "http.request", "body": body[:middle], "more_body": True})
        await server.send_input({"type": "http.request", "body": body[middle:]})
        answer = await server.receive_output(timeout=30)
        await server.receive_output(timeout=30)
        await server.wait(timeout=30)
        return answer["status"]

    assert async_to_sync(call)() == status
    if status == 200:
        assert ticket().email == "jane@example.com"
    else:
        assert_nothing_done()


def test_body_in_chunks_that_the_server_does_not_put_together(send):
    response = send(b"", **chunked(GOOD.encode(), is_terminated=False))
    message = "Send the body at once, with a Content-Length header, not in chunks."
    assert_error(response, 411, "length_required", message)
    assert_nothing_done()


def test_length_counts_where_there_is_one(send):
    assert_accepted(send(GOOD.encode(), HTTP_TRANSFER_ENCODING="chunked"))


def test_body_in_chunks_over_the_limit(send):
    body = BytesIO(b"x" * 100_000)
    response = send(b"", **chunked(body))
    assert_error(response, 413, "payload_too_large")
    assert "X-RateLimit-Remaining" in response, "it was counted before it was read"
    assert body.tell() == 8193
    assert_nothing_done()


def test_empty_body_in_chunks(send):
    assert_error(send(b"", **chunked(b"")), 400, "invalid_request", "client_id is required.")


def test_body_without_any_length(send):
    response = send(GOOD.encode(), CONTENT_LENGTH="")
    assert_error(response, 400, "invalid_request", "client_id is required.")
    assert_nothing_done()


def test_body_at_the_limit(send):
    assert_accepted(send(padded(8192).encode()))


def test_form_at_the_limit(send):
    body = urlencode(FIELDS) + "&x="
    assert_accepted(send(body.ljust(8192, "x").encode(), FORM))


@pytest.mark.parametrize("content_type", [JSON, FORM])
def test_body_one_byte_over_the_limit(send, content_type):
    response = send(padded(8193).encode(), content_type)
    assert_error(response, 413, "payload_too_large", "The body is larger than 8192 bytes.")
    assert_nothing_done()


def test_limit_counts_bytes_not_characters(send):
    body = with_field("x", json.dumps("€" * 2700, ensure_ascii=False))
    assert len(body) < 8192 < len(body.encode())
    assert_error(send(body.encode()), 413, "payload_too_large")


def test_limit_can_be_set(send, configure):
    configure(MAX_BODY_SIZE=len(GOOD))
    assert_accepted(send(GOOD.encode()))
    assert_error(send(GOOD.encode() + b" "), 413, "payload_too_large")


class NeverEnding:
    """A body that has always more; it remembers how much was taken of it."""

    taken = 0

    def read(self, size):
        assert size >= 0
        self.taken += size
        return b"x" * size


class HungUp:
    """A caller that went away in the middle of its body."""

    def read(self, size):
        raise UnreadablePostError("canary")


def test_caller_that_hangs_up():
    with pytest.raises(InvalidRequest, match=r"^The body did not arrive whole\.$") as refusal:
        StrictJSONParser().parse(HungUp(), JSON)
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("content_type", [JSON, FORM])
@pytest.mark.parametrize("missing", [1, 12])
def test_body_that_is_cut_short(send, content_type, missing):
    """As servers hand on of a caller that hangs up: a shorter password is a password."""
    fields = FIELDS | {"password": "Correct-Horse-Battery-42"}
    body = json.dumps(fields) if content_type == JSON else urlencode(fields)
    announced = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    come = BytesIO(body.encode()[:-missing])
    response = send(b"", **announced, **{"wsgi.input": come})
    assert_error(response, 400, "invalid_request", "The body did not arrive whole.")
    assert_nothing_done()


@pytest.mark.parametrize("length", ["many", "9" * 5000])
def test_length_that_is_no_number_is_none(send, length):
    response = send(GOOD.encode(), CONTENT_LENGTH=length)
    assert_error(response, 400, "invalid_request", "client_id is required.")


def test_no_more_is_read_than_the_limit():
    stream = NeverEnding()
    with pytest.raises(ApiError) as refusal:
        StrictJSONParser().parse(stream, JSON)
    assert refusal.value.status == 413
    assert stream.taken == 8193


CONTENT_TYPES = {
    "none": "",
    "text/plain": "text/plain",
    "text/plain with charset": "text/plain; charset=utf-8",
    "text/html": "text/html",
    "text/json": "text/json",
    "multipart": "multipart/form-data; boundary=x",
    "multipart without boundary": "multipart/form-data",
    "xml": "application/xml",
    "octets": "application/octet-stream",
    "json suffix": "application/vnd.api+json",
    "problem": "application/problem+json",
    "json lines": "application/jsonl",
    "json5": "application/json5",
    "two types": "application/json, text/plain",
    "the same type twice": "application/json, application/json",
    "two types that are read": "application/json, application/x-www-form-urlencoded",
    "bare word": "json",
    "no subtype": "application",
    "no subtype, slash": "application/",
    "any": "*/*",
    "any application": "application/*",
    "any json": "*/json",
    "UTF-16": "application/json; charset=utf-16",
    "latin-1": "application/json; charset=iso-8859-1",
    "latin-1 in quotes": 'application/json; charset="iso-8859-1"',
    "ASCII": "application/json; charset=us-ascii",
    "unknown charset": "application/json; charset=x-none",
    "empty charset": "application/json; charset=",
    "charset twice in one": "application/json; charset=utf-8=utf-8",
    "two charsets": "application/json; charset=utf-8; charset=utf-16",
    "form in latin-1": "application/x-www-form-urlencoded; charset=iso-8859-1",
}


@pytest.mark.parametrize("content_type", CONTENT_TYPES.values(), ids=CONTENT_TYPES)
def test_content_type_refused(send, content_type):
    response = send(GOOD.encode(), content_type, CONTENT_TYPE=content_type)
    assert_error(response, 415, "unsupported_media_type", "application/json")
    assert_nothing_done()


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json; charset=utf8",
        "application/json ; charset = utf-8",
        "application/json; odata=verbose",
    ],
)
def test_content_type_of_json(send, content_type):
    assert_accepted(send(GOOD.encode(), content_type))


@pytest.mark.parametrize(
    "content_type", [FORM, f"{FORM}; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"]
)
def test_content_type_of_a_form(send, content_type, ticket):
    assert_accepted(send(urlencode(FIELDS).encode(), content_type))
    assert ticket().email == "jane@example.com"


def reads_post(get_response):
    """A middleware that looks into every form, as those for logging do."""

    def middleware(request):
        request.looked_at = request.POST
        return get_response(request)

    return middleware


@pytest.fixture
def nosy_site(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.reads_post"]


MULTIPART = "".join(
    f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    for name, value in FIELDS.items()
)


def test_multipart_is_refused_even_if_a_middleware_read_it(send, nosy_site):
    body = f"{MULTIPART}--x--\r\n".encode()
    response = send(body, "multipart/form-data; boundary=x")
    assert_error(response, 415, "unsupported_media_type")
    assert_nothing_done()


def test_form_that_a_middleware_read_is_read_as_strictly(send, nosy_site):
    twice = urlencode(FIELDS) + "&email=mallory%40example.org"
    assert_error(send(twice.encode(), FORM), 400, "invalid_request")
    assert_nothing_done()
    assert_accepted(send(urlencode(FIELDS).encode(), FORM))


@pytest.mark.parametrize("size", [129, 1000, 7900])
def test_huge_password(send, legacy_app, size):
    fields = {**FIELDS, "client_id": legacy_app.client_id, "password": "x" * size}
    response = send(json.dumps(fields).encode())
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_password"
    assert_nothing_done()


def test_password_past_the_body_limit(send, legacy_app):
    fields = {**FIELDS, "client_id": legacy_app.client_id, "password": "x" * 1_000_000}
    assert_error(send(json.dumps(fields).encode()), 413, "payload_too_large")
    assert_nothing_done()


class Body:
    def __init__(self, text):
        self.bytes = text.encode()

    def read(self, size):
        return self.bytes[:size]


def test_password_is_wrapped_as_soon_as_it_is_read():
    json_fields = StrictJSONParser().parse(Body('{"password": "fresh-kettle-88"}'), JSON)
    form_fields = StrictFormParser().parse(Body("password=fresh-kettle-88"), FORM)
    assert json_fields == form_fields == {"password": Secret("fresh-kettle-88")}


def test_empty_field_of_a_form_is_there():
    """As in JSON: what is empty is refused by its name, not as missing."""
    assert StrictFormParser().parse(Body("email=&x=1"), FORM) == {"email": "", "x": "1"}


def test_form_that_cannot_be_read_is_told():
    with pytest.raises(ApiError) as refused:
        StrictFormParser().parse(Body("&".join(["x"] * 51)), FORM)
    assert str(refused.value) == "The form is not valid or has too many fields."


@pytest.mark.parametrize("body", ['{"password": ""}', '{"password": null}', "{}"])
def test_no_password_is_wrapped(body):
    assert not StrictJSONParser().parse(Body(body), JSON).get("password")


@pytest.mark.parametrize(
    ("parser", "media_type", "body"),
    [
        (StrictJSONParser, JSON, '{"password": "fresh-kettle-88"'),
        (StrictJSONParser, JSON, '{"password": "fresh-kettle-88", "x": NaN}'),
        (StrictJSONParser, JSON, '{"password": "fresh-kettle-88", "password": ""}'),
        (StrictFormParser, FORM, "password=fresh-kettle-88" + "&x" * 50),
    ],
)
def test_refusal_does_not_carry_the_body(parser, media_type, body):
    """JSON's own errors quote what they could not read, and chained errors are logged whole."""
    with pytest.raises(InvalidRequest) as refusal:
        parser().parse(Body(body), media_type)
    assert "kettle" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_charset_is_judged_before_the_body():
    with pytest.raises(UnsupportedMediaType, match="utf-16"):
        StrictJSONParser().parse(NeverEnding(), "application/json; charset=utf-16")


def test_unknown_field_may_hold_anything(send, ticket):
    """SDKs pass on what their caller gives them."""
    body = with_field("captcha", '{"token": ["x", 1, null, {"y": [true]}]}')
    assert_accepted(send(body.encode()))
    assert ticket().email == "jane@example.com"


def test_text_of_any_language_is_read(send, ticket):
    fields = {**FIELDS, "email": "", "username": "Žofie 😀 дом", "organization": "名"}
    assert_accepted(send(json.dumps(fields).encode()))
    assert (ticket().username, ticket().organization) == ("Žofie 😀 дом", "名")


def test_escaped_surrogate_pair_is_one_character(send, ticket):
    body = with_field("username", r'"\ud83d\ude00"').replace("jane@example.com", "")
    assert_accepted(send(body.encode()))
    assert ticket().username == "😀"
