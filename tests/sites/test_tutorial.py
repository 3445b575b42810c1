"""`docs/tutorial.md`, step by step as it is written, in an empty directory."""

import shlex
from pathlib import Path

import pytest

from tests.sites.environments import Environment, Pair, run
from tests.sites.server import LINK, NEW_PASSWORD, Browser, running
from tests.support.documentation import ROOT, blocks
from tests.support.servers import free_port
from tests.support.time import wait_until

pytestmark = pytest.mark.sites

CODE = {block.name: block.code for block in blocks(ROOT / "docs" / "tutorial.md")}


@pytest.fixture(params=[Pair("3.11", "5.2"), Pair("3.13", "6.1")], ids=str)
def environment(request: pytest.FixtureRequest, tmp_path: Path, wheel: Path) -> Environment:
    environment = Environment(tmp_path / "env", request.param)
    environment.install(str(wheel))
    return environment


def commands(name: str) -> list[list[str]]:
    return [shlex.split(line) for line in CODE[name].replace("\\\n", " ").splitlines()]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"\n\n{text}")


def test_tutorial_ends_with_a_new_password(environment, tmp_path):
    make_env, activate, install, start, enter = commands("project")
    assert make_env == ["python3", "-m", "venv", "env"]
    assert activate == [".", "env/bin/activate"]
    assert install == ["pip", "install", "dbconnections"]
    environment.run(*start, cwd=tmp_path)
    assert enter == ["cd", "mysite"]
    directory = tmp_path / "mysite"
    append(directory / "mysite/settings.py", CODE["settings"])
    append(directory / "mysite/terminal.py", CODE["terminal"])
    new = environment.pair.django == "6.1"
    append(directory / "mysite/settings.py", CODE["mailers" if new else "backend"])
    append(directory / "mysite/urls.py", CODE["urls"])

    migrate, jane = commands("jane")
    environment.run(*migrate, cwd=directory)
    # The one thing it asks, the password, from a variable instead of the keyboard.
    environment.run(*jane, "--no-input", cwd=directory, DJANGO_SUPERUSER_PASSWORD="old-Tractor-41")
    environment.run("python", "manage.py", "shell", "-c", CODE["client"], cwd=directory)
    [check] = commands("check")
    said = environment.run(*check, cwd=directory)
    assert "(dbconnections.W022)" in said
    assert said.count("(dbconnections.") == 1

    port = free_port()
    [server] = commands("run")
    assert server == ["python", "manage.py", "runserver"]
    with running(environment, directory, port) as url:
        [ask] = commands("ask")
        answer = run(*[word.replace("http://127.0.0.1:8000", url) for word in ask], "--silent")
        assert answer.strip() == CODE["answer"].strip()
        log = directory / "log"
        wait_until(lambda: LINK.search(log.read_text()), "No link is logged.", log=log)
        person = Browser(url)
        person.visit(LINK.findall(log.read_text())[0])
        person.send(new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        assert person.url == f"{url}/dbconnections/reset/done/"
        person.visit("/admin/")
        assert "Site administration" in person.send(username="jane", password=NEW_PASSWORD)
