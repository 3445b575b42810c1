"""What a site may rely on: `__all__`, the page that lists it, and a site that uses all of it."""

import ast
import pkgutil
import re
import types
from importlib import import_module
from pathlib import Path
from runpy import run_path
from types import FunctionType, ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from django.dispatch import Signal
from django.urls import get_resolver

import dbconnections
from dbconnections import signals, tickets
from dbconnections.delivery import deliver_due
from dbconnections.models import ResetTicket
from dbconnections.secret import Secret
from tests.support.documentation import ROOT, text_of
from tests.support.reference import documented_names

PAGE = ROOT / "docs" / "public-api.md"
CONSUMER = Path(__file__).parent / "sites" / "consumer"


def modules() -> list[ModuleType]:
    """Return every module of the app but its migrations."""
    names = [info.name for info in pkgutil.walk_packages(dbconnections.__path__, "dbconnections.")]
    return [import_module(name) for name in names if ".migrations" not in name]


PUBLIC: dict[str, list[str]] = {
    module.__name__: module.__all__ for module in modules() if hasattr(module, "__all__")
}
NAMES = [(module, name) for module, names in PUBLIC.items() for name in names]


def test_every_signal_is_public():
    made = [
        name
        for path in Path(dbconnections.__path__[0]).rglob("*.py")
        for name in re.findall(r"^(\w+)(?:: \w+)? = (?:\w+\.)?Signal\(", path.read_text(), re.M)
    ]
    assert sorted(made) == sorted(signals.__all__)
    assert all(isinstance(getattr(signals, name), Signal) for name in made)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_public_name_says_what_it_is_for(module, name):
    value: Any = getattr(import_module(module), name)
    if isinstance(value, type | FunctionType) or type(value).__module__.startswith("dbconnections"):
        said = value.__doc__
    else:
        said = constants().get(name)
    assert said
    # A dataclass without a docstring gets its signature for one.
    assert not said.startswith(f"{name}(")


def constants() -> dict[str, str]:
    """Return what is said of constants, and signals, where they are made."""
    return {name: said for module in modules() for name, said in documented_names(module).items()}


def test_page_lists_what_is_public():
    rows = re.findall(r"^\| `(dbconnections[\w.]*)` \| (.+) \|$", text_of(PAGE), re.MULTILINE)
    listed = {module: re.findall(r"`(\w+)`", names) for module, names in rows}
    assert listed.pop("dbconnections") == ["__version__"]
    assert {module: sorted(names) for module, names in listed.items()} == {
        module: sorted(names) for module, names in PUBLIC.items()
    }


def test_names_of_urls_on_the_page_exist():
    named = set(re.findall(r"`dbconnections:(\w+)`", text_of(PAGE)))
    [(_prefix, resolver)] = [
        found for name, found in get_resolver().namespace_dict.items() if name == "dbconnections"
    ]
    assert named
    assert named <= {key for key in resolver.reverse_dict if isinstance(key, str)}


def test_a_site_uses_all_that_is_public_and_nothing_else():
    """Mypy and pyright look at that site in `tests/sites/test_types.py`."""
    used = {
        (node.module, alias.name)
        for path in CONSUMER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dbconnections")
        for alias in node.names
    }
    assert used == {*NAMES, ("dbconnections", "__version__")}


def fits(value: object, hint: Any) -> bool:
    """Say whether a value is of the type that an annotation names."""
    match get_origin(hint):
        case types.UnionType:
            return any(fits(value, kind) for kind in get_args(hint))
        case kind if kind is dict:
            _keys, values = get_args(hint)
            return isinstance(value, dict) and all(fits(it, values) for it in value.values())
    return hint is Any or isinstance(value, (int, float) if hint is float else hint)


@pytest.fixture
def annotated() -> dict[str, dict[str, Any]]:
    """What the receivers of that site are annotated with, by signal: nothing else can see it."""
    path = CONSUMER / "shop/receivers.py"
    functions = run_path(str(path))
    return {
        signal: {
            name: hint
            for name, hint in get_type_hints(functions[node.name]).items()
            if name not in ("kwargs", "return")
        }
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        for signal in re.findall(r"\w+", ast.unparse(node.decorator_list[0]))
        if signal in signals.__all__
    }


def test_receivers_get_what_their_types_say(annotated, ask, jane, app, connection):
    heard: dict[str, list[str]] = {}

    def listener(name: str) -> Any:
        def listen(sender: Any, signal: Signal, **carried: Any) -> None:
            heard.setdefault(name, []).extend(
                f"{argument} is {carried[argument]!r}"
                for argument, hint in annotated[name].items()
                if not fits(carried[argument], hint)
            )

        return listen

    listeners = {name: listener(name) for name in signals.__all__}
    for name, listen in listeners.items():
        getattr(signals, name).connect(listen)
    ask(client_id="nobody's")
    ask()
    deliver_due()
    ticket = ResetTicket.objects.get()
    tickets.report(ticket.pk, "delivered")
    tickets.redeem(ticket.pk, password=Secret("fresh-kettle-88"))
    request = tickets.ResetRequest(client=app, connection=connection, account=str(jane.pk))
    tickets.revoke(tickets.hand_over(request).pk, "administrator")
    with pytest.raises(tickets.TicketRefused):
        tickets.redeem(ticket.pk, password=Secret("fresh-kettle-89"))
    assert heard == {name: [] for name in signals.__all__}


def test_package_says_that_it_is_typed():
    assert (ROOT / "dbconnections" / "py.typed").exists()
