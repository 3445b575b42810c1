"""Servers that run beside the tests: their ports, and when they answer."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.time import wait_until

_given: set[int] = set()


def free_port() -> int:
    """Return a port that nothing listens on, and that nobody here was given before.

    Whoever gets one listens on it later; meanwhile the system may name the same one again.
    """
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port: int = server.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def listens(port: int) -> bool:
    """Say whether something takes connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def status_of(url: str, *, context: ssl.SSLContext | None = None, timeout: float = 10) -> int:
    """Return the status of what a server answers, 0 while it does not."""
    try:
        with urlopen(url, timeout=timeout, context=context) as answer:  # noqa: S310 (our own server)
            return answer.status
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


@contextmanager
def serving(
    command: Sequence[str | Path],
    is_ready: Callable[[], bool],
    *,
    directory: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server once it is ready, and end it; if it never is, fail with its log."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as server,
    ):
        try:
            wait_until(is_ready, "The server does not start.", log=log)
            yield
        finally:
            server.terminate()
