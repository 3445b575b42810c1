"""Time that passes without waiting for it."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.db.models import DateTimeField, F

from dbconnections.models import ResetTicket


def let_pass(period: timedelta) -> None:
    """Have everything that happened to any ticket, or is to happen, be that much earlier."""
    times = [field.name for field in ResetTicket._meta.fields if isinstance(field, DateTimeField)]
    ResetTicket.objects.update(**{name: F(name) - period for name in times})


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.01)
