"""Writes `docs/reference/` from the code: `python -m tests.support.reference`."""

import argparse
import ast
import importlib
import inspect
import logging
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import django

DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- written by `python -m tests.support.reference`, checked by a test -->\n"


@dataclass(frozen=True)
class Check:
    """One system check as `checks.py` has it."""

    id: str
    level: str
    message: str
    hint: str
    when: str
    about: str

    @property
    def anchor(self) -> str:
        return f"check-{self.id.lower().replace('.', '-')}"


def pages() -> dict[str, str]:
    """Return every page of the reference by the name of its file."""
    makers = (settings, signals, checks, commands, models, errors, log_events, python)
    return {f"{maker.__name__.replace('_', '-')}.md": maker() for maker in makers}


def settings() -> str:
    """Return the page of settings."""
    from dbconnections.conf import Settings, all_settings
    from tests.support.readme import shown

    annotated = inspect.get_annotations(Settings)
    lines = ["# Settings", NOTE, "Keys of the dict `DBCONNECTIONS`, read when used.", ""]
    for name, setting in all_settings().items():
        kind = type(setting.default).__name__
        if name in annotated:
            [inside] = annotated[name].__args__
            kind = re.sub(r"\b(typing|datetime)\.", "", str(inside))
        elif setting.items is not object:
            kind = f"{kind}[{setting.items.__name__}]"
        facts = [f"type `{kind}`", f"default `{shown(setting.default)}`"]
        if setting.choices:
            facts.append("one of " + ", ".join(f"`{shown(choice)}`" for choice in setting.choices))
        if setting.minimum is not None:
            facts.append(f"at least {setting.minimum}")
        lines += [f"## {name}", "", f"{'; '.join(facts)}", "", setting.meaning, ""]
    return _text(lines)


def signals() -> str:
    """Return the page of signals."""
    from dbconnections import signals

    lines = ["# Signals", NOTE, _paragraph(signals.__doc__), ""]
    for name, said in documented_names(signals).items():
        if name in signals.__all__:
            lines += [f"## {name}", "", _paragraph(said), ""]
    return _text(lines)


def checks() -> str:
    """Return the page of system checks."""
    lines = [
        "# System checks",
        NOTE,
        "`manage.py check --deploy --database default` runs all of them. `…` stands for what "
        "differs from site to site.",
        "",
    ]
    for check in sorted(all_checks(), key=lambda check: check.id[-3:]):
        lines += [f'<a id="{check.anchor}"></a>', "", f"## {check.id}", ""]
        lines += [f"{check.level}{check.when}. {check.about}", ""]
        lines += [] if check.message == "…" else [f"> {check.message}", ""]
        lines += [] if check.hint == "…" else [check.hint, ""]
    return _text(lines)


def all_checks() -> list[Check]:
    """Return every check in the order of `checks.py`."""
    from dbconnections import checks

    tree = ast.parse(inspect.getsource(checks))
    return [check for node in tree.body for check in _checks_of(node, checks)]


def _checks_of(function: ast.AST, module: ModuleType) -> Iterator[Check]:
    if not isinstance(function, ast.FunctionDef):
        return
    decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
    when = ", with `--deploy`" if "deploy=True" in decorators else ""
    when = ", with `--database`" if "Tags.database" in decorators else when
    local = {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and (given := _keywords(call)).keys() >= {"id", "hint"}:
            yield Check(
                id=ast.literal_eval(given["id"]),
                level=ast.unparse(call.func).rpartition(".")[2],
                message=_sentence(call.args[0], local, module),
                hint=_sentence(given["hint"], local, module),
                when=when,
                about=ast.get_docstring(function) or "",
            )


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _sentence(node: ast.expr, local: dict[str, ast.expr], module: ModuleType) -> str:
    """Return what an expression says, with an ellipsis for what only a site can tell."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_sentence(part, local, module) for part in parts)
        case ast.FormattedValue(value=value):
            return _sentence(value, {}, module)
        case ast.Name(id=name) if name in local:
            return _sentence(local[name], {}, module)
        case ast.Name(id=name) if isinstance(getattr(module, name, None), str):
            return str(getattr(module, name))
    return "…"


def commands() -> str:
    """Return the page of management commands."""
    from django.core.management import get_commands, load_command_class
    from django.core.management.base import BaseCommand

    usual = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    lines = [
        "# Management commands",
        NOTE,
        "Beside Django's own options they have these. Each ends with 0 when it is done, with 1 "
        "after an error that it names, with 2 where it cannot read its options.",
        "",
    ]
    for name, app in sorted(get_commands().items()):
        if app != "dbconnections":
            continue
        command: Any = load_command_class(app, name)
        lines += [f"## {name}", "", command.help, ""]
        actions = command.create_parser("manage.py", name)._actions
        own = [action for action in actions if action.dest not in usual]
        if own:
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{_usage(action)}` | {action.help} |" for action in own] + [""]
    return _text(lines)


def _usage(action: argparse.Action) -> str:
    """Return an option or argument as one writes it."""
    names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    takes_value = bool(action.option_strings) and action.nargs != 0
    return f"{names} {action.metavar or action.dest.upper()}" if takes_value else names


def models() -> str:
    """Return the page of models."""
    from dbconnections import models

    lines = ["# Models", NOTE, "Columns that are nobody's business outside the app are left out."]
    for name in models.__all__:
        model = getattr(models, name)
        if not hasattr(model, "_meta"):
            lines += ["", f"## {name}", "", _paragraph(model.__doc__), ""]
            lines += ["| value | |", "|---|---|"]
            lines += [f"| `{choice.value}` | {choice.label} |" for choice in model]
            continue
        lines += ["", f"## {name}", "", _paragraph(model.__doc__), ""]
        lines += ["| field | type | |", "|---|---|---|"]
        for field in [*model._meta.fields, *model._meta.many_to_many]:
            if field.editable and not field.auto_created:
                lines.append(f"| `{field.name}` | {_type_of(field)} | {_about(field)} |")
    return _text([*lines, ""])


def _type_of(field: Any) -> str:
    kind = type(field).__name__
    if field.related_model:
        kind += f" to {field.related_model.__name__}"
    return f"{kind}, {field.max_length}" if field.max_length else kind


def _about(field: Any) -> str:
    """Return what there is to say of a field: its help, its choices, its default."""
    said = [str(field.help_text) or f"{str(field.verbose_name).capitalize()}."]
    if field.choices:
        said.append("One of " + ", ".join(f"`{value}`" for value, _label in field.choices) + ".")
    if field.has_default() and not callable(field.default):
        default = getattr(field.default, "value", field.default)
        said.append(f"Default: `{default}`.")
    return " ".join(said)


def errors() -> str:
    """Return the page of error codes."""
    lines = [
        "# Error codes",
        NOTE,
        "The code is in `code`, `error` and `errorCode` of the body, the sentence in `message` "
        "and `error_description`.",
        "",
        "| status | code | when | sentence |",
        "|---|---|---|---|",
    ]
    rows = sorted(set(_errors()))
    lines += [f"| {status} | `{code}` | {when} | {said} |" for status, code, when, said in rows]
    return _text([*lines, ""])


# Status, code, when and sentence.
_Error = tuple[int, str, str, str]

# Of errors that have no class of their own, which would say so.
RAISED_WHEN = {
    "length_required": "The body comes in chunks, and the server does not say where it ends.",
    "payload_too_large": "The body is larger than the setting `MAX_BODY_SIZE`.",
}


def _errors() -> Iterator[_Error]:
    """Yield every error: those with a class of their own, then those translated from others."""
    from django.core.exceptions import PermissionDenied
    from django.db import OperationalError
    from django.http import Http404
    from rest_framework import exceptions
    from rest_framework.parsers import JSONParser

    from dbconnections.api import errors

    for node in ast.parse(inspect.getsource(errors)).body:
        if isinstance(node, ast.ClassDef) and "ApiError" in map(ast.unparse, node.bases):
            yield _error_of(node, errors)

    for file in sorted(Path(inspect.getfile(errors)).parent.glob("*.py")):
        if file.stem != "errors":
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef):
                    yield from _raised_in(node, errors)

    context = {"view": type("View", (), {"parser_classes": [JSONParser]})}
    for raised, when in [
        (exceptions.NotAuthenticated(), "A back end sent no token."),
        (exceptions.AuthenticationFailed(), "A back end's token is unknown, or its user inactive."),
        (exceptions.PermissionDenied(), "A back end may not ask for tickets."),
        (exceptions.MethodNotAllowed("GET"), "Another method than POST."),
        (exceptions.UnsupportedMediaType("text/xml"), "The body is neither JSON nor a form."),
        (Http404(), "Nothing is at this address."),
        (PermissionDenied(), "The site itself refuses."),
        (OperationalError(), "The database is busy or away."),
        (RuntimeError(), "Something of the site failed; it is logged as Django logs it."),
    ]:
        error = errors._translate(raised, context)
        yield error.status, error.code, when, str(error.message)


def _raised_in(function: ast.FunctionDef, module: ModuleType) -> Iterator[_Error]:
    said_by_name = {
        ast.unparse(node.targets[0]): node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id="ApiError"), args=[code, said, status]):
                said = said_by_name.get(ast.unparse(said), said)
                sentence = _sentence(_inside(said), {}, module).replace("%d", "…")
                name = ast.literal_eval(code)
                yield ast.literal_eval(status), name, RAISED_WHEN[name], sentence


def _error_of(node: ast.ClassDef, module: ModuleType) -> _Error:
    [call] = [
        call
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
    ]
    code, said, *status = [*call.args, *_keywords(call).values()]
    about = _paragraph(ast.get_docstring(node)).partition("\n\n")[0]
    sentence = _sentence(_inside(said), {}, module)
    return (
        ast.literal_eval(status[0]) if status else 400,
        ast.literal_eval(code),
        about,
        "Says which." if sentence == "…" else sentence,
    )


def _inside(said: ast.expr) -> ast.expr:
    """Return what `_(…)`, or `_(…) % …`, has translated."""
    said = said.left if isinstance(said, ast.BinOp) else said
    return said.args[0] if isinstance(said, ast.Call) else said


def log_events() -> str:
    """Return the page of log records, made by having each receiver write one."""
    lines = [
        "# Log events",
        NOTE,
        "Records of the logger `dbconnections`, and of `dbconnections.delivery` where the signal "
        "is about delivery. Auth0's code is in `record.event`, everything else in the fields named "
        "here; none holds an address, a link or a password.",
        "",
        "| event | level | sentence | on | fields |",
        "|---|---|---|---|---|",
    ]
    for record, signal in _records():
        fields = sorted(set(vars(record)) - set(vars(_record())) - {"event", "message"})
        cells = [f"`{record.event}`", record.levelname, record.msg, signal]  # type: ignore[attr-defined]
        lines.append(f"| {' | '.join(cells)} | {', '.join(f'`{name}`' for name in fields)} |")
    return _text([*lines, ""])


def _records() -> Iterator[tuple[logging.LogRecord, str]]:
    from dbconnections import audit
    from dbconnections.models import Client, Connection, ResetTicket

    ticket = ResetTicket(client=Client(), connection=Connection())
    arguments: dict[str, list[dict[str, Any]]] = {
        "log_refused": [
            {"stage": stage, "reason": "…", "ticket": ticket} for stage in ("request", "change")
        ],
        "log_revoked": [{"ticket_id": ticket.pk, "reason": "…"}],
        "log_handed_over": [{"ticket": ticket, "caller_id": "1"}],
        "log_attempt": [{"ticket": ticket, "outcome": "…", "attempts": 1, "waited": 0.1}],
        "log_report": [{"ticket_id": ticket.pk, "outcome": "bounced", "reason": "…"}],
    }
    for name, function in vars(audit).items():
        if name.startswith("log_"):
            [decorator] = re.findall(r"@receiver\(signals\.(\w+)\)", inspect.getsource(function))
            for given in arguments.get(name, [{"ticket": ticket}]):
                stage = f", `stage` {given['stage']}" if "stage" in given else ""
                is_delivery = "delivery_logger" in inspect.getsource(function)
                logger = audit.delivery_logger if is_delivery else audit.logger
                yield _caught(logger, function, given), f"`{decorator}`{stage}"


def _caught(logger: logging.Logger, function: Any, given: dict[str, Any]) -> logging.LogRecord:
    """Return the one record a function writes; nobody else gets it."""
    caught: list[logging.LogRecord] = []
    before = logger.level, logger.filters[:]
    logger.setLevel(logging.DEBUG)
    logger.filters[:] = [lambda record: caught.append(record)]  # type: ignore[list-item]  # falsy
    try:
        function(**given)
    finally:
        logger.setLevel(before[0])
        logger.filters[:] = before[1]
    [record] = caught
    return record


def _record() -> logging.LogRecord:
    return logging.makeLogRecord({})


def python() -> str:
    """Return the page of the public modules; models, signals and settings have their own."""
    import dbconnections

    infos = pkgutil.walk_packages(dbconnections.__path__, "dbconnections.")
    names = [info.name for info in infos if ".migrations" not in info.name]
    modules = {name: importlib.import_module(name) for name in names}
    # A package may offer what a module of it makes.
    said = {
        name: text for module in modules.values() for name, text in documented_names(module).items()
    }
    lines = ["# Python", NOTE, "[What is public](../public-api.md), in the words of the code."]
    for path, module in modules.items():
        public = getattr(module, "__all__", [])
        if public and not path.endswith((".models", ".signals")):
            lines += ["", f"## {path}"]
            for name in public:
                value = getattr(module, name)
                lines += ["", f"### {name}", "", *_signature(value)]
                lines += [_paragraph(said.get(name) or value.__doc__), *_members(value)]
    return _text(lines)


def _signature(value: Any) -> list[str]:
    """Return how a function is called, in its source's words: versions of Python differ."""
    if not inspect.isfunction(value):
        return []
    [function] = ast.parse(inspect.getsource(inspect.unwrap(value))).body
    assert isinstance(function, ast.FunctionDef)
    assert function.returns
    returned = ast.unparse(function.returns)
    return [f"`{function.name}({ast.unparse(function.args)}) -> {returned}`", ""]


def _members(value: Any) -> list[str]:
    """Return the fields or values of a class, and a line for each method it documents."""
    if not inspect.isclass(value):
        return []
    names = [
        *getattr(value, "__dataclass_fields__", ()),
        *(f"{value.__name__}.{name}" for name in getattr(value, "__members__", ())),
    ]
    lines = ["", "Has " + ", ".join(f"`{name}`" for name in names) + "."] if names else []
    methods = [
        f"- `{name}`: {_paragraph(member.__doc__)}".replace("\n\n", " ")
        for name, member in vars(value).items()
        if inspect.isfunction(member) and not name.startswith("_") and member.__doc__
    ]
    return [*lines, "", *methods] if methods else lines


def documented_names(module: ModuleType) -> dict[str, str]:
    """Return the names a module assigns and says something about, each with that."""
    body = ast.parse(Path(module.__file__ or "").read_text()).body
    found = {}
    for node, following in pairwise(body):
        match node, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=said)):
                found[name] = str(said)
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=said)):
                found[name] = str(said)
    return found


def _paragraph(text: str | None) -> str:
    """Return a docstring as Markdown: its lines joined, its code marked once."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs).replace("``", "`")


def _text(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def write() -> None:
    """Write all pages, and remove what is no page any more."""
    DIRECTORY.mkdir(exist_ok=True)
    found = pages()
    for path in DIRECTORY.glob("*.md"):
        if path.name not in found:
            path.unlink()
    for name, text in found.items():
        (DIRECTORY / name).write_text(text)


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    write()
