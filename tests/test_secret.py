"""A password in the code's hands shows nowhere."""

import copy
import json
import logging
import pickle
import sys
import traceback

import pytest
from django.views.debug import ExceptionReporter

from dbconnections.secret import HideLinks, Secret

TEXT = "canary-4f2e"
SECRET = Secret(TEXT)


def test_reveal():
    assert SECRET.reveal() == TEXT


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>20}",
        "{}".format(SECRET),  # noqa: UP032 (another way into it)
        "%s" % SECRET,  # noqa: UP031
        repr([SECRET]),
        repr({"password": SECRET}),
        str(ValueError(SECRET)),
        ascii(SECRET),
    ],
)
def test_shown_as_nothing(shown):
    assert TEXT not in shown
    assert "<secret>" in shown


def test_not_in_log_records(caplog):
    logging.getLogger("x").warning("password %s", SECRET)
    assert "<secret>" in caplog.text
    assert TEXT not in caplog.text


def test_has_no_dict_to_look_into():
    assert not hasattr(SECRET, "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_not_pickled(protocol):
    with pytest.raises(TypeError, match="A secret is not pickled"):
        pickle.dumps({"password": SECRET}, protocol)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_not_copied(duplicate):
    with pytest.raises(TypeError):
        duplicate(SECRET)


def test_not_in_json():
    with pytest.raises(TypeError) as error:
        json.dumps({"password": SECRET})
    assert TEXT not in str(error.value)


def failing(password):
    fields = {"password": password, "others": [password, (password,)]}
    raise RuntimeError("with", password, fields)


def test_not_in_tracebacks():
    with pytest.raises(RuntimeError) as caught:
        failing(SECRET)
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "<secret>" in shown
    assert TEXT not in shown


@pytest.mark.parametrize("debug", [False, True])
def test_not_in_error_pages_and_mails(settings, debug):
    settings.DEBUG = debug
    try:
        failing(SECRET)
    except RuntimeError:
        reporter = ExceptionReporter(None, *sys.exc_info())
    shown = reporter.get_traceback_html() + reporter.get_traceback_text()
    assert "&lt;secret&gt;" in shown
    assert TEXT not in shown


def test_equal_by_its_text():
    assert Secret(TEXT) == SECRET
    assert Secret("other") != SECRET
    assert SECRET != TEXT
    assert len({SECRET, Secret(TEXT), Secret("other")}) == 2


def test_empty_is_false():
    assert Secret(" ")
    assert not Secret("")


# Links in logs


def logged(message, *args):
    """Return what a handler behind the filter would write."""
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, args, None)
    assert HideLinks().filter(record) is True
    return record.getMessage()


TOKEN = "AbC_d-e1.F2g_h-3"


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        (f"/dbconnections/reset/{TOKEN}", (), "/dbconnections/reset/[token]"),
        (f"GET /dbconnections/reset/{TOKEN}", (), "GET /dbconnections/reset/[token]"),
        (
            '"%s" %s %s',
            (f"GET /dbconnections/reset/{TOKEN} HTTP/1.1", "200", "9"),
            '"GET /dbconnections/reset/[token] HTTP/1.1" 200 9',
        ),
        (
            "%s: %s",
            ("Not Found", "/dbconnections/reset/x"),
            "Not Found: /dbconnections/reset/[token]",
        ),
        (f"/dbconnections/reset/{TOKEN}?x=1", (), "/dbconnections/reset/[token]?x=1"),
        (f"/dbconnections/reset/{TOKEN}/more", (), "/dbconnections/reset/[token]"),
        ("/dbconnections/reset/%41%42.%43", (), "/dbconnections/reset/[token]"),
        (f"/dbconnections%2Freset%2f{TOKEN} 302", (), "/dbconnections%2Freset%2f[token] 302"),
        (f"/dbconnections/r%65se%74/{TOKEN}", (), "/dbconnections/r%65se%74/[token]"),
        (f"/dbco%6Enections/reset/{TOKEN}", (), "/dbco%6Enections/reset/[token]"),
        (f"/dbconnections//reset//{TOKEN}", (), "/dbconnections//reset/[token]"),
        (f"/dbconnections/reset/done/../{TOKEN}", (), "/dbconnections/reset/[token]"),
        (f"/dbconnections/reset/done/{TOKEN} 302", (), "/dbconnections/reset/[token] 302"),
        (
            f"/x?next=%2Fdbconnections%2Freset%2F{TOKEN}",
            (),
            "/x?next=%2Fdbconnections%2Freset%2F[token]",
        ),
        ("%s/%s %s", ("/dbconnections/reset", TOKEN, 302), "/dbconnections/reset/[token] 302"),
        (f"/dbconnections/reset/{TOKEN} %d", (302,), "/dbconnections/reset/[token] 302"),
        (
            f"'/dbconnections/reset/{TOKEN}' \"/dbconnections/reset/{TOKEN}\"",
            (),
            "'/dbconnections/reset/[token]' \"/dbconnections/reset/[token]\"",
        ),
        (
            f"https://x.example/dbconnections/reset/{TOKEN} sent",
            (),
            "https://x.example/dbconnections/reset/[token] sent",
        ),
    ],
)
def test_links_are_hidden(message, args, expected):
    assert logged(message, *args) == expected


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("GET /dbconnections/reset/ 200", ()),
        ("GET /dbconnections/reset/done/ 200", ()),
        ("GET /dbconnections/reset/done/?success=true 200", ()),
        ('"%s"', ("/dbconnections/reset/done/",)),
        ("POST /dbconnections/change_password", ()),
        ("%d%% of %s", (5, "it")),
    ],
)
def test_other_records_are_left_alone(message, args):
    assert logged(message, *args) == (message % args if args else message)


class AccessFormatter(logging.Formatter):
    """Takes the arguments apart, as that of uvicorn does."""

    def format(self, record):
        client, method, path, version, status = record.args
        return f"{client} {status + 0} {method} {path} {version}"


def test_formatter_that_takes_the_arguments_apart_gets_all_of_them():
    args = ("127.0.0.1:5", "GET", f"/dbconnections/reset/{TOKEN}", "1.1", 302)
    message = '%s - "%s %s HTTP/%s" %d'
    record = logging.LogRecord("uvicorn.access", logging.INFO, __file__, 1, message, args, None)
    assert HideLinks().filter(record) is True
    shown = AccessFormatter().format(record)
    assert shown == "127.0.0.1:5 302 GET /dbconnections/reset/[token] 1.1"
    expected = '127.0.0.1:5 - "GET /dbconnections/reset/[token] HTTP/1.1" 302'
    assert record.getMessage() == expected


class Atoms(dict):
    """As gunicorn and hypercorn log them: `-` for what there is not."""

    def __missing__(self, key):
        return "-"


def test_arguments_by_name_keep_their_names():
    atoms = Atoms({"U": f"/dbconnections/reset/{TOKEN}", "s": 302})
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%(U)s %(s)d %(a)s", (atoms,), None)
    assert HideLinks().filter(record) is True
    assert record.getMessage() == "/dbconnections/reset/[token] 302 -"
    assert dict(record.args) == {"U": "/dbconnections/reset/[token]", "s": 302}
    assert TOKEN in atoms["U"]  # which is not the log's


def test_message_is_clean_though_its_arguments_cannot_be_copied():
    class Uncopied(Atoms):
        def __copy__(self):
            raise TypeError

    assert logged("%(U)s", Uncopied(U=f"/dbconnections/reset/{TOKEN}")) == (
        "/dbconnections/reset/[token]"
    )


def test_malformed_record_is_left_to_its_handler():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%d", ("x",), None)
    assert HideLinks().filter(record) is True
    assert (record.msg, record.args) == ("%d", ("x",))


def test_record_that_has_no_arguments_at_all():
    """As a handler of a queue leaves it, which has put them into the message."""
    message = f"GET /dbconnections/reset/{TOKEN}"
    record = logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None)
    assert HideLinks().filter(record)
    assert record.getMessage() == "GET /dbconnections/reset/[token]"
