"""Mails read back, and the servers and backends they are sent through."""

import os
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import django
from aiosmtpd.controller import Controller
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings

from dbconnections.links import read_token


def link_in(message: EmailMessage) -> str:
    """Return the only link to a reset in a mail's text."""
    [link] = re.findall(r"https?://\S+/dbconnections/reset/\S+", str(message.body))
    return link


def ticket_in(message: EmailMessage) -> UUID:
    """Return the ticket that a mail's link is for."""
    ticket_id = read_token(link_in(message).rpartition("/")[2])
    assert ticket_id
    return ticket_id


def send_through(backend: str, **options: Any) -> override_settings:
    """Have the site send through another backend: a context manager."""
    if django.VERSION >= (6, 1):
        return override_settings(MAILERS={"default": {"BACKEND": backend, "OPTIONS": options}})
    named = {f"EMAIL_{name.upper()}": value for name, value in options.items()}
    return override_settings(EMAIL_BACKEND=backend, **named)


def smtp(port: int) -> override_settings:
    """Have the site send to an SMTP server on this machine."""
    return send_through("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port)


class Sink:
    """An SMTP server that answers as told and keeps what it accepts.

    ``replies`` holds what to answer to the next `MAIL`, `RCPT` or `DATA` commands.
    """

    def __init__(self) -> None:
        self.replies: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.accepted: list[bytes] = []
        self.connections = 0
        self._controller = _AnyPort(self, hostname="127.0.0.1", port=0)

    @property
    def port(self) -> int:
        return self._controller.port

    def __enter__(self) -> "Sink":
        self._controller.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._controller.stop()

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.replies["MAIL"]:
            return self.replies["MAIL"].pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.replies["RCPT"]:
            return self.replies["RCPT"].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.replies["DATA"]:
            return self.replies["DATA"].pop(0)
        self.accepted.append(envelope.content)
        return "250 OK"


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        assert self.server
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class SlowBackend(BaseEmailBackend):
    """Touches the file named in ``MAIL_STARTED`` and then takes its time."""

    seconds = 60.0

    def send_messages(self, messages: Any) -> int:
        Path(os.environ["MAIL_STARTED"]).touch()
        time.sleep(self.seconds)
        return len(messages)


class RatherSlowBackend(SlowBackend):
    seconds = 1.0
