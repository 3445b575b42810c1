"""Installs SDKs, each in a directory of its own, so that code imports them by their own names."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    "nginx": "on Debian: apt install nginx-light",
    "slapd": "on Debian: apt install slapd",
}


def directory_of(requirement: str) -> Path:
    """Return where a package is installed."""
    return DIRECTORY / requirement.replace("/", "+")


def install(npm: list[str], pip: list[str]) -> None:
    """Install what is missing, several at once."""
    program("npm")
    commands = {name: [*NPM.split(), str(directory_of(name)), name] for name in npm}
    for name in pip:
        target = ["--target", str(directory_of(name)), name]
        commands[name] = [sys.executable, *UV.split(), sys.executable, *target]
    missing = [name for name in commands if not _stamp(name).exists()]
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
    """Run one installation; return what went wrong, empty if nothing did."""
    directory_of(name).mkdir(parents=True, exist_ok=True)
    process = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if process.returncode != 0:
        return f"{name} cannot be installed:\n{process.stdout}{process.stderr}"
    _stamp(name).touch()
    return ""


def _stamp(name: str) -> Path:
    return directory_of(name) / ".installed"
