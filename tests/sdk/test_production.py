"""The configuration of gunicorn in `docs/production.md`."""

import sys

import pytest

from tests.support.documentation import ROOT, blocks
from tests.support.servers import free_port, serving, status_of
from tests.support.time import wait_until

pytestmark = pytest.mark.sdk

APPLICATION = """
def application(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []
"""


def test_log_of_gunicorn_has_no_link(tmp_path):
    [code] = [
        block.code
        for block in blocks(ROOT / "docs/production.md")
        if block.mark == "gunicorn.conf.py"
    ]
    (tmp_path / "gunicorn.conf.py").write_text(code)
    (tmp_path / "site_of_one.py").write_text(APPLICATION)
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--bind", address, "site_of_one:application"]
    with serving(command, lambda: status_of(f"{url}/") == 404, directory=tmp_path, log=log):
        assert status_of(f"{url}/dbconnections/reset/abc.def") == 404
        wait_until(lambda: "/dbconnections/reset/" in log.read_text(), "nothing is logged")
    assert '"GET /dbconnections/reset/[token] HTTP/1.1"' in log.read_text()
    assert "abc.def" not in log.read_text()
