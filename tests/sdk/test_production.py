"""The configuration of gunicorn and of nginx in `docs/production.md`."""

import sys

import pytest

from tests.sdk.packages import program
from tests.support.documentation import marked
from tests.support.servers import free_port, serving, status_of
from tests.support.time import wait_until

pytestmark = pytest.mark.sdk

APPLICATION = """
def application(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []
"""

NGINX = """
daemon off;
pid {directory}/pid;
events {{ }}
http {{
    {marked}
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {address};
        location /moved/ {{
            rewrite ^ /elsewhere last;
        }}
        location / {{
            return 404;
        }}
    }}
}}
"""

ADDRESSES = {
    "/dbconnections/reset/abc.def": "/dbconnections/reset/[token]",
    "/dbconnections/reset/abc.def?from=mail": "/dbconnections/reset/[token]",
    "/prefix/dbconnections/reset/abc.def": "/dbconnections/reset/[token]",
    "/dbconnections%2Freset/abc.def": "/dbconnections/reset/[token]",
    "/dbconnections%2freset%2fabc.def": "/dbconnections/reset/[token]",
    "/dbconnections/r%65set/abc.def": "/dbconnections/reset/[token]",
    "/dbconnections%2Freset%2F%0Aabc.def": "/dbconnections/reset/[token]",
    "/dbconnections//reset/abc.def": "/dbconnections/reset/[token]",
    "/dbconnections/reset/done/../abc.def": "/dbconnections/reset/[token]",
    "/dbconnections/reset/done/abc.def": "/dbconnections/reset/[token]",
    "/moved/dbconnections/reset/abc.def": "/dbconnections/reset/[token]",
    "/moved/dbconnections%2Freset%2Fabc.def": "/dbconnections/reset/[token]",
    "/moved/notes/?page=2": "/moved/notes/?page=2",
    "/dbconnections/reset/": "/dbconnections/reset/",
    "/dbconnections/reset/done/": "/dbconnections/reset/done/",
    "/dbconnections/reset/done/?success=true": "/dbconnections/reset/done/?success=true",
    "/notes/?page=2": "/notes/?page=2",
}


def test_log_of_gunicorn_has_no_link(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(marked("production.md", "gunicorn.conf.py"))
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


def test_log_of_nginx_has_no_link(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    log = tmp_path / "access.log"
    code = marked("production.md", "nginx.conf").replace("/var/log/nginx/access.log", str(log))
    configuration = NGINX.format(directory=tmp_path, address=address, marked=code)
    (tmp_path / "nginx.conf").write_text(configuration)
    url = f"http://{address}"
    command = [program("nginx"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    command += ["-e", str(tmp_path / "error.log")]
    output = tmp_path / "output"
    with serving(command, lambda: status_of(f"{url}/") == 404, directory=tmp_path, log=output):
        for asked in ADDRESSES:
            assert status_of(url + asked) == 404
        wait_until(lambda: "GET /notes/" in log.read_text(), "nothing is logged")
    logged = [line.split('"')[1] for line in log.read_text().splitlines()]
    expected = [f"GET {shown}" for shown in ADDRESSES.values()]
    assert [line for line in logged if line != "GET /"] == expected
