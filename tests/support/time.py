"""Time that passes without waiting for it, and time that has to be waited for."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db.models import DateTimeField, F


def let_pass(period: timedelta) -> None:
    """Have everything that happened to any ticket, or is to happen, be that much earlier."""
    # Imported where it is used: what only waits, for a server, may do so without Django.
    from dbconnections.models import ResetTicket

    times = [field.name for field in ResetTicket._meta.fields if isinstance(field, DateTimeField)]
    ResetTicket.objects.update(**{name: F(name) - period for name in times})


def wait_until(
    happened: Callable[[], object],
    message: str = "It did not happen.",
    *,
    log: Path | None = None,
    seconds: float = 60,
) -> None:
    """Wait for something that another thread or process does; fail with its log if it does not."""
    end = time.monotonic() + seconds
    pause = 0.01
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"{message}\n{log.read_text()}" if log else message)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
