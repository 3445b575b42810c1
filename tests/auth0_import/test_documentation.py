"""What the page *Importing from Auth0* says is so."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.utils.module_loading import import_string

from dbconnections.auth0_import.hashers import Auth0BCryptPasswordHasher
from dbconnections.auth0_import.users import BATCH

TEXT = (Path(__file__).parents[2] / "docs" / "import-auth0.md").read_text()
COMMANDS = re.findall(r"^    python manage\.py (.+)$", TEXT, re.MULTILINE)


def test_there_are_commands():
    assert len(COMMANDS) == 3
    assert sum("--apply" in command for command in COMMANDS) == 1


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist_and_take_what_they_are_given(line):
    name, *arguments = shlex.split(line)
    command = load_command_class(get_commands()[name], name)
    parsed = command.create_parser("manage.py", name).parse_args(arguments)
    assert parsed.apply == ("--apply" in arguments)


def test_hashers_can_be_used_as_written():
    block, _back_end = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    settings: dict[str, list[str]] = {}
    exec(compile(block, "settings.py", "exec"), settings)  # noqa: S102 (ours)
    *others, last = [import_string(name) for name in settings["PASSWORD_HASHERS"]]
    assert last is Auth0BCryptPasswordHasher
    assert others


def test_size_of_a_batch():
    assert f"batches of {BATCH}" in TEXT
