"""What a process loads when it starts, and what only once it needs it."""

import subprocess
import sys

import pytest
from django.apps import apps

from tests.support.processes import ROOT

SETUP = "import sys, django; django.setup()"


def loaded(then: str) -> set[str]:
    """Start a process, have it do something, and return the modules it has loaded."""
    command = f"{SETUP}; {then}; print(*sys.modules)"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONWARNINGS": "ignore"}
    output = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(output.split())


@pytest.fixture(scope="module")
def at_start() -> set[str]:
    return loaded("pass")


@pytest.mark.parametrize(
    "library", ["cryptography", "limits", "redis", "pwned_passwords_django", "smtplib"]
)
def test_library_is_not_loaded_at_start(at_start, library):
    assert "dbconnections.models" in at_start
    assert library not in at_start


@pytest.mark.parametrize("module", ["delivery", "mail", "pages"])
def test_module_is_not_loaded_at_start(at_start, module):
    """The first request loads every URLconf, and ``pages`` with it; a command need not."""
    assert {"dbconnections.admin", "dbconnections.tracking", "dbconnections.wake_ups"} <= at_start
    assert f"dbconnections.{module}" not in at_start


def test_optional_packages_are_not_needed(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "anymail", None)
    for package, name in (("dbconnections", "tracking"), ("dbconnections.api", "schema")):
        # As if not imported yet.
        monkeypatch.delitem(sys.modules, f"{package}.{name}")
        monkeypatch.delattr(sys.modules[package], name)
    settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a != "drf_spectacular"]
    apps.get_app_config("dbconnections").ready()
    assert not {"dbconnections.tracking", "dbconnections.api.schema"} & set(sys.modules)


def test_word_lists_are_not_read_at_start():
    read = "from dbconnections.passwords import dictionary; print(dictionary._digests.cache_info())"
    assert "currsize=0" in " ".join(loaded(read))


def test_libraries_are_loaded_once_needed():
    """Or the tests above could not fail."""
    seal = "from uuid import uuid4; from dbconnections import links, throttling"
    seal += "; from dbconnections.secret import Secret"
    seal += "; links.seal(Secret('x'), uuid4()); throttling.count('x', '1/minute', 'key')"
    assert {"cryptography", "limits"} <= loaded(seal)
    used = loaded("from dbconnections import delivery; import dbconnections.urls")
    assert {f"dbconnections.{module}" for module in ("delivery", "mail", "pages")} <= used
