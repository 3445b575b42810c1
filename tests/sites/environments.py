"""The release, and environments that hold it and nothing of this checkout."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import ROOT

# What a test may take from this machine; nothing that would tell Python of this checkout.
KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "PYENV_ROOT")


@dataclass(frozen=True)
class Pair:
    """One Python and one Django that belong together."""

    python: str
    django: str

    def __str__(self) -> str:
        return f"Python {self.python}, Django {self.django}"


def supported_pairs() -> list[Pair]:
    """Return the pairs CONTRIBUTING.md says are tested."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    heading, _line, *rows = re.findall(r"^\|.*\|$", text.partition("## What is tested")[2], re.M)
    djangos = re.findall(r"Django ([\d.]+)", heading)
    pairs = [
        Pair(python, django)
        for row in rows
        if (python := "".join(re.findall(r"Python ([\d.]+)", row)))
        for django, cell in zip(djangos, row.strip("| ").split("|")[1:], strict=False)
        if "yes" in cell
    ]
    assert pairs, "CONTRIBUTING.md has no table of what is tested."
    return pairs


class Environment:
    """An empty virtual environment, and what is installed into it."""

    def __init__(self, directory: Path, pair: Pair) -> None:
        self.directory = directory
        self.pair = pair
        run("uv", "venv", "--quiet", "--python", interpreter(pair.python), str(directory))

    @property
    def bin(self) -> Path:
        return self.directory / "bin"

    def install(self, *requirements: str) -> None:
        """Install packages beside this pair's Django."""
        options = ["--quiet", "--python", str(self.bin / "python")]
        run("uv", "pip", "install", *options, f"Django=={self.pair.django}.*", *requirements)

    def run(self, program: str, *arguments: str, cwd: Path, **variables: str) -> str:
        """Run a program of this environment; return what it prints."""
        return run(str(self.bin / program), *arguments, cwd=cwd, **variables)


def run(program: str, *arguments: str, cwd: Path = ROOT, **variables: str) -> str:
    """Run a program; return what it prints, or fail with that."""
    command = [sys.executable, "-m", "uv"] if program == "uv" else [program]
    process = subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if process.returncode:
        pytest.fail(f"{program} {arguments[0]}: {process.stdout}{process.stderr}", pytrace=False)
    return process.stdout + process.stderr


def clean_environment(**variables: str) -> dict[str, str]:
    """Return the environment variables a process gets."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or "UV_" in name}
    return {**kept, "PYTHONWARNINGS": "default", **variables}


def interpreter(version: str) -> str:
    """Return a Python of this version; pyenv's shims may refuse, so ask pyenv itself first."""
    if shutil.which("pyenv"):
        command = ["pyenv", "prefix", version]
        prefix = subprocess.run(command, capture_output=True, text=True)
        if prefix.returncode == 0:
            return f"{prefix.stdout.strip()}/bin/python"
    found = shutil.which(f"python{version}")
    if found is None:
        pytest.fail(f"There is no Python {version} on the path, nor in pyenv.")
    return found


def build_wheel(directory: Path) -> Path:
    """Build a wheel as a release does, from the source distribution; return its path."""
    run("uv", "build", "--quiet", "--out-dir", str(directory))
    [wheel] = directory.glob("*.whl")
    return wheel
