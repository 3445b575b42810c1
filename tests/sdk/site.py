"""The example site over TLS, and a page of another origin."""

import json
import os
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, HTTPSHandler, Request, build_opener, urlopen

from example_project.outbox.mails import read_file
from tests.sdk.authority import Certificates, issue
from tests.sdk.documentation import ORIGIN, snippet
from tests.support.processes import ROOT
from tests.support.servers import free_port, serving, status_of
from tests.support.time import wait_until

# For clients that send the new password along.
LOCK_8_CLIENT_ID = "YOUR_LOCK_8_CLIENT_ID"

PEOPLE = 300
STAFF = "support@example.com"

# Runs after the documentation's own code, on its imports.
SET_UP = """
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

lock_8 = Client.objects.create(client_id={lock_8!r}, name="Acme Notes", accepts_password=True)
lock_8.allowed_origins.create(origin={origin!r})
lock_8.connections.add(Connection.objects.get())
password = make_password("tangerine-lamp-42")
User.objects.bulk_create(
    User(username=f"person{{n}}", email=f"person{{n}}@example.com", password=password)
    for n in range({people})
)
User.objects.create_user("support", {staff!r}, is_staff=True, password="tangerine-lamp-42")
"""


@dataclass
class Site:
    """The running example site, with people who each forget their password once."""

    domain: str
    directory: Path
    certificates: Certificates
    people: Iterator[str]
    # Of the back end that asks for tickets.
    token: str = ""

    @property
    def mails(self) -> Path:
        return self.directory / "mail"

    def mails_to(self, address: str) -> list[str]:
        """Return the texts of the mails to an address."""
        mails = [mail for path in self.mails.glob("*.log") for mail in read_file(path)]
        return [mail.text for mail in mails if mail.recipients == address]

    def requests_for(self, address: str) -> int:
        """Return how many requests for an address were taken; each becomes one mail."""
        return self._count("email = ?", address)

    def passwords_given_for(self, address: str) -> int:
        """Return how many requests for an address came with a password."""
        return self._count("email = ? AND password_given", address)

    def links_handed_over_for(self, address: str) -> int:
        """Return how many links to an account a back end got that never were to be mailed."""
        return self._count("email = ? AND handed_over_at NOTNULL AND due_at ISNULL", address)

    def user_id(self, address: str) -> str:
        """Return the key of an account as Auth0 writes it."""
        key = self._value("SELECT id FROM auth_user WHERE email = ?", address)
        return f"auth0|{key}"

    def connection_id(self) -> str:
        """Return the id that the site gave to its one connection."""
        name: str = self._value("SELECT connection_id FROM dbconnections_connection")
        return name

    def _count(self, condition: str, address: str) -> int:
        query = f"SELECT count(*) FROM dbconnections_resetticket WHERE {condition}"  # noqa: S608
        number: int = self._value(query, address)
        return number

    def _value(self, query: str, *values: str) -> Any:
        database = f"file:{self.directory}/db.sqlite3?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=20)) as connection:
            [[value]] = connection.execute(query, values)
        return value

    def page(self, url: str) -> str:
        """Open a link as a browser does; return the page it leads to."""
        browser = build_opener(HTTPCookieProcessor(), HTTPSHandler(context=self._context()))
        with browser.open(url, timeout=10) as page:
            return page.read().decode()

    def only_mail_to(self, address: str) -> str:
        """Wait until the one mail to an address is there; return its text."""
        wait_until(lambda: self.mails_to(address) != [], f"No mail arrives for {address}.")
        assert self.requests_for(address) == 1
        [text] = self.mails_to(address)
        return text

    def use_up_limit(self, address: str) -> None:
        """Ask for an address until the site refuses to be asked once more."""
        fields = {"client_id": "-", "connection": "-", "email": address}
        statuses = [self._post(fields) for _ in range(11)]
        assert statuses == [400] * 10 + [429]

    def _post(self, fields: dict[str, str]) -> int:
        request = Request(
            f"https://{self.domain}/dbconnections/change_password",
            json.dumps(fields).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=10, context=self._context()) as answer:  # noqa: S310
                return answer.status
        except HTTPError as error:
            with error:
                return error.code

    def answers(self) -> bool:
        return status_of(f"https://{self.domain}/", context=self._context()) == 200

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificates.authority)


@contextmanager
def example_site(directory: Path, origin: str) -> Iterator[Site]:
    """Run the example site as the documentation sets it up."""
    port = free_port()
    people = (f"person{n}@example.com" for n in range(PEOPLE))
    site = Site(f"localhost:{port}", directory, issue(directory), people)
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "tests.sdk.settings",
        "BASE_URL": f"https://{site.domain}",
        "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
        "MAIL_DIR": str(site.mails),
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments, "--verbosity", "0"]
        options = {"cwd": ROOT, "env": environment, "text": True, "timeout": 120}
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout

    manage("migrate")
    documented = snippet("site").replace(ORIGIN, origin)
    manage(
        *("shell", "--command"),
        documented
        + SET_UP.format(lock_8=LOCK_8_CLIENT_ID, origin=origin, people=PEOPLE, staff=STAFF),
    )
    site.token = manage("shell", "--command", snippet("token")).strip()
    log = directory / "log"
    command = [sys.executable, "-m", "gunicorn", "example_project.wsgi", "--bind"]
    command += [f"127.0.0.1:{port}", "--threads", "4", "--graceful-timeout", "1"]
    command += ["--certfile", str(site.certificates.certificate)]
    command += ["--keyfile", str(site.certificates.key)]
    with serving(command, site.answers, directory=ROOT, log=log, environment=environment):
        yield site


@dataclass
class Elsewhere:
    """A site of another origin: an empty page, and files one may add."""

    origin: str
    files: dict[str, str]


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Serve an empty page from another origin of this machine."""
    files = {"/": "<!doctype html><title>Acme Notes</title><link rel=icon href=data:,>"}

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response(200 if path in files else 404)
            is_script = path.endswith(".js")
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
            self.end_headers()
            self.wfile.write(files.get(path, "").encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # By number: the site's HSTS header is about its name, on whatever port.
        yield Elsewhere(f"http://127.0.0.1:{server.server_port}", files)
        server.shutdown()
