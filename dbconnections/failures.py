"""What a failure to send means for the next attempt, and how one is logged.

The question is always whether it is about this mail. A server that is away, busy or wrongly set up,
or that refuses the sender, concerns all mails: they wait until it is mended or their links expire.
Only a refusal of this recipient or this mail is final. Whatever else is raised comes from the code
or from what the ticket holds: it is tried again, but not without end.
"""

import logging
import re
import sys
import traceback
from enum import Enum, auto
from types import ModuleType

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from dbconnections.models import ResetTicket
from dbconnections.transactions import Busy

logger = logging.getLogger("dbconnections")


class Failure(Enum):
    """How a failure is to be taken."""

    TRANSIENT = auto()
    """Try again until the ticket expires."""

    PERMANENT = auto()
    """Never again: another attempt would fail as well."""

    UNKNOWN = auto()
    """Try again, ``DELIVERY_MAX_ATTEMPTS`` times: the ticket itself may be the reason."""


class Undeliverable(Exception):
    """Another attempt would fail as well; the text says why, to administrators."""


class NotSent(Exception):
    """The backend says that it has sent nothing."""


class NotNoted(Exception):
    """The mail was taken, and the database could not be told."""


# What a provider's HTTP API answers about a mail it could read but will not send: a malformed
# request, one too large, one whose content it refuses (RFC 9110, 15.5). The other 4xx are about
# who asks, or how often: 401, 402, 403, 404, 429.
_REFUSED_BY_API = frozenset({400, 406, 413, 415, 422})


# Many servers tell a client that has lost its credentials, or may not relay, only when it names a
# recipient: RFC 4954, 6; RFC 3463, 3.8 has 5.7.x for what is about permission, not about a mailbox.
_REFUSES_SENDER = frozenset({530, 534, 535, 538})
_ABOUT_SENDER = re.compile(r"5\.7\.\d")


def classify(error: Exception) -> Failure:
    """Say how a failure is to be taken."""
    anymail = _anymail_exceptions()
    if anymail and isinstance(error, anymail.AnymailError):
        return _classify_anymail(error, anymail)
    smtplib = _smtplib()
    if smtplib and isinstance(error, smtplib.SMTPException):
        return _classify_smtp(error, smtplib)
    match error:
        case Undeliverable():
            return Failure.PERMANENT
        case OSError() | OperationalError() | InterfaceError() | Busy():
            return Failure.TRANSIENT
        case ImproperlyConfigured():
            return Failure.TRANSIENT
    return Failure.UNKNOWN


# What writes a mail and its addresses down, and refuses what no server would ever get to see.
_WRITES_MAILS = ("django.core.mail.", "email.", "smtplib.")
# What it has a domain encoded by.
_ENCODES = ("django.utils.encoding.", "encodings.")


def is_about_text(error: Exception) -> bool:
    """Say whether an error at handing over a mail is about its text, and not one of the backend."""
    frames = traceback.walk_tb(error.__traceback__)
    modules = [f"{frame.f_globals.get('__name__')}." for frame, _line in frames]
    return [name for name in modules if not name.startswith(_ENCODES)][-1].startswith(_WRITES_MAILS)


def is_unanswered(error: Exception) -> bool:
    """Say whether the mail may have been taken, as where the connection was lost on its way."""
    if isinstance(error, NotNoted):
        return True
    anymail = _anymail_exceptions()
    if anymail and isinstance(error, anymail.AnymailAPIError):
        return _is_taken(error) or _is_unanswered_by_api(error.__cause__)
    smtplib = _smtplib()
    if not smtplib or isinstance(error, smtplib.SMTPResponseException):
        return False
    # The same errors stand for a server that is away, or hangs up at the greeting.
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is smtplib.SMTP.data.__code__ for frame, _line in frames)


def describe(error: Exception) -> str:
    """Name an error without its text, which may quote an address or the mail."""
    if isinstance(error, Undeliverable):
        return str(error)[:200]
    codes: list[object] = []
    anymail, smtplib = _anymail_exceptions(), _smtplib()
    if smtplib and isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
    elif smtplib and isinstance(error, smtplib.SMTPResponseException):
        codes = [error.smtp_code]
    elif anymail and isinstance(error, anymail.AnymailError) and error.status_code:
        codes = [error.status_code]
    return " ".join([type(error).__name__, *map(str, codes)])[:120]


def log_failure(
    message: str, level: int, error: Exception, ticket: ResetTicket | None = None
) -> None:
    """Log where an error happened, but neither its text nor local variables.

    Both may hold the link. Call it outside the error's handler.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    reason = describe(error)
    extra = {"event": "fcpr", "reason": reason, "where": where}
    if ticket:
        extra["ticket"] = str(ticket.pk)
    logger.log(level, message, reason, extra=extra)


def _classify_smtp(error: Exception, smtplib: ModuleType) -> Failure:
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            return _final_if(all(_is_final(*reply) for reply in recipients.values()))
        case smtplib.SMTPDataError(smtp_code=code, smtp_error=text):
            return _final_if(_is_final(code, text))
    # At connecting, HELO, log-in or MAIL FROM: whatever its code, it is about the sender.
    return Failure.TRANSIENT


def _classify_anymail(error: Exception, anymail: ModuleType) -> Failure:
    if isinstance(error, anymail.AnymailRecipientsRefused | anymail.AnymailInvalidAddress):
        return Failure.PERMANENT
    if isinstance(error, anymail.AnymailAPIError) and not _is_taken(error):
        # Without a status there was no answer.
        return _final_if(getattr(error, "status_code", None) in _REFUSED_BY_API)
    # What the provider cannot do, a value that cannot be put into its request, or an answer to a
    # mail it took that nobody can read, which another attempt would get as well.
    return Failure.UNKNOWN


def _is_taken(error: Exception) -> bool:
    """Say whether a provider's API answered that it took the mail."""
    return (getattr(error, "status_code", None) or 0) // 100 == 2


def _is_unanswered_by_api(cause: BaseException | None) -> bool:
    """Say the same of what requests raised, if it did."""
    # Imported by anymail, whose errors are theirs as well.
    requests, urllib3 = (sys.modules[name] for name in ("requests", "urllib3.exceptions"))
    if isinstance(cause, requests.ConnectionError):
        # Of a provider that cannot be reached, urllib3 raises something else.
        return any(isinstance(reason, urllib3.ProtocolError) for reason in cause.args)
    return isinstance(cause, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError)


def _is_final(code: int, text: bytes | str) -> bool:
    """Say whether a reply refuses this recipient or this mail, and not whoever sends."""
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    is_about_sender = code in _REFUSES_SENDER or _ABOUT_SENDER.match(said)
    return 500 <= code < 600 and not is_about_sender


def _final_if(is_final: bool) -> Failure:
    return Failure.PERMANENT if is_final else Failure.TRANSIENT


def _anymail_exceptions() -> ModuleType | None:
    """Return anymail's exceptions if anything has imported them; else none was raised."""
    return sys.modules.get("anymail.exceptions")


def _smtplib() -> ModuleType | None:
    """Return smtplib, likewise: a site need not load it to start."""
    return sys.modules.get("smtplib")
