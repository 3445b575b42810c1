"""A site made by nothing but Django's `startproject` and the steps in the README."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.sites.environments import Environment
from tests.sites.server import NEW_PASSWORD, Browser, link_in, running, wait_for_mails
from tests.support.readme import README
from tests.support.servers import free_port

pytestmark = pytest.mark.sites

CONNECTION = "Username-Password-Authentication"

NOTHING_TO_MEND = {
    "check --database default": "System check identified no issues (0 silenced).\n",
    "makemigrations --check": "No changes detected\n",
}

# Where a new site's mails go is the one thing the README leaves to its reader.
MAIL = """
import django
FILES = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": FILES, "OPTIONS": {"file_path": BASE_DIR / "mail"}}}
    SILENCED_SYSTEM_CHECKS = ["mail.E001"]  # which says, with --deploy, that nobody gets them
else:
    EMAIL_BACKEND = FILES
    EMAIL_FILE_PATH = BASE_DIR / "mail"
"""


def section(heading: str) -> str:
    """Return a section of the README."""
    return re.split(r"^## ", README.read_text().split(f"\n## {heading}\n")[1], flags=re.M)[0]


def blocks(heading: str) -> list[str]:
    """Return the code of a section, fenced or indented, in its order."""
    found = re.finditer(r"^```\w*\n(.*?)^```$|((?:^    [^\n]*\n)+)", section(heading), re.M | re.S)
    return [block[1] or re.sub(r"^    ", "", block[2], flags=re.M) for block in found]


def commands(heading: str) -> list[list[str]]:
    """Return the management commands that a section names, with their options."""
    return [command.split() for command in re.findall(r"`manage\.py\s+([^`]+)`", section(heading))]


@pytest.fixture
def site(tmp_path: Path, make_environment) -> tuple[Environment, Path, str, list[str]]:
    """A new site, set up as the README says; and its environment, its address and `curl`."""
    install, settings, urls, migrate = blocks("Install into your site")
    assert install == "pip install dbconnections\n"
    environment = make_environment()
    environment.run("django-admin", "startproject", "mysite", cwd=tmp_path)
    site = tmp_path / "mysite"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    append(site / "mysite/settings.py", settings.replace("https://login.example.com", url) + MAIL)
    append(site / "mysite/urls.py", urls)
    _python, *command = shlex.split(migrate)
    environment.run("python", *command, cwd=site)
    call = blocks("The endpoint")[0].replace("https://login.example.com", url)
    return environment, site, url, shlex.split(call.replace("\\\n", " "))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"\n\n{text}")


def test_person_logs_in_with_a_password_reset_by_the_steps_of_the_readme(site):
    environment, directory, url, curl = site
    environment.run(
        *("python", "manage.py", "createsuperuser", "--no-input"),
        *("--username", "jane", "--email", "jane@example.com"),
        cwd=directory,
        DJANGO_SUPERUSER_PASSWORD="old-Tractor-41",
    )
    with running(environment, directory, int(url.rpartition(":")[2])):
        admin = Browser(url)
        admin.visit("/admin/")
        admin.send(username="jane", password="old-Tractor-41")
        admin.visit("/admin/dbconnections/client/add/")
        assert "was added" in admin.send("#client_form", name="Acme", client_id="YOUR_CLIENT_ID")
        admin.visit("/admin/dbconnections/connection/add/")
        assert "was added" in admin.send("#connection_form", name=CONNECTION, clients=["1"])

        for command, answer in NOTHING_TO_MEND.items():
            said = environment.run("python", "manage.py", *command.split(), cwd=directory)
            assert said == answer

        answer = subprocess.run(curl, check=True, capture_output=True, text=True).stdout
        assert answer.strip() == blocks("The endpoint")[1].strip()

        [mail] = wait_for_mails(directory, 1)
        person = Browser(url)
        assert "jane" not in person.visit(link_in(mail)).replace("jane@", "")
        done = person.send(new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        assert person.url == f"{url}/dbconnections/reset/done/", done
        person.visit("/admin/")
        assert "Site administration" in person.send(username="jane", password=NEW_PASSWORD)
        # The administrator's own session ended with the old password.
        assert "Log in" in admin.visit("/admin/")
        wait_for_mails(directory, 2)

    said = {
        name: environment.run("python", "manage.py", name, *options, cwd=directory)
        for name, *options in commands("Install into your site")
        if name != "import_auth0"  # has a page of its own, and wants an export
    }
    assert set(said) == {
        *("check", "deliver_reset_emails", "purge_reset_tickets"),
        *("reset_email_status", "revoke_reset_tickets"),
    }
    assert said["reset_email_status"].startswith("due: 0")
