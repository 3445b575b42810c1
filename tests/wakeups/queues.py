"""Where wake-ups wait: a table, or a Redis server that a test may stop."""

import base64
import binascii
import json
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from redis import Redis
from redis.exceptions import ConnectionError as NotConnected

from tests.support.servers import free_port
from tests.support.time import wait_until


class Table:
    """The table of django-tasks-db, in the database of the running test."""

    name = "django_tasks_database_dbtaskresult"

    def start(self) -> None:
        with suppress(DatabaseError):
            self._run(f"ALTER TABLE {self.name}_away RENAME TO {self.name}")

    def stop(self) -> None:
        self._run(f"ALTER TABLE {self.name} RENAME TO {self.name}_away")

    def empty(self) -> None:
        self._run(f"DELETE FROM {self.name}")  # noqa: S608 (a constant)

    def content(self) -> str:
        """Return everything that is in it."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.name}")  # noqa: S608 (a constant)
            return repr(cursor.fetchall())

    def _run(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


class RedisServer:
    """A Redis server of one's own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.directory = directory
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        if self._server:
            return
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        path = self.directory / "redis.log"
        with path.open("a") as log:
            self._server = subprocess.Popen(
                ["/usr/bin/env", "redis-server", *options],
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "redis-server does not start.", log=path)

    def stop(self) -> None:
        if self._server:
            self._server.kill()
            self._server.wait()
            self._server = None

    def empty(self) -> None:
        with Redis(port=self.port) as client:
            client.flushall()

    def content(self) -> str:
        """Return everything that is in it, with what it packs as well as unpacked."""
        with Redis(port=self.port) as client:
            values = [value for key in client.scan_iter() for value in (key, *_values(client, key))]
        return "\n".join(text for value in values for text in _unpacked(value))

    def _answers(self) -> bool:
        try:
            with Redis(port=self.port) as client:
                return bool(client.ping())
        except NotConnected:
            return False


def _values(client: Any, key: bytes) -> list[bytes]:
    match client.type(key):
        case b"none":  # gone since it was listed: a worker tidies up
            return []
        case b"string":
            return [client.get(key) or b""]
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return list(client.smembers(key))
        case b"zset":
            return client.zrange(key, 0, -1)
        case b"hash":
            return [part for field in client.hgetall(key).items() for part in field]
        case b"stream":
            entries = client.xrange(key)
            return [part for _id, fields in entries for field in fields.items() for part in field]
    raise AssertionError(f"{key!r} is of a type of its own.")


def _unpacked(value: bytes) -> Iterator[str]:
    """Yield a value as text, and what RQ compresses or Celery encodes in it."""
    yield value.decode("utf-8", "replace")
    with suppress(zlib.error):
        yield zlib.decompress(value).decode("utf-8", "replace")
    with suppress(ValueError, KeyError, TypeError, binascii.Error):
        yield base64.b64decode(json.loads(value)["body"]).decode("utf-8", "replace")
