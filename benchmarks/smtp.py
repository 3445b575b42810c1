"""A real mail server on this machine that takes its time, counts, and throws away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP


class Sink:
    """Take every mail, ``delay`` seconds each; greet a new connection after as long."""

    def __init__(self, delay: float, greeting: float) -> None:
        self.delay = delay
        self.greeting = greeting
        self.mails = 0
        self.connections = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.delay)
        self.mails += 1
        return "250 OK"

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        await asyncio.sleep(self.greeting)
        session.host_name = hostname
        return responses


class Server(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, hostname="localhost")


@contextmanager
def sink(port: int, delay: float, greeting: float = 0.0) -> Iterator[Sink]:
    """Run a mail server on a port of this machine."""
    handler = Sink(delay, greeting)
    server = Server(handler, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield handler
    finally:
        server.stop()
