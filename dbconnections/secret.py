"""What keeps passwords and links out of logs and error reports."""

import logging
import re
from contextlib import suppress
from copy import copy
from typing import NoReturn

__all__ = ["HideLinks", "Secret"]


class Secret:
    """A password on its way through the code: text that prints as nothing.

    Tracebacks in logs, error mails and trackers print local variables; ``sensitive_variables``
    guards single functions and form posts only, not the frames of a framework in between.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; call it only where it is consumed."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled: it would end up in a queue or cache.")


def _maybe_encoded(character: str) -> str:
    return f"(?:{character}|(?i:%{ord(character):02x}))"


# An address is decoded before it is looked at: each character may have been written as `%2F` is.
_SLASH, _DBCONNECTIONS, _RESET = (
    "".join(map(_maybe_encoded, text)) for text in ("/", "dbconnections", "reset")
)
# A proxy may take several slashes for one, and `done/..` for nothing.
_LINK = re.compile(
    rf"""({_SLASH}{_DBCONNECTIONS}{_SLASH}+{_RESET}{_SLASH})(?!done/(?![^\s"'?]))[^\s"'?]+"""
)


def _without_links(text: str) -> str:
    return _LINK.sub(r"\1[token]", text)


class HideLinks(logging.Filter):
    """Blanks the token of a mailed link in log records, such as those of ``django.server``.

    The link has to be an address once. A log of addresses, read within the link's life, would
    otherwise be as good as the mail.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        with suppress(Exception):  # arguments of a kind of their own: the message is cleaned
            self._clean_arguments(record)
        try:
            message = record.getMessage()
        except Exception:
            # A malformed record is its handler's to report; raised here it would hit the caller.
            return True
        cleaned = _without_links(message)
        if cleaned != message:  # a link in the message itself, or put together from pieces
            record.msg = cleaned
            record.args = ()
        return True

    def _clean_arguments(self, record: logging.LogRecord) -> None:
        """Clean each by itself: a formatter may take them apart, as that of uvicorn does."""
        args = record.args
        if isinstance(args, tuple):
            record.args = tuple(
                _without_links(value) if isinstance(value, str) else value for value in args
            )
        elif isinstance(args, dict):
            # A copy of its own kind, as that of gunicorn knows names that it does not hold.
            record.args = copy(args)
            texts = {name: value for name, value in args.items() if isinstance(value, str)}
            record.args.update({name: _without_links(text) for name, text in texts.items()})
