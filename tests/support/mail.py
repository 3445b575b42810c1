"""Mails read back, and the servers and backends they are sent through."""

import os
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import django
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from anymail.backends.test import EmailBackend as AnymailBackend
from anymail.backends.test import TestPayload
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

    ``replies`` holds what to answer to the next connections and commands; of `HELO`, to `EHLO` too.
    ``unanswered`` is how many of the next mails it takes, and hangs up without saying so.
    """

    def __init__(self) -> None:
        stages = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA")
        self.replies: dict[str, list[str]] = {stage: [] for stage in stages}
        self.accepted: list[bytes] = []
        self.unanswered = 0
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
        # Kept for HELO, with which a client answers a refused EHLO.
        return [self.replies["HELO"][0]] if self.replies["HELO"] else responses

    async def handle_HELO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str
    ) -> str:
        if self.replies["HELO"]:
            return self.replies["HELO"].pop(0)
        session.host_name = hostname
        return "250 OK"

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
        if self.unanswered:
            self.unanswered -= 1
            server.transport.abort()
        return "250 OK"


class _Server(SMTP):
    async def push(self, status: Any) -> None:
        sink: Sink = self.event_handler
        if sink.replies["CONNECT"] and self.session and not self.session.host_name:
            status = sink.replies["CONNECT"].pop(0)
        await super().push(status)


class _AnyPort(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)

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


class PlainPayload(TestPayload):
    """What a provider takes that knows nothing but mails."""

    def set_metadata(self, metadata: Any) -> None:
        self.unsupported_feature("metadata")

    def set_tags(self, tags: Any) -> None:
        self.unsupported_feature("tags")

    def set_track_clicks(self, track_clicks: Any) -> None:
        self.unsupported_feature("track_clicks")

    def set_track_opens(self, track_opens: Any) -> None:
        self.unsupported_feature("track_opens")


class PlainProvider(AnymailBackend):
    def __init__(self, **options: Any) -> None:
        super().__init__(payload_class=PlainPayload, **options)
