"""The example site as something that runs."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest


@dataclass
class Site:
    """The running example site."""

    url: str
    log: Path
    instructions: str
    manage: Callable[..., str]

    def links_mailed(self) -> int:
        """Return how many mails with a link there are; others may arrive at any time."""
        with urlopen(f"{self.url}/outbox/") as page:  # noqa: S310 (our own site)
            return page.read().decode().count("<strong>Change your password")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(url: str) -> bool:
    try:
        urlopen(url).close()  # noqa: S310 (our own site)
    except URLError:
        return False
    return True


def wait_for(condition: Callable[[], bool], message: str, seconds: float = 30) -> None:
    """Wait until something is so; fail with a message if it never is."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(message)
        time.sleep(0.1)
