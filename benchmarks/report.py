"""What benchmarks print, and write into pages."""

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import versions


def said_now(names: list[str]) -> str:
    """Say when something was measured, with what versions, and how busy the machine was."""
    return (
        f"Measured on {datetime.now(UTC):%d %B %Y} with {versions(names)}, on {os.cpu_count()} "
        f"cores with a load of {os.getloadavg()[2]:.1f} over the last quarter of an hour."
    )


def write(path: Path, text: str, what: str) -> None:
    """Put a text between the markers of its name in a file."""
    pattern = re.compile(
        rf"(<!-- benchmarks, {what}: [^\n]* -->\n).*?(<!-- /benchmarks, {what} -->)", re.DOTALL
    )
    before = path.read_text()
    after, number = pattern.subn(lambda part: f"{part[1]}{text}\n{part[2]}", before)
    if number != 1:
        sys.exit(f"{path} has no place for the table.")
    path.write_text(after)


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
