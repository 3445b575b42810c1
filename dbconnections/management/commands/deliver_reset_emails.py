"""Send the mails that are due, once or for ever."""

import logging
import random
import select
import signal
import socket
import threading
from argparse import ArgumentParser
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections
from django.utils.translation import gettext as _

from dbconnections.delivery import MAX_LINGER, deliver_due
from dbconnections.failures import log_failure

# Seconds between two looks of a loop. No system can wait for any number of them.
INTERVAL = 5
MAX_INTERVAL = 86400


class Stop(threading.Event):
    """An event that a signal's handler may set.

    The handler runs in the very thread that waits. If it came while that thread was inside
    ``Event.wait``, with the event's lock, ``Event.set`` would wait for the lock for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped = False
        self._reader, self._writer = socket.socketpair()

    def is_set(self) -> bool:
        return self._stopped

    def set(self) -> None:
        self._stopped = True
        with suppress(OSError):  # closed already, when one signal follows another
            self._writer.send(b"!")

    def wait(self, timeout: float | None = None) -> bool:
        select.select([self._reader], [], [], timeout)
        return self._stopped

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


class Command(BaseCommand):
    help = "Send the reset mails that are due, and stop; with --loop, go on until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until SIGTERM or SIGINT")
        parser.add_argument(
            "--interval",
            type=float,
            metavar="SECONDS",
            help=f"with --loop: seconds between two looks (default: {INTERVAL}), to which a random "
            "moment of up to a second is added",
        )

    def handle(
        self, *, loop: bool, interval: float | None, verbosity: int = 1, **options: Any
    ) -> None:
        if interval is None:
            interval = INTERVAL
        elif not loop:
            raise CommandError("--interval says something with --loop only.", returncode=2)
        if not 0 < interval <= MAX_INTERVAL:
            raise CommandError(
                f"--interval takes more than 0 seconds and at most a day, {MAX_INTERVAL}.",
                returncode=2,
            )
        stop = Stop()
        try:
            self._handle(stop, loop=loop, interval=interval, verbosity=verbosity)
        finally:
            stop.close()

    def _handle(self, stop: Stop, *, loop: bool, interval: float, verbosity: int) -> None:
        if not loop:
            self._deliver(stop, verbosity)
            return

        def finish(signum: int, frame: FrameType | None) -> None:
            # What is being sent is sent to its end and noted.
            stop.set()

        signal.signal(signal.SIGTERM, finish)
        signal.signal(signal.SIGINT, finish)
        while not stop.is_set():
            failure = None
            try:
                self._deliver(stop, verbosity)
            except Exception as error:
                # A database that is away comes back; a command that has ended does not.
                failure = error
            if failure:
                log_failure("Delivery failed: %s.", logging.ERROR, failure)
            # Requests may be slower while a mail is rendered on the same machine. At a moment
            # known beforehand, that would tell whether there was one to render.
            linger = random.uniform(0, MAX_LINGER.total_seconds())  # noqa: S311 (no secret)
            stop.wait(interval + linger)
            close_old_connections()

    def _deliver(self, stop: threading.Event, verbosity: int) -> None:
        outcomes = deliver_due(stop)
        for outcome, number in sorted(outcomes.items()):
            self.stdout.write(f"{outcome}: {number}")
        if not outcomes and verbosity > 1:
            self.stdout.write(_("Nothing was due."))
        # Whoever watches a loop through a pipe is not to wait for a full buffer.
        self.stdout.flush()
