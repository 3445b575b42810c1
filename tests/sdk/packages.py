"""Installs SDKs, each in a directory of its own, so that code imports them by their own names."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.processes import ROOT

# `make clean` removes it. Until then "newest" stays what was newest at first.
DIRECTORY = ROOT / ".venv" / "sdk"

NPM = "npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent --prefix"
UV = "-m uv pip install --quiet --python"

HINTS = {
    "node": "install Node.js 20 or later",
    "npm": "it comes with Node.js 20 or later",
    "curl": "on Debian: apt install curl",
    "chromium": "on Debian: apt install chromium",
    "nginx": "on Debian: apt install nginx-light, and put /usr/sbin on the path",
    "slapd": "on Debian: apt install slapd",
}


def directory_of(requirement: str) -> Path:
    """Return where a package is installed."""
    return DIRECTORY / requirement.replace("/", "+")


def install(npm: list[str], pip: list[str]) -> None:
    """Install what is missing, several at once."""
    program("npm")
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    commands = {name: NPM.split() for name in npm}
    commands |= {name: [sys.executable, *UV.split(), sys.executable, "--target"] for name in pip}
    missing = [name for name in commands if not directory_of(name).exists()]
    with ThreadPoolExecutor() as pool:
        for problem in pool.map(_install, missing, [commands[name] for name in missing]):
            if problem:
                pytest.fail(problem)


def program(name: str) -> str:
    """Return the path of a program that must be there."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"There is no {name} on the path; {HINTS[name]}.")
    return path


def _install(name: str, command: list[str]) -> str:
    """Install one package, whole or not at all; return what went wrong, empty if nothing did."""
    with TemporaryDirectory(dir=DIRECTORY) as directory:
        # One level down: nobody expects a temporary directory to go away by itself.
        target = Path(directory, "installed")
        target.mkdir()
        process = subprocess.run(
            [*command, str(target), name], capture_output=True, text=True, timeout=300
        )
        if process.returncode != 0:
            return f"{name} cannot be installed:\n{process.stdout}{process.stderr}"
        try:
            target.rename(directory_of(name))
        except OSError:
            if not directory_of(name).exists():  # or another process was sooner
                raise
    return ""
