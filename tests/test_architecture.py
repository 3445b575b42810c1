"""What each part of the app may know of the others, seen from its imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dbconnections

APP = Path(dbconnections.__file__).parent

HTTP = {"django.http", "django.shortcuts", "django.views.generic", "rest_framework"}
WAYS_IN = {"dbconnections.api", "dbconnections.pages"}
SENDING = {f"dbconnections.{name}" for name in ("delivery", "mail", "tasks", "wake_ups")}
FLOW = {"dbconnections.tickets", "dbconnections.links"} | SENDING | WAYS_IN

# Data moves forward only: from a request to a ticket, from the ticket to a mail, and from its link
# to a page. Nobody knows what comes after, and the rules know nothing of it at all.
UNKNOWN_TO = {
    "conf": {"dbconnections"},
    "prepared": HTTP | {"dbconnections"},
    "transactions": FLOW | HTTP | {"dbconnections.accounts", "dbconnections.passwords"},
    "wake_ups": HTTP | WAYS_IN | {"dbconnections.tickets", "dbconnections.links"},
    "accounts": FLOW | {"dbconnections.models", "dbconnections.passwords"},
    "auth0_import": FLOW | HTTP,
    "models": FLOW | HTTP | {"dbconnections.accounts"},
    "passwords": FLOW | HTTP | {"django.core.mail", "dbconnections.throttling"},
    "links": FLOW - {"dbconnections.links"} | {"dbconnections.models", "dbconnections.accounts"},
    "tickets": HTTP | WAYS_IN | SENDING | {"django.core.mail", "dbconnections.throttling"},
    "mail": HTTP | WAYS_IN | {"dbconnections.delivery", "dbconnections.tickets"},
    "delivery": HTTP | WAYS_IN,
    "api": SENDING | {"dbconnections.pages"},
    "pages": SENDING | {"dbconnections.api", "rest_framework"},
}


def imported(source: str) -> Iterator[str]:
    """Yield the full name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "Imports are written in full."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def known_too_much(part: str, source: str) -> set[str]:
    """Return what a module imports that its part of the app may not know."""
    return {
        name
        for name in imported(source)
        if any(f"{name}.".startswith(f"{unknown}.") for unknown in UNKNOWN_TO[part])
    }


@pytest.mark.parametrize("part", UNKNOWN_TO)
def test_nothing_imports_what_it_may_not_know(part):
    files = [*APP.glob(f"{part}.py"), *(APP / part).rglob("*.py")]
    assert files
    found = {path.name: known_too_much(part, path.read_text()) for path in files}
    assert {name: names for name, names in found.items() if names} == {}


BAITS = {
    "a module": ("passwords", "import dbconnections.tickets"),
    "from the app": ("passwords", "from dbconnections import mail"),
    "from a module": ("api", "from dbconnections.pages.views import ResetView"),
    "by another name": ("pages", "import dbconnections.api.errors as said"),
    "from a library": ("tickets", "from django.http import HttpRequest"),
    "inside a function": ("tickets", "def issue():\n    from rest_framework import status"),
    "for types": ("models", "if TYPE_CHECKING:\n    from dbconnections.tickets import Opened"),
}


@pytest.mark.parametrize(("part", "bait"), BAITS.values(), ids=BAITS)
def test_what_may_not_be_known_is_found(part, bait):
    assert len(known_too_much(part, bait)) == 1


def test_name_that_begins_like_another_is_another():
    assert known_too_much("tickets", "from dbconnections.mailboxes import one") == set()
