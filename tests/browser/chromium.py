"""The browser of these tests: Debian's Chromium."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright, *more: str) -> Browser:
    """Start it, with ``more`` options; the caller closes it."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("There is no chromium on the path; on Debian: apt install chromium")
    return playwright.chromium.launch(executable_path=executable, args=[*OPTIONS, *more])
