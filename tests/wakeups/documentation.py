"""The page *Wake-ups*: its code and its commands, which are what the tests run."""

from tests.support import documentation
from tests.support.documentation import ROOT

PAGE = ROOT / "docs" / "wake-ups.md"

# What the page says where each reader has something else.
BROKER = "redis://127.0.0.1:6379/0"
DIRECTORY = "/srv/mysite"

# The blocks that are files and commands of the sites here; `tests/test_docs.py` wants no other.
MARKS = [
    "database: mysite/settings.py",
    "database: worker",
    "rq: mysite/settings.py",
    "rq: worker",
    "celery: mysite/__init__.py",
    "celery: mysite/celery.py",
    "celery: mysite/settings.py",
    "celery: worker",
    "celery: sweep",
    "loop: mysite/settings.py",
    "loop: worker",
    "cron: mysite/settings.py",
    "cron: crontab",
]


def blocks(wake_up: str) -> dict[str, str]:
    """Return the page's blocks about a wake-up, by what they are: a file or a command."""
    found = documentation.blocks(PAGE)
    return {block.name: block.code for block in found if block.mark.startswith(f"{wake_up}: ")}


def files(wake_up: str) -> dict[str, str]:
    """Return the files that a site has for a wake-up, by path."""
    return {kind: code for kind, code in blocks(wake_up).items() if kind.endswith(".py")}


def command(wake_up: str, kind: str) -> str | None:
    """Return a command as one gives it to a shell, None where the page has none."""
    code = blocks(wake_up).get(kind)
    return code.strip() if code else None


def cron() -> str:
    """Return what cron is told to run every minute."""
    every_minute, line = "* * * * * ", blocks("cron")["crontab"].strip()
    assert line.startswith(every_minute)
    return line.removeprefix(every_minute)
