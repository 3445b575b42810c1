"""`docs/tutorial.md`, step by step as it is written, in an empty directory."""

import shlex
from pathlib import Path

import pytest

from tests.sites.environments import Environment, Pair, run
from tests.sites.server import LINK, NEW_PASSWORD, Browser, running
from tests.support.documentation import marked
from tests.support.servers import free_port
from tests.support.time import wait_until

pytestmark = pytest.mark.sites


@pytest.fixture(params=[Pair("3.11", "5.2"), Pair("3.13", "6.1")], ids=str)
def environment(request: pytest.FixtureRequest, tmp_path: Path, wheel: Path) -> Environment:
    environment = Environment(tmp_path / "env", request.param)
    environment.install(str(wheel))
    return environment


def commands(code: str) -> list[list[str]]:
    return [shlex.split(line) for line in code.replace("\\\n", " ").splitlines()]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"\n\n{text}")


def test_tutorial_ends_with_a_new_password(environment, tmp_path):
    make_env, activate, install, start, enter = commands(marked("tutorial.md", "tutorial: project"))
    assert make_env == ["python3", "-m", "venv", "env"]
    assert activate == [".", "env/bin/activate"]
    assert install == ["pip", "install", "dbconnections"]
    environment.run(*start, cwd=tmp_path)
    assert enter == ["cd", "mysite"]
    directory = tmp_path / "mysite"
    append(directory / "mysite/settings.py", marked("tutorial.md", "tutorial: settings"))
    append(directory / "mysite/terminal.py", marked("tutorial.md", "tutorial: terminal"))
    new = environment.pair.django == "6.1"
    mailers = marked("tutorial.md", "tutorial: mailers")
    backend = marked("tutorial.md", "tutorial: backend")
    append(directory / "mysite/settings.py", mailers if new else backend)
    append(directory / "mysite/urls.py", marked("tutorial.md", "tutorial: urls"))

    migrate, jane = commands(marked("tutorial.md", "tutorial: jane"))
    environment.run(*migrate, cwd=directory)
    # The one thing it asks, the password, from a variable instead of the keyboard.
    environment.run(*jane, "--no-input", cwd=directory, DJANGO_SUPERUSER_PASSWORD="old-Tractor-41")
    client = marked("tutorial.md", "tutorial: client")
    environment.run("python", "manage.py", "shell", "-c", client, cwd=directory)
    [check] = commands(marked("tutorial.md", "tutorial: check"))
    said = environment.run(*check, cwd=directory)
    assert "(dbconnections.W022)" in said
    assert said.count("(dbconnections.") == 1

    port = free_port()
    [server] = commands(marked("tutorial.md", "tutorial: run"))
    assert server == ["python", "manage.py", "runserver"]
    with running(environment, directory, port) as url:
        [ask] = commands(marked("tutorial.md", "tutorial: ask"))
        answer = run(*[word.replace("http://127.0.0.1:8000", url) for word in ask], "--silent")
        assert answer.strip() == marked("tutorial.md", "tutorial: answer").strip()
        log = directory / "log"
        wait_until(lambda: LINK.search(log.read_text()), "No link is logged.", log=log)
        person = Browser(url)
        person.visit(LINK.findall(log.read_text())[0])
        person.send(new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        assert person.url == f"{url}/dbconnections/reset/done/"
        person.visit("/admin/")
        assert "Site administration" in person.send(username="jane", password=NEW_PASSWORD)
