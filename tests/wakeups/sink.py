"""A mail server that can take for ever over a mail."""

import asyncio
import threading
from email import message_from_bytes
from typing import Any

from tests.support.mail import Sink


class SlowSink(Sink):
    """Once ``is_slow`` is set, the next mail hangs in the middle of its transfer."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.hangs = threading.Event()

    def forget(self) -> None:
        self.is_slow = False
        self.hangs.clear()
        self.accepted.clear()

    def recipients(self) -> list[str]:
        """Return whom the accepted mails are for, in alphabetical order."""
        return sorted(message_from_bytes(content)["To"] for content in self.accepted)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.is_slow:
            self.is_slow = False
            self.hangs.set()
            await asyncio.sleep(3600)
        return await super().handle_DATA(server, session, envelope)
