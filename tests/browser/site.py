"""The example site as something that runs."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.support.processes import ROOT
from tests.support.servers import free_port, serving, status_of
from tests.support.time import wait_until


@dataclass
class Site:
    """The running example site."""

    url: str
    database: Path
    log: Path
    instructions: str
    manage: Callable[..., str]

    def links_mailed(self) -> int:
        """Return how many mails with a link there are, when none is on its way any more."""
        wait_until(self._nothing_is_on_its_way, "A mail is not sent.", log=self.log)
        with urlopen(f"{self.url}/outbox/") as page:  # noqa: S310 (our own site)
            return page.read().decode().count("<strong>Change your password")

    def _nothing_is_on_its_way(self) -> bool:
        on_its_way = "FROM dbconnections_resetticket WHERE due_at IS NOT NULL AND sent_at IS NULL"
        with closing(sqlite3.connect(self.database, timeout=30)) as database:
            return not database.execute(f"SELECT count(*) {on_its_way}").fetchone()[0]


@contextmanager
def running_site(directory: Path, **environment: str) -> Iterator[Site]:
    """Run the example site, with its database and outbox in a directory, and no limits."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = directory / "db.sqlite3"
    environment = {
        "PATH": os.environ["PATH"],
        "BASE_URL": url,
        "DATABASE_URL": f"sqlite:///{database}",
        "MAIL_DIR": str(directory / "mail"),
        "DBCONNECTIONS_RATE_LIMIT": "0",
        **environment,
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        options = {"cwd": ROOT, "env": environment, "text": True}
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout

    manage("migrate", "--verbosity", "0")
    instructions = manage("seed_demo")
    log = directory / "log"
    with serving(
        [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
        lambda: status_of(url) == 200,
        directory=ROOT,
        log=log,
        environment=environment,
    ):
        yield Site(url, database, log, instructions, manage)
