"""The `Auth0-Client` header: which library calls, in base64 of JSON."""

import base64
import json
import re
from dataclasses import dataclass
from functools import lru_cache

from dbconnections.validators import printable

MAX_LENGTH = 1024


@dataclass(frozen=True)
class Auth0Client:
    """Name and version of a calling library, as far as it tells."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()

    @property
    def is_lock_9_or_later(self) -> bool:
        """Whether this is Lock from version 9 on, which never sends a password."""
        major = re.match(r"[0-9]+", self.version)
        is_lock = self.name == "lock.js" or self.name.startswith("lock.js-")
        return is_lock and major is not None and int(major[0]) >= 9


def decode(header: str) -> Auth0Client | None:
    """Read the header; None for anything that is not one.

    Libraries use the URL-safe alphabet with and without padding, and the standard one.
    """
    if not header or len(header) > MAX_LENGTH:
        return None
    return _decode(header)


@lru_cache(maxsize=64)  # a front end sends the same with each request
def _decode(header: str) -> Auth0Client | None:
    text = header.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    if type(fields) is not dict or type(fields.get("name")) is not str:
        return None
    version = fields.get("version")
    return Auth0Client(
        name=printable(fields["name"], 64),
        version=printable(version, 32) if type(version) is str else "",
    )
