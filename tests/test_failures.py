"""What each failure to send means for the next attempt."""

import smtplib
import ssl
import sys
from typing import Any

import pytest
import requests
import urllib3
from anymail import exceptions as anymail
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.template import TemplateSyntaxError

from dbconnections.failures import (
    Failure,
    NotSent,
    Undeliverable,
    classify,
    describe,
    is_unanswered,
)
from dbconnections.links import BaseURLMissing
from dbconnections.transactions import Busy

GONE, BUSY = (550, b"jane@example.com unknown"), (451, b"jane@example.com: later")


def answer(status: int) -> anymail.AnymailRequestsAPIError:
    """Return anymail's error for an answer of this status."""
    response = requests.Response()
    response.status_code = status
    return anymail.AnymailRequestsAPIError("for jane@example.com", response=response)


def no_answer(kind: type[requests.RequestException]) -> Exception:
    """Return what anymail makes of an error of requests: a class that is both."""
    both: Any = type("AnymailRequestsAPIError", (anymail.AnymailRequestsAPIError, kind), {})
    error: Exception = both("for jane@example.com")
    return error


TRANSIENT = [
    (smtplib.SMTPServerDisconnected("closed"), "SMTPServerDisconnected"),
    (smtplib.SMTPConnectError(554, b"no"), "SMTPConnectError 554"),
    (smtplib.SMTPHeloError(550, b"no"), "SMTPHeloError 550"),
    (smtplib.SMTPAuthenticationError(535, b"no"), "SMTPAuthenticationError 535"),
    (smtplib.SMTPSenderRefused(550, b"no", "a@b.example"), "SMTPSenderRefused 550"),
    (smtplib.SMTPNotSupportedError("STARTTLS"), "SMTPNotSupportedError"),
    (smtplib.SMTPRecipientsRefused({"a": BUSY}), "SMTPRecipientsRefused 451"),
    # About the sender, though it is told at the recipient.
    (smtplib.SMTPRecipientsRefused({"a": (530, b"5.7.0 Log in")}), "SMTPRecipientsRefused 530"),
    *(
        (smtplib.SMTPRecipientsRefused({"a": (code, b"Log in")}), f"SMTPRecipientsRefused {code}")
        for code in (530, 534, 535, 538)
    ),
    (smtplib.SMTPRecipientsRefused({"a": (550, b"5.7.1 No relay")}), "SMTPRecipientsRefused 550"),
    (smtplib.SMTPDataError(554, b"5.7.1 Not you"), "SMTPDataError 554"),
    (smtplib.SMTPRecipientsRefused({"a": GONE, "b": BUSY}), "SMTPRecipientsRefused 550 451"),
    (smtplib.SMTPDataError(451, b"later"), "SMTPDataError 451"),
    (smtplib.SMTPDataError(600, b"no code of SMTP"), "SMTPDataError 600"),
    (TimeoutError("timed out"), "TimeoutError"),
    (ConnectionRefusedError(), "ConnectionRefusedError"),
    (ssl.SSLCertVerificationError("expired"), "SSLCertVerificationError"),
    (OperationalError("locked"), "OperationalError"),
    (InterfaceError("closed"), "InterfaceError"),
    (Busy(), "Busy"),
    (ImproperlyConfigured("BASE_URL"), "ImproperlyConfigured"),
    (BaseURLMissing(), "BaseURLMissing"),
    (anymail.AnymailConfigurationError("no key"), "AnymailConfigurationError"),
    (anymail.AnymailAPIError("unparsable"), "AnymailAPIError"),
    (no_answer(requests.ConnectionError), "AnymailRequestsAPIError"),
    (no_answer(requests.Timeout), "AnymailRequestsAPIError"),
    (no_answer(requests.exceptions.InvalidURL), "AnymailRequestsAPIError"),
    *(
        (answer(status), f"AnymailRequestsAPIError {status}")
        for status in (401, 402, 403, 404, 408, 429, 500, 502, 503, 504)
    ),
]

PERMANENT = [
    (Undeliverable("The account is gone."), "The account is gone."),
    (smtplib.SMTPRecipientsRefused({"a": GONE}), "SMTPRecipientsRefused 550"),
    (smtplib.SMTPDataError(554, b"spam"), "SMTPDataError 554"),
    (smtplib.SMTPDataError(550, b"5.1.1 No such user, and 5.7.1"), "SMTPDataError 550"),
    (smtplib.SMTPDataError(550, "no bytes"), "SMTPDataError 550"),
    (smtplib.SMTPDataError(550, "größer als erlaubt".encode()), "SMTPDataError 550"),
    (anymail.AnymailRecipientsRefused(), "AnymailRecipientsRefused"),
    (anymail.AnymailInvalidAddress("jane@"), "AnymailInvalidAddress"),
    *(
        (answer(status), f"AnymailRequestsAPIError {status}")
        for status in (400, 406, 413, 415, 422)
    ),
]

UNKNOWN = [
    (NotSent(), "NotSent"),
    (RuntimeError("for jane@example.com"), "RuntimeError"),
    (MemoryError(), "MemoryError"),
    # Out of a user store, a template or a backend; those of a mail's own, `delivery` knows.
    (ValueError("for jane@example.com"), "ValueError"),
    (UnicodeEncodeError("ascii", "x", 0, 1, "no"), "UnicodeEncodeError"),
    (TemplateSyntaxError("no_such_tag"), "TemplateSyntaxError"),
    (anymail.AnymailUnsupportedFeature("track_clicks"), "AnymailUnsupportedFeature"),
    (anymail.AnymailSerializationError("Decimal"), "AnymailSerializationError"),
]


@pytest.mark.parametrize(
    ("failure", "error", "described"),
    [
        *((Failure.TRANSIENT, *case) for case in TRANSIENT),
        *((Failure.PERMANENT, *case) for case in PERMANENT),
        *((Failure.UNKNOWN, *case) for case in UNKNOWN),
    ],
)
def test_failure(failure, error, described):
    assert classify(error) == failure
    assert describe(error) == described


NO_CONNECTION = urllib3.exceptions.MaxRetryError(urllib3.HTTPConnectionPool("127.0.0.1"), "/")


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (requests.ReadTimeout(), True),
        (requests.exceptions.ChunkedEncodingError(), True),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted")), True),
        (requests.ConnectionError(NO_CONNECTION), False),
        (requests.ConnectTimeout(NO_CONNECTION), False),
        (requests.exceptions.SSLError(NO_CONNECTION), False),
        (requests.exceptions.InvalidURL(), False),
        (None, False),
    ],
)
def test_provider_that_may_have_taken_the_mail(cause, expected):
    error = no_answer(type(cause)) if cause else answer(503)
    error.__cause__ = cause
    assert is_unanswered(error) == expected


def test_provider_that_took_the_mail_and_says_so_unreadably_is_not_asked_without_end():
    assert is_unanswered(answer(200))
    assert classify(answer(200)) == Failure.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPServerDisconnected("at the greeting"),
        smtplib.SMTPDataError(451, b"later"),
        ConnectionResetError(),
        RuntimeError(),
    ],
)
def test_server_that_cannot_have_taken_the_mail(error):
    """When it has, `tests/test_delivery.py` shows with a server."""
    assert not is_unanswered(error)


@pytest.mark.parametrize(
    ("command_is_answered", "expected"), [((421, b"not now"), False), ((354, b"go on"), True)]
)
def test_server_that_refuses_to_take_any_mail_has_not(command_is_answered, expected):
    """It is asked, with the command, before it is given one."""
    server, replies = smtplib.SMTP(), iter([command_is_answered])

    def reply() -> tuple[int, bytes]:
        for known in replies:
            return known
        raise smtplib.SMTPServerDisconnected

    vars(server).update(putcmd=lambda *command: None, send=lambda text: None, getreply=reply)
    with pytest.raises(smtplib.SMTPException) as caught:
        server.data("the mail")
    assert is_unanswered(caught.value) == expected


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (Undeliverable("x" * 300), 200),
        (smtplib.SMTPRecipientsRefused({str(number): BUSY for number in range(100)}), 120),
    ],
)
def test_description_fits_its_column(error, most):
    assert len(describe(error)) == most


def test_site_without_anymail_has_its_failures_judged(monkeypatch):
    monkeypatch.delitem(sys.modules, "anymail.exceptions")
    assert classify(smtplib.SMTPDataError(451, b"later")) == Failure.TRANSIENT
    assert describe(RuntimeError("secret")) == "RuntimeError"
