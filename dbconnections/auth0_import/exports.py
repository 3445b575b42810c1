"""Reads the files of an export into plain data."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

# A tenant of hundreds of applications has some megabytes; scripts and pages are in their own files.
MAX_CONFIGURATION_BYTES = 20 * 1024 * 1024

# A user has some hundred bytes, and metadata that is not carried over. A file without line ends
# must not fill memory, nor a batch of users with endless names.
MAX_LINE_BYTES = 1024 * 1024


class ExportError(Exception):
    """A file that cannot be imported; each of ``args`` says what is wrong with it."""


def read_configuration(path: Path) -> dict[str, Any]:
    """Return the sections of a Deploy CLI export: a YAML file, or the directory format.

    Raises ``ExportError`` without any of the file's content in it, which may hold secrets.
    """
    if path.is_dir():
        if not (inside := path / "tenant.yaml").is_file():
            return _read_directory(path)
        path = inside  # the directory that a YAML file was exported to
    data = _read_yaml(path)
    if not isinstance(data, dict):
        raise ExportError(_("%(path)s: must hold one object.") % {"path": path})
    return data


def _read_yaml(path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ExportError(
            _("Reading YAML needs PyYAML: pip install 'dbconnections[import]'.")
        ) from error
    from dbconnections.auth0_import.loader import Loader

    text = _read_text(path)
    try:
        # The pure Python one: nesting without end is an error there, and a crash in C. It extends
        # SafeLoader, which neither ruff nor bandit can see from here.
        return yaml.load(text, Loader=Loader)  # nosec B506  # noqa: S506
    except yaml.MarkedYAMLError as error:
        # Without its snippet of the file.
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        reason = _without_quotes(error.problem or "")
    except (yaml.YAMLError, ValueError) as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = _("a character that YAML does not allow")
    except RecursionError:
        raise ExportError(_("%(path)s: nested too deeply.") % {"path": path}) from None
    raise ExportError(
        _("%(path)s, line %(line)d: this is not YAML: %(reason)s.")
        % {"path": path, "line": line, "reason": reason}
    )


def _without_quotes(problem: str) -> str:
    """Return PyYAML's words without the names and tags it quotes; single characters stay."""
    return re.sub(_QUOTED, lambda found: found[0] if len(found[0]) == 3 else "…", problem)


_QUOTED = r"""(?s)'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""


# Section, and where its objects are.
_DIRECTORIES = {
    "clients": "clients/*.json",
    "databases": "database-connections/*/database.json",
    "connections": "connections/*.json",
    "emailTemplates": "emails/*.json",
}


def _read_directory(directory: Path) -> dict[str, Any]:
    sections: dict[str, Any] = {
        section: [_read_json(path) for path in sorted(directory.glob(pattern))]
        for section, pattern in _DIRECTORIES.items()
    }
    sections["emailTemplates"] = [
        template
        for template in sections["emailTemplates"]
        if not (isinstance(template, dict) and "template" not in template)  # provider.json
    ]
    if (tenant := directory / "tenant.json").exists():
        sections["tenant"] = _read_json(tenant)
    known = {pattern.partition("/")[0] for pattern in _DIRECTORIES.values()}
    for other in sorted(directory.iterdir()):
        if other.is_dir() and other.name not in known and not other.name.startswith("."):
            sections[other.name] = [path.name for path in other.glob("*.json")]
    if not any(sections.values()):
        raise ExportError(_("%(path)s: there is no export here.") % {"path": directory})
    return sections


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise ExportError(
            _("%(path)s, line %(line)d: this is not JSON: %(reason)s.")
            % {"path": path, "line": error.lineno, "reason": error.msg}
        ) from None
    except ValueError as error:
        # A number of too many digits, which Python counts and does not show.
        raise ExportError(
            _("%(path)s, line %(line)d: this is not JSON: %(reason)s.")
            % {"path": path, "line": 0, "reason": error}
        ) from None
    except RecursionError:
        raise ExportError(_("%(path)s: nested too deeply.") % {"path": path}) from None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIGURATION_BYTES + 1)
        if len(content) > MAX_CONFIGURATION_BYTES:
            raise ExportError(
                _("%(path)s: larger than %(size)d MiB.")
                % {"path": path, "size": MAX_CONFIGURATION_BYTES // 1024**2}
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ExportError(_("%(path)s: not in UTF-8.") % {"path": path}) from None
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error


def read_users(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the number and the content of each line of a user export, one at a time.

    The export has one JSON object a line, gzipped if the name ends with ``.gz``. Raises
    ``ExportError`` at the first line that is no JSON; it names the line, never its content.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise ExportError(_("line %(line)d: too long.") % {"line": number})
                if line.strip():
                    yield number, _parse(line, number)
    except (OSError, EOFError, zlib.error) as error:
        raise ExportError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _parse(line: bytes, number: int) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError):
        raise ExportError(
            _("line %(line)d: this is not one JSON object a line.") % {"line": number}
        ) from None
