"""A mail server that refuses, puts off and hangs up by chance: `python -m tests.stress.sink`.

What becomes of each mail is noted in a journal before the client hears of it.
"""

import argparse
import asyncio
import hashlib
import random
import re
import signal
import time
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.stress.journal import write

MISSING = "550 5.1.1 No such mailbox"
LATER = "421 4.3.2 Try again later"


class Handler:
    """Decides each mail's fate when its sender is named."""

    def __init__(self, journal: Path, *, later: float, missing: float, drop: float) -> None:
        self.journal = journal
        self.later = later
        self.missing = missing
        self.drop = drop

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        puts_off = random.random() < self.later
        session.put_off_at = random.choice(["MAIL", "RCPT", "DATA"]) if puts_off else ""
        if session.put_off_at == "MAIL":
            return await self._later("")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.is_missing(address):
            self._note(address, "550")
            return MISSING
        if session.put_off_at == "RCPT":
            return await self._later(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        [address] = envelope.rcpt_tos
        if session.put_off_at == "DATA":
            return await self._later(address)
        drops = random.random() < self.drop
        mail: Any = message_from_bytes(envelope.content, policy=policy.default)
        text = mail.get_body(("plain",)).get_content()
        [link] = re.findall(r"https?://\S+/dbconnections/reset/\S+", text)
        self._note(address, "dropped" if drops else "accepted", link=link)
        await self._dawdle()
        if drops:
            server.transport.abort()
        return "250 OK"

    def is_missing(self, address: str) -> bool:
        """Say whether a mailbox is one of those that are not there, now and whenever asked."""
        digest = hashlib.sha256(address.casefold().encode()).digest()
        return digest[0] / 256 < self.missing

    async def _later(self, address: str) -> str:
        self._note(address, "421")
        await self._dawdle()
        return LATER

    async def _dawdle(self) -> None:
        """Leave time in which a client may be killed between a deed and its answer."""
        if self.later or self.drop:
            await asyncio.sleep(random.uniform(0, 0.02))

    def _note(self, address: str, fate: str, **more: str) -> None:
        write(self.journal, at=time.time(), to=address, fate=fate, **more)


async def serve(handler: Handler) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a mail server that is hard to please.")
    parser.add_argument("journal", type=Path, help="file to note mails in")
    parser.add_argument("--later", type=float, default=0.0, help="share of mails answered 421")
    parser.add_argument("--missing", type=float, default=0.0, help="share of mailboxes with 550")
    parser.add_argument("--drop", type=float, default=0.0, help="share hung up on after DATA")
    options = vars(parser.parse_args())
    asyncio.run(serve(Handler(options.pop("journal"), **options)))


if __name__ == "__main__":
    main()
