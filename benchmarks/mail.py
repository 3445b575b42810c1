"""E-mail back ends: one that takes its time, one that connects anew for each mail."""

import time
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SMTPBackend


class SlowBackend(BaseEmailBackend):
    """Write a message out, as the SMTP backend does, wait, and count it."""

    delay = 0.0
    """Seconds a message takes; those a real server takes are spent waiting as well."""

    sent = 0

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            message.message().as_bytes(linesep="\r\n")
            if SlowBackend.delay:
                time.sleep(SlowBackend.delay)
            SlowBackend.sent += 1
        return len(email_messages)


class ConnectingBackend(SMTPBackend):
    """Connect for each mail anew, as a site does that sends one at a time."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        try:
            return super().send_messages(email_messages) or 0
        finally:
            self.close()
