"""Whether a command on a page could be given: its program, options, targets, modules, files."""

import json
import re
import shlex
import tomllib
from importlib.metadata import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management import get_commands, load_command_class
from django.urls import resolve

from tests.support.documentation import ROOT, text_of

# Below these a path is one of this repository; others are the reader's.
OURS = {".ci", "benchmarks", "dbconnections", "docs", "example_project", "scripts", "tests"}

# Of other programs, the options that pages use: those with a value, and one without.
CURL_OPTIONS = {"-H", "-d"}
PYTEST_OPTIONS = {"-k", "-m", "-n", "--dist"}
PYTEST_SWITCHES = {"--cov"}


def check_command(words: list[str]) -> None:
    """Raise ``AssertionError``, or what looking it up raises, for what cannot be given so."""
    while words and (variable := re.fullmatch(r"([A-Z_]+)=.*", words[0])):
        assert variable[1] in variables(), f"nothing here knows the variable {variable[1]}"
        words = words[1:]
    check_paths(words)
    match [word.removeprefix(".venv/bin/") for word in words[:1]] + words[1:]:
        case []:
            pass
        case ["python" | "python3", "manage.py", name, *options]:
            check_management_command(name, options)
        case ["pytest", *options] | ["python" | "python3", "-m", "pytest", *options]:
            check_pytest(options)
        case ["python" | "python3", "-m", module, *options]:
            check_module(module, options)
        case ["make", *targets]:
            check_make(targets)
        case ["pip", "install", *requirements]:
            for requirement in requirements:
                check_requirement(requirement)
        case ["curl", url, *options]:
            resolve(urlsplit(url).path)
            check_curl(options)
        case _:
            raise AssertionError(f"nothing here can try {words[0]}")


def variables() -> set[str]:
    """Return the environment variables of the example site, as the README has them."""
    table = text_of(ROOT / "README.md").partition("## The example site")[2]
    return set(re.findall(r"`([A-Z_]+)`", table))


def check_paths(words: list[str]) -> None:
    for word in words:
        path = Path(word.partition("::")[0])
        if path.parts and path.parts[0] in OURS and ("/" in word or path.suffix):
            assert (ROOT / path).exists(), f"there is no {path}"


def check_management_command(name: str, options: list[str]) -> None:
    assert name in get_commands(), f"there is no command {name}"
    command: Any = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(options)


def check_make(words: list[str]) -> None:
    makefile = text_of(ROOT / "Makefile")
    given = dict(word.split("=", 1) for word in words if "=" in word)
    targets = {word for word in words if "=" not in word}
    there = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert targets <= there, f"there is no target {targets - there}"
    known = set(re.findall(r"\$\((?:if \$\()?([A-Z_]+)\b", makefile))
    assert given.keys() <= known, f"nothing takes {given.keys() - known}"
    options = shlex.split(given.pop("ARGS", ""))
    module = ".".join(["benchmarks", *filter(None, [given.pop("OF", "")])])
    if "test" in targets:
        check_pytest(options)
    elif "bench" in targets:
        check_module(module, options)
    else:
        assert (module, options) == ("benchmarks", []), "only `bench` and `test` take more"


def check_module(name: str, options: list[str]) -> None:
    """Check `python -m` with a module of ours, all of whose arguments are told by their names."""
    path = ROOT / name.replace(".", "/")
    path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    assert path.exists(), f"there is no module {name}"
    source = text_of(path)
    assert '__name__ == "__main__"' in source or path.name == "__main__.py", f"{name} runs nothing"
    for word in options:
        known = word.isdecimal() or f'"{word}"' in source
        assert known, f"{name} does not know {word}"


def check_pytest(options: list[str]) -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    lines = project["tool"]["pytest"]["ini_options"]["markers"]
    markers = {line.partition(":")[0] for line in lines}
    words = iter(options)
    for word in words:
        if word in PYTEST_OPTIONS:
            value = next(words)
            assert word != "-m" or value in markers, f"there is no marker {value}"
        elif word not in PYTEST_SWITCHES:
            assert not word.startswith("-"), f"{word} is not among the options known here"
            assert (ROOT / word.partition("::")[0]).exists(), f"there is no {word}"


def check_requirement(requirement: str) -> None:
    """Check that it is this app, with extras that it has, or a package that is locked."""
    found = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?", requirement)
    assert found, f"{requirement!r} is no requirement"
    name, extras = found.groups("")
    if name == "dbconnections":
        unknown = set(filter(None, extras.split(",")))
        unknown -= set(metadata("dbconnections").get_all("Provides-Extra") or ())
        assert not unknown, f"there is no extra {unknown}"
    else:
        locked = re.findall(r"^([\w-]+)==", text_of(ROOT / "requirements-dev.txt"), re.MULTILINE)
        assert name in locked, f"{name} is no package that the tests install"


def check_curl(options: list[str]) -> None:
    for option, value in zip(options[::2], options[1::2], strict=True):
        assert option in CURL_OPTIONS, f"{option} is not among the options known here"
        if option == "-H":
            assert re.fullmatch(r"[\w-]+: .+", value), f"{value!r} is no header"
        elif value.startswith("{"):
            json.loads(value)
