"""The configuration of gunicorn in `docs/production.md`."""

import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.browser.site import free_port, wait_for
from tests.support.documentation import ROOT, blocks

pytestmark = pytest.mark.sdk

APPLICATION = """
def application(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []
"""


def status_of(url: str) -> int:
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 (our own server)
            return answer.status
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_log_of_gunicorn_has_no_link(tmp_path):
    [code] = [
        block.code
        for block in blocks(ROOT / "docs/production.md")
        if block.mark == "gunicorn.conf.py"
    ]
    (tmp_path / "gunicorn.conf.py").write_text(code)
    (tmp_path / "site_of_one.py").write_text(APPLICATION)
    url = f"127.0.0.1:{free_port()}"
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--bind", url, "site_of_one:application"]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT) as server,
    ):
        try:
            wait_for(lambda: status_of(f"http://{url}/") == 404, "gunicorn does not start")
            assert status_of(f"http://{url}/dbconnections/reset/abc.def") == 404
            wait_for(lambda: "/dbconnections/reset/" in log.read_text(), "nothing is logged")
        finally:
            server.terminate()
    assert '"GET /dbconnections/reset/[token] HTTP/1.1"' in log.read_text()
    assert "abc.def" not in log.read_text()
