"""The commands that the demo prints, run as they are."""

import re
import subprocess

import pytest

from tests.browser.person import SENTENCE
from tests.support.time import wait_until

pytestmark = pytest.mark.browser


def commands(site):
    """Return the curl commands in what `seed_demo` printed."""
    return re.findall(r"^ +(curl .*\\\n.*)$", site.instructions, re.MULTILINE)


def run(command):
    shell = ["/bin/sh", "-c", command]
    process = subprocess.run(shell, capture_output=True, text=True, timeout=30, check=True)
    head, _blank, body = process.stdout.partition("\n\n")
    return head, body


@pytest.mark.parametrize("number", [0, 1], ids=["Lock 9", "Lock 8"])
def test_command_is_answered_and_mailed(site, number):
    before = site.links_mailed()
    assert len(commands(site)) == 2
    head, body = run(commands(site)[number])
    assert head.startswith("HTTP/1.1 200 OK")
    assert "Content-Type: application/json" in head
    assert body == f'"{SENTENCE}"'
    wait_until(lambda: site.links_mailed() == before + 1, "No mail arrives.")


def test_password_is_refused_for_lock_9(site):
    command = commands(site)[1].replace("demo-lock8", "demo")
    head, body = run(command)
    assert head.startswith("HTTP/1.1 400 Bad Request")
    assert "password is not allowed" in body
