"""What keeps passwords and links out of logs and error reports."""

import logging
import re
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


_LINK = re.compile(r"""(/dbconnections/reset/)(?!done/)[^\s"'?]+""")


class HideLinks(logging.Filter):
    """Blanks the token of a mailed link in log records, such as those of ``django.server``.

    The link has to be an address once. A log of addresses, read within the link's life, would
    otherwise be as good as the mail.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:
            # A malformed record is its handler's to report; raised here it would hit the caller.
            return True
        if "/dbconnections/reset/" in message:
            record.msg = _LINK.sub(r"\1[token]", message)
            record.args = ()
        return True
