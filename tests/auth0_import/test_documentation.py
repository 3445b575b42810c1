"""What the page *Importing from Auth0* says is so."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.utils.module_loading import import_string

from dbconnections.auth0_import.exports import MAX_LINE_BYTES
from dbconnections.auth0_import.hashers import Auth0BCryptPasswordHasher
from dbconnections.auth0_import.users import BATCH
from tests.auth0_import.conftest import HASHERS, user
from tests.support.documentation import marked

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


def test_size_of_a_line():
    assert f"more than {MAX_LINE_BYTES // 1024**2} MiB" in TEXT


def test_size_of_a_batch():
    assert f"batches of {BATCH}" in TEXT


@pytest.mark.django_db
def test_report_is_what_the_export_gives(yaml_file, export, settings, capsys):
    settings.PASSWORD_HASHERS = HASHERS
    users = [user(f"u{number}@example.com") for number in range(1, 121)]
    for line in (17, 80, 111):
        users[line - 1] = user("u1@example.com")
    for line in (5, 23):
        users[line - 1]["email_verified"] = False
    tenant = yaml_file(marked("import-auth0.md", "report: export"))
    call_command("import_auth0", tenant, users=export(*users), apply=True)
    assert capsys.readouterr().out == marked("import-auth0.md", "report: report")
