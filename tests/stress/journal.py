"""A file to which several processes append what they saw, one JSON object a line."""

import json
import os
from pathlib import Path
from typing import Any


def write(journal: Path, **entry: Any) -> None:
    """Append an entry; several processes may do so at once."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(entry).encode() + b"\n")
    finally:
        os.close(descriptor)


def read(journal: Path) -> list[dict[str, Any]]:
    """Return the entries of a journal; a missing one has none."""
    return (
        [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    )


def length(journal: Path) -> int:
    """Return the number of entries."""
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
