"""What signals tell while a test runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def receiving(receiver: Callable[..., Any], *signals: Signal) -> Iterator[None]:
    """Have a receiver called by these signals meanwhile."""
    with ExitStack() as stack:
        for signal in signals:
            signal.connect(receiver)
            stack.callback(signal.disconnect, receiver)
        yield


@contextmanager
def heard(*signals: Signal) -> Iterator[list[dict[str, Any]]]:
    """Collect what these signals carry meanwhile."""
    told: list[dict[str, Any]] = []

    def note(sender: Any, signal: Signal, **carried: Any) -> None:
        told.append(carried)

    with receiving(note, *signals):
        yield told
