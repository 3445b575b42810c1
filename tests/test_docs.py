"""What the README and every page in `docs/` show runs, what they name exists.

Each block of code is tried by its language:

- `python` is run: assignments to settings are checked by the app's system checks, a `urlpatterns`
  is made the site's, anything else is executed on the tests' database;
- `sh`, and indented code: every command of `manage.py` exists with these options, and so does what
  `make`, `python -m`, `pytest`, `pip install` and `curl` are given; see `tests/support/shell.py`;
- `json`, `toml`, `ini`, `yaml` are parsed, `html` is compiled as a template; the commands of `cron`
  and of a systemd unit are looked up as those of `sh`;
- `js`, `jsx`, `vue`, `ts` are parsed by `tests/sdk/test_front_ends.py`, which needs Node.js;
- `text`, what a program prints, is compared with it by a test of its own.

A block that needs more has a comment right above it, `<!-- WORD: NAME -->`, and a test of its
own that runs it: the test gets it by `marked("page.md", "WORD: NAME")`, or has the comment in its
``MARKS`` where it takes all of a page (``TAKEN_TOGETHER``). One that nothing can run has
`<!-- prose: NAME -->`, and its name in ``PROSE``.
"""

import ast
import configparser
import json
import logging.config
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from django.conf import global_settings
from django.conf import settings as site
from django.contrib import admin
from django.core.checks import ERROR, run_checks
from django.core.management import get_commands
from django.db import connection as database
from django.db.transaction import atomic
from django.template import engines
from django.test.utils import CaptureQueriesContext

from dbconnections import signals
from dbconnections.accounts import ModelUserStore
from dbconnections.admin import SendPasswordResetMixin
from dbconnections.conf import all_settings
from dbconnections.links import mailed_url
from tests.factories import ClientFactory, ConnectionFactory, MailedTicketFactory, UserFactory
from tests.support import reference
from tests.support.documentation import (
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    code_spans,
    links,
    marked,
    prose,
    text_of,
)
from tests.support.processes import database_url
from tests.support.shell import check_command, variables

# What nothing can run or parse, by the name in its comment.
PROSE = {"a0deploy"}

# What pages name that is of other packages.
THEIR_COMMANDS = {"db_worker", "prune_db_task_results", "rqworker"}
THEIR_SETTINGS = {
    "CELERY_BROKER_URL",
    "REQUESTS_TIMEOUT",  # anymail's
    "CONN_MAX_AGE",  # in DATABASES
    "CORS_URLS_REGEX",
    "REST_FRAMEWORK",
}

BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN = [block for block in BLOCKS if block.language == "python" and not block.mark]
# Where a test takes all marked blocks of a page: the module that has their marks in MARKS.
TAKEN_TOGETHER = {
    "coming-from-auth0.md": "tests.test_coming_from_auth0",
    "front-ends.md": "tests.sdk.test_front_ends",
    "mails.md": "tests.test_mail_documentation",
    "wake-ups.md": "tests.wakeups.documentation",
}
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]

# What a running site does not take another value of.
FIXED = {"DATABASES", "INSTALLED_APPS", "LOGGING"}


def by_place(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


# Every language


def check_python(block: Block) -> None:
    compile(block.code, str(block), "exec")


def check_shell(block: Block) -> None:
    if block.mark:
        return
    for part in block.code.replace("\\\n", " ").split("\n\n"):
        if part.lstrip()[0] in '"{[':
            json.loads(part)  # what a command answers
            continue
        for line in part.splitlines():
            check_command(shlex.split(line.removeprefix("$ "), comments=True))


def check_installed(words: list[str]) -> None:
    """Check a command whose program is named by its path, as what starts it knows no other."""
    check_command([words[0].rpartition("/")[2], *words[1:]])


def check_crontab(block: Block) -> None:
    for line in block.code.splitlines():
        job = re.fullmatch(r"(?:[\d*/,-]+ +){5}(.+)", line)
        assert job, f"{block}: {line!r} is no line of a crontab"
        command = job[1].rpartition("&& ")[2].partition(" >")[0]
        check_installed(shlex.split(command))


def check_ini(block: Block) -> None:
    text = block.code if block.code.startswith("[") else f"[all]\n{block.code}"
    config = configparser.RawConfigParser()
    config.read_file(StringIO(text))
    if config.has_option("Service", "ExecStart"):
        check_installed(shlex.split(config["Service"]["ExecStart"]))


def check_output(block: Block) -> None:
    assert block.mark, f"{block}: nothing compares what a program is said to print. {__doc__}"


CHECKS: dict[str, Callable[[Block], object]] = {
    "": check_shell,
    "sh": check_shell,
    "python": check_python,
    "json": lambda block: json.loads(block.code),
    "toml": lambda block: tomllib.loads(block.code),
    "ini": check_ini,
    "cron": check_crontab,
    "yaml": lambda block: list(yaml.safe_load_all(block.code)),
    "html": lambda block: engines["django"].from_string(block.code),
    "text": check_output,
    **dict.fromkeys(["js", "jsx", "ts", "vue"], lambda block: None),  # by test_front_ends.py
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_code_is_valid(block):
    if block.mark.startswith("prose: "):
        assert block.name in PROSE, f"{block}: add {block.name!r} to PROSE in {__name__}"
    elif block.language in CHECKS:
        CHECKS[block.language](block)
    else:
        assert block.mark, f"{block}: nothing here can try {block.language!r}. {__doc__}"


def test_what_only_readers_try_is_listed():
    named = [block.name for block in BLOCKS if block.mark.startswith("prose: ")]
    assert sorted(named) == sorted(PROSE)


@pytest.mark.parametrize("page", PAGES, ids=by_place)
def test_marked_code_is_what_tests_run(page):
    """A mark alone would take a block out of what is tried."""
    marks = [block.mark for block in blocks(page) if block.mark]
    marks = [mark for mark in marks if not mark.startswith("prose: ")]
    assert sorted(marks) == sorted(marks_that_are_run(page.name)), (
        f"Not every <!-- mark --> in {page.name} is of one block that a test runs, or a test runs "
        f"what is gone. {__doc__}"
    )


def marks_that_are_run(page: str) -> list[str]:
    if page in TAKEN_TOGETHER:
        marks: list[str] = import_module(TAKEN_TOGETHER[page]).MARKS
        return marks
    return [mark for named, mark in taken_alone() if named == page]


@cache
def taken_alone() -> set[tuple[str, str]]:
    """Return page and mark of every call of `marked` in the tests."""
    sources = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    found = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)) if "marked(" in source else ():
            match node:
                case ast.Call(ast.Name("marked"), [ast.Constant(page), ast.Constant(mark)]):
                    found.add((page, mark))
    return found


# Python


@pytest.fixture
def untouched() -> Iterator[None]:
    """Give back what running a page's code may change in this process."""
    sent = [getattr(signals, name) for name in signals.__all__]
    before = [list(signal.receivers) for signal in sent]
    registered = dict(admin.site._registry)
    yield
    admin.site._registry = registered
    for signal, receivers in zip(sent, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def mysite(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The reader's site: a package with the files of `docs/examples`."""
    package = ModuleType("mysite")
    package.__path__ = [str(ROOT / "docs/examples")]
    monkeypatch.setitem(sys.modules, "mysite", package)
    return package


@pytest.mark.django_db
@pytest.mark.parametrize("block", RUN, ids=str)
def test_python_runs(block, untouched, mysite, settings):
    tree = ast.parse(block.code)
    if assigns_settings(tree):
        run_settings(block, settings)
    elif "urlpatterns" in block.code:
        module = run(block, urlpatterns=[])
        settings.ROOT_URLCONF = module
        if "dbconnections.urls" in block.code:
            ids = {message.id for message in run_checks(tags=["dbconnections"])}
            assert not ids & {"dbconnections.W009", "dbconnections.W010"}
    else:
        run(block)


def assigns_settings(tree: ast.Module) -> bool:
    assigned = [
        ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AugAssign)
    ]
    others = [
        node
        for node in tree.body
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.Import | ast.ImportFrom)
    ]
    return bool(assigned) and not others and all(name.isupper() for name in assigned)


def run(block: Block, **names: Any) -> ModuleType:
    """Run a block as a module of its own that has these names."""
    module = ModuleType("page")
    vars(module).update(names)
    exec(compile(block.code, str(block), "exec"), vars(module))  # noqa: S102 (our own pages)
    return module


def run_settings(block: Block, settings: Any) -> None:
    """Run a part of a settings file; the app's checks must find no error in it."""
    names = [name for name in dir(site) if name.isupper()]
    before = {name: deepcopy(getattr(site, name)) for name in names}
    found = vars(run(block, **deepcopy(before)))
    changed = {
        name: value for name, value in found.items() if name.isupper() and value != before.get(name)
    }
    if "DBCONNECTIONS" in changed:
        changed["DBCONNECTIONS"] = before["DBCONNECTIONS"] | changed["DBCONNECTIONS"]
    for app in changed.get("INSTALLED_APPS", []):
        import_module(app)
    if "LOGGING" in changed:
        check_logging(changed["LOGGING"])
    for name in changed.keys() - FIXED:
        setattr(settings, name, changed[name])
    messages = run_checks(tags=["dbconnections"])
    assert not [message for message in messages if message.level >= ERROR]


def check_logging(config: dict[str, Any]) -> list[logging.Handler]:
    """Make the filters and handlers of a configuration, and return the latter unused."""
    configurator = logging.config.DictConfigurator(deepcopy(config))
    parts: dict[str, Any] = configurator.config
    for kind in ("formatters", "filters", "handlers"):
        make = getattr(configurator, f"configure_{kind[:-1]}")
        parts[kind] = {name: make(given) for name, given in parts.get(kind, {}).items()}
    used = {name for logger in parts["loggers"].values() for name in logger["handlers"]}
    assert used <= set(parts["handlers"])
    return list(parts["handlers"].values())


# Marked blocks that are run here


# Not within a transaction: the example site, in its own process, sees what is committed.
@pytest.mark.django_db(transaction=True)
def test_example_site_in_production_has_nothing_to_mend():
    ConnectionFactory(clients=[ClientFactory()])
    config = configparser.RawConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]
    config.read_string("[all]\n" + marked("production.md", "production: variables"))
    environment = dict(config["all"]) | {
        "SECRET_KEY": "".join(chr(code) for code in range(33, 100)),
        "DATABASE_URL": database_url(),
    }
    process = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", "check", "--deploy", "--database", "default"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stderr == ""
    assert process.stdout == "System check identified no issues (0 silenced).\n"


# How each database tells its plan, with which index, and which ones it has for the two questions
# that delivery asks: what the page says of each.
INDEXES = {
    "postgresql": ("EXPLAIN", r"Index Scan (?:on|using) (\w+)", ["user_email", "user_email_upper"]),
    "mysql": ("EXPLAIN", r"'(?:range|ref)', '[^']*', '(\w+)'", ["user_email", "user_email"]),
    "sqlite": ("EXPLAIN QUERY PLAN", r"USING INDEX (\w+)", ["user_email", None]),
}


# MariaDB ends a transaction when it makes an index.
@pytest.mark.django_db(transaction=True)
def test_indexes_spare_delivery_the_whole_table_of_users():
    UserFactory.create_batch(300, password="!")
    explain, use, indexes = INDEXES[database.vendor]
    with indexes_of_the_page(), atomic(), database.cursor() as cursor:
        with CaptureQueriesContext(database) as captured:
            assert ModelUserStore().find(email="Nobody@Example.com") == []
        if database.vendor == "postgresql":
            cursor.execute("ANALYZE auth_user")
            # A table this small is read whole if that is at all possible.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query, index in zip(captured, indexes, strict=True):
            cursor.execute(f"{explain} {query['sql']}")
            used = re.search(use, str(cursor.fetchall()))
            assert (used and used[1]) == index


@contextmanager
def indexes_of_the_page() -> Iterator[None]:
    code: dict[str, Any] = {"__name__": "migration"}
    exec(marked("production.md", "production: indexes"), code)  # noqa: S102 (our own page)
    [operation] = code["Migration"].operations
    make, drop = operation.sql.split(";"), operation.reverse_sql.split(";")
    if database.vendor == "mysql":
        # It has none on an expression, and needs none: one on `email` serves both.
        make, drop = make[:1], [f"{drop[0]} ON auth_user"]
    with database.cursor() as cursor:
        for statement in make:
            cursor.execute(statement)
        try:
            yield
        finally:
            for statement in drop:
                cursor.execute(statement)


@pytest.mark.django_db
def test_tenants_do_not_know_each_other(settings, client, django_user_model):
    from django.contrib.auth.models import Group
    from django.core import mail

    from dbconnections.delivery import deliver_due
    from dbconnections.models import ResetTicket
    from dbconnections.tickets import TicketRefused
    from dbconnections.tickets import open as open_ticket

    page = ROOT / "docs/tenants.md"
    [stores] = [block for block in blocks(page) if "STORE = " in block.code]
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | vars(run(stores))["DBCONNECTIONS"]
    exec(marked("tenants.md", "tenants: set up"), {})  # noqa: S102 (our own page)
    for tenant in ("acme", "umbra"):
        user = django_user_model.objects.create_user(f"jane-{tenant}", "jane@example.com", "x-41-y")
        user.groups.add(Group.objects.create(name=tenant))

    def ask(client_id: str, connection: str) -> int:
        body = {"client_id": client_id, "connection": connection, "email": "jane@example.com"}
        address = "/dbconnections/change_password"
        return int(client.post(address, body, content_type="application/json").status_code)

    assert ask("acme-web", "acme-users") == 200
    assert ask("acme-web", "umbra-users") == 400
    assert deliver_due() == {"sent": 1}
    [message] = mail.outbox
    assert "Acme Notes" in message.subject

    # Whoever leaves a tenant takes no link along.
    ticket = ResetTicket.objects.get(sent_at__isnull=False)
    assert open_ticket(ticket.pk)
    django_user_model.objects.get(username="jane-acme").groups.clear()
    with pytest.raises(TicketRefused):
        open_ticket(ticket.pk)


@pytest.mark.django_db
def test_style_of_a_tenant_is_on_its_pages_alone(settings, tmp_path, client):
    path = tmp_path / "dbconnections/base.html"
    path.parent.mkdir()
    path.write_text(marked("tenants.md", "template: dbconnections/base.html"))
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    for name, is_styled in [("Acme Notes", True), ("Umbra", False)]:
        ticket = MailedTicketFactory(user=UserFactory(), client=ClientFactory(name=name))
        page = client.get(mailed_url(ticket.pk), follow=True).content.decode()
        assert name in page
        assert ("acme.css" in page) == is_styled


# Links and names


@pytest.mark.parametrize("page", PAGES, ids=by_place)
def test_links_lead_somewhere(page):
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"there is no {path}"
        if anchor:
            assert anchor in anchors(target), f"{path or page.name} has no #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=by_place)
def test_names_exist(page):
    """Names are told by their look: capitals, `manage.py …`, `reset_…`, `….html`."""
    spans = code_spans(page)
    commands = set(get_commands()) | THEIR_COMMANDS
    for span in spans:
        for name in re.findall(r"manage\.py (\w+)", span):
            assert name in commands, f"there is no command {name}; if another's, see THEIR_COMMANDS"
        if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", span):
            known = {*all_settings(), *dir(global_settings), *variables(), *THEIR_SETTINGS}
            assert span in known, f"there is no setting {span}; if another's, see THEIR_SETTINGS"
        for name in re.findall(r'DBCONNECTIONS\["(\w+)"\]', span):
            assert name in all_settings(), f"there is no setting {name}"
        if re.fullmatch(r"reset_[a-z_]+|password_changed", span):
            known = {*signals.__all__, *commands, *dir(SendPasswordResetMixin)}
            assert span in known, f"there is no signal {span}"
        if re.fullmatch(r"[\w/]+\.(html|txt)", span):
            templates = ROOT / "dbconnections/templates"
            names = {path.name for path in templates.rglob("*.*")}
            assert Path(span).name in names, f"there is no template {span}"


def test_every_setting_command_and_signal_is_explained():
    said = " ".join(" ".join(code_spans(page)) for page in WRITTEN)
    ours = {name for name, app in get_commands().items() if app == "dbconnections"}
    for name in {*all_settings(), *ours, *signals.__all__}:
        assert re.search(rf"\b{name}\b", said), f"no page says what {name} is for"


# The tutorial and the reference


def test_tutorial_takes_the_steps_of_the_readme():
    tutorial = text_of(ROOT / "docs/tutorial.md")
    install = text_of(ROOT / "README.md").partition("## Install into your site")[2]
    for step in (
        'INSTALLED_APPS += ["rest_framework", "dbconnections"]\n',
        'urlpatterns += [path("", include("dbconnections.urls"))]\n',
        "pip install dbconnections\n",
        "python manage.py migrate\n",
    ):
        assert step in install
        assert step in tutorial


def test_reference_is_current():
    written = {path.name: text_of(path) for path in reference.DIRECTORY.glob("*.md")}
    assert written == reference.pages(), "run `python -m tests.support.reference`"


def test_every_check_has_an_anchor_and_a_test():
    source = (ROOT / "dbconnections/checks.py").read_text()
    ids = re.findall(r"dbconnections\.[EWI]\d{3}", source)
    assert {check.id for check in reference.all_checks()} == set(ids)
    tests = (ROOT / "tests/test_checks.py").read_text()
    page = reference.DIRECTORY / "checks.md"
    for check in reference.all_checks():
        assert check.anchor in anchors(page)
        assert check.id in prose(page)
        assert re.search(rf'"{check.id[-4:]}"', tests), f"no test has {check.id} speak"


# The guards above, each with a bait


@pytest.mark.parametrize(
    "page",
    [
        "    python manage.py deliver_emails",
        "```sh\npython manage.py deliver_reset_emails --for-ever\n```",
        "```sh\npip install dbconnections[rediss]\n```",
        "```sh\nmake coffee\n```",
        "```sh\ncurl https://login.example.com/dbconnections/reset_password\n```",
        "```sh\ncurl https://login.example.com/dbconnections/change_password -d '{\"a\": }'\n```",
        "```sh\ncurl https://login.example.com/dbconnections/change_password --no-such-option\n```",
        "```sh\ncurl https://login.example.com/dbconnections/change_password -H Accept\n```",
        "```sh\nmake OF=nowhere bench\n```",
        "```sh\nmake bench OF=nowhere\n```",
        "```sh\nmake bench OF=figures\n```",  # which others import
        "```sh\nmake bench OF=steps ARGS=--short\n```",
        "```sh\nmake bench ARGS=--no-such-option\n```",
        "```sh\nmake bench NOTHING=steps\n```",
        "```sh\nmake demo OF=steps\n```",
        '```sh\nmake test ARGS="-m nothing"\n```',
        "```sh\nmake tests/test_docs.py\n```",
        "```sh\nNOTHING=1 make test\n```",
        "```sh\n.venv/bin/python -m benchmarks.nothing\n```",
        "```sh\n.venv/bin/python -m tests.stress nothing\n```",
        "```sh\npython -m no.such.module\n```",
        "```sh\npython tests/no_such.py\n```",
        "```sh\npython manage.py import_auth0 docs/no_such.yaml\n```",
        "```sh\n.venv/bin/pytest tests/no_such.py\n```",
        "```sh\n.venv/bin/pytest no_such.py\n```",
        "```sh\n.venv/bin/pytest -m nothing\n```",
        "```sh\n.venv/bin/pytest --no-such-option\n```",
        "```sh\n.venv/bin/nothing\n```",
        "```sh\n.ci/nothing\n```",
        "```sh\npip install dbconnectoins\n```",
        "```sh\nrm -rf /\n```",
        "```cron\n* * * * * cd /srv/mysite && env/bin/python -m no.such.module\n```",
        '```json\n{"a": }\n```',
        "```toml\na\n```",
        "```ini\na\n```",
        "```yaml\na: b: c\n```",
        "```html\n{% if %}\n```",
        "```python\nfrom a import\n```",
        "```befunge\n>v\n```",
        "```text\nUsers: none\n```",
        "<!-- prose: made up -->\n```nginx\n;\n```",
    ],
)
def test_code_that_is_wrong_is_found(bait, page):
    [block] = blocks(bait(page))
    with pytest.raises(Exception, match=r"\S") as refused:
        test_code_is_valid(block)
    assert not isinstance(refused.value, KeyError | TypeError | AttributeError)


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("README.md", "nonsense"),
        ("mails.md", "texts: nonsense"),
        ("tutorial.md", "tutorial: nonsense"),
        ("tutorial.md", "tutorial: urls"),  # a second one
        ("user-stores.md", "ldap: nonsense"),
        ("wake-ups.md", "loop: nonsense"),
    ],
)
def test_marked_code_that_no_test_runs_is_found(tmp_path, name, mark):
    [text] = [text_of(page) for page in PAGES if page.name == name]
    page = tmp_path / name
    page.write_text(f"{text}\n<!-- {mark} -->\n```python\nraise ValueError\n```\n")
    with pytest.raises(AssertionError):
        test_marked_code_is_what_tests_run(page)


def test_marked_code_that_is_gone_is_missed(tmp_path, bait):
    page = bait("Text.").rename(tmp_path / "tutorial.md")
    with pytest.raises(AssertionError):
        test_marked_code_is_what_tests_run(page)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "code",
    [
        'DBCONNECTIONS = {"BASE_ULR": ""}',
        'INSTALLED_APPS += ["dbconnectoins"]',
        'LOGGING = {"version": 1, "filters": {"hide": {"()": "dbconnections.secret.Hide"}}}',
        "from dbconnections.signals import password_forgotten",
        "raise ValueError",
    ],
)
def test_python_that_does_not_run_is_found(bait, untouched, mysite, settings, code):
    [block] = blocks(bait(f"```python\n{code}\n```"))
    with pytest.raises((AssertionError, ImportError, ValueError)):
        test_python_runs(block, untouched, mysite, settings)


@pytest.mark.parametrize(
    "text",
    [
        "`manage.py nothing`",
        "`NO_SETTING`",
        '`DBCONNECTIONS["NOTHING"]`',
        "`reset_nothing`",
        "`nothing.html`",
    ],
)
def test_name_of_nothing_is_found(bait, text):
    with pytest.raises(AssertionError):
        test_names_exist(bait(text))


@pytest.mark.parametrize("link", ["nowhere.md", "#nowhere", "images/"])
def test_link_to_nowhere_is_found(bait, link):
    with pytest.raises(AssertionError):
        test_links_lead_somewhere(bait(f"# Title\n\n[there]({link})"))


@pytest.fixture
def bait(tmp_path: Path) -> Callable[[str], Path]:
    def bait(text: str) -> Path:
        page = tmp_path / "page.md"
        page.write_text(f"{text}\n" if text.startswith("#") else f"# Page\n\n{text}\n")
        return page

    return bait
