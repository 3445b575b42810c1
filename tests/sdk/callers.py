"""Runs the documentation's code as its readers do, and tells what it gets.

What code logs or prints is its result; what it logs as an error or throws, its error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sdk.clients import BUNDLER, Client
from tests.sdk.packages import directory_of, program
from tests.sdk.site import Elsewhere, Site
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent
TIMEOUT = 60


@dataclass(frozen=True)
class Outcome:
    """What a caller's code gets: a value, or the fields of an error."""

    value: Any = None
    error: dict[str, Any] = field(default_factory=dict)

    def find(self, path: str) -> Any:
        """Return a field of the error; dots lead into objects."""
        found: Any = self.error
        for name in path.split("."):
            found = found[name]
        return found


def run(command: list[str], code: str, cwd: Path, **environment: str) -> str:
    """Run a program on some code; return what it prints."""
    process = subprocess.run(
        command,
        input=code,
        cwd=cwd,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def in_shell(client: Client, code: str, site: Site) -> Outcome:
    """Run a command that expects JSON unless it asks for text."""
    program("curl")
    # Options as they could be in anyone's home: the command itself stays as it is.
    (site.directory / ".curlrc").write_text("silent\nshow-error\ninclude\nhttp1.1\n")
    output = run(
        ["/bin/sh"],
        code,
        ROOT,
        CURL_HOME=str(site.directory),
        CURL_CA_BUNDLE=str(site.certificates.authority),
    )
    head, _blank, body = output.partition("\n\n")
    status = int(head.split()[1])
    if status >= 400:
        return Outcome(error=json.loads(body) | {"HTTP status": status})
    return Outcome(value=body if "text/plain" in code else json.loads(body))


def in_node(client: Client, code: str, site: Site) -> Outcome:
    """Run a module, or a script if it says `require`."""
    kind = "commonjs" if "require(" in code else "module"
    output = run(
        [program("node"), "--require", str(HERE / "record.js"), f"--input-type={kind}"],
        code,
        directory_of(client.requirement),
        NODE_EXTRA_CA_CERTS=str(site.certificates.authority),
    )
    return Outcome(**json.loads(output))


def in_python(client: Client, code: str, site: Site) -> Outcome:
    """Run a module on the interpreter of these tests, without its packages."""
    authority = str(site.certificates.authority)
    output = run(
        [sys.executable, "-S", "-P", str(HERE / "record.py")],
        code,
        HERE,
        PYTHONPATH=str(directory_of(client.requirement)),
        REQUESTS_CA_BUNDLE=authority,
        SSL_CERT_FILE=authority,
    )
    return Outcome(**json.loads(output))


def bundle(client: Client, code: str) -> str:
    """Return code and what it imports as one script for a page."""
    esbuild = directory_of(BUNDLER) / "node_modules" / ".bin" / "esbuild"
    options = [
        "--bundle",
        "--log-level=error",
        # What webpack does by default, which these packages were made for.
        "--main-fields=browser,module,main",
        "--define:global=window",
        '--define:process.env.NODE_ENV="production"',
    ]
    return run([str(esbuild), *options], code, directory_of(client.requirement))


def in_browser(client: Client, code: str, page: Page, elsewhere: Elsewhere) -> Outcome:
    """Run a script on a page of another origin."""
    page.add_init_script(path=HERE / "record.js")
    page.goto(elsewhere.origin)
    page.add_script_tag(content=bundle(client, code))
    page.wait_for_function("outcome", timeout=TIMEOUT * 1000)
    return Outcome(**page.evaluate("outcome"))
