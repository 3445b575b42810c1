"""Read the mails that Django's file e-mail backend has written."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

# The backend ends every message with a line of 79 dashes. What follows is the header of the next
# message or nothing at all; any other such line belongs to the text of a mail.
END_OF_MESSAGE = re.compile(rb"\r?\n-{79}\r?\n(?=[!-9;-~]+:|\Z)")


@dataclass(frozen=True)
class Mail:
    """One mail and the place it was found in."""

    id: str
    written_at: datetime
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["Subject"] or "")

    @property
    def recipients(self) -> str:
        """The addresses in the To header, decoded."""
        return str(self.message["To"] or "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in their order, decoded."""
        return [(name, str(value)) for name, value in self.message.items()]

    @property
    def sent_at(self) -> datetime:
        """The time in the Date header, else the time the file was last written to."""
        sent_at: datetime | None = getattr(self.message["Date"], "datetime", None)
        if sent_at is None:
            return self.written_at
        # Django below 6.0 writes the zone -0000: UTC, and no word on where the sender is.
        return sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)

    @property
    def text(self) -> str:
        """The plain-text part, empty if there is none."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML part, empty if there is none."""
        return self._part("html")

    def _part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        return str(body.get_content()) if isinstance(body, EmailMessage) else ""


def outbox_directory() -> Path | None:
    """Return where the site writes its mails, None when it sends them by other means."""
    return getattr(settings, "MAIL_DIR", None)


def read_outbox() -> list[Mail]:
    """Return the mails of the site, the newest first."""
    directory = outbox_directory()
    files = directory.glob("*.log") if directory else []
    mails = [mail for path in files for mail in read_file(path)]
    return sorted(mails, key=lambda mail: (mail.sent_at, mail.written_at, mail.id), reverse=True)


def read_file(path: Path) -> Iterator[Mail]:
    """Yield the mails in one file of the backend, the oldest first."""
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    # The remainder is empty, or a mail that is being written just now.
    *messages, _remainder = END_OF_MESSAGE.split(path.read_bytes())
    for number, content in enumerate(messages, start=1):
        message = email.message_from_bytes(content, policy=email.policy.default)
        yield Mail(f"{path.stem}-{number:03}", written_at, message)
