"""A logo on another origin, which learns that a page was opened and nothing of the ticket."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.site import running_site
from tests.browser.states import NEW_PASSWORD, STATES, choose, issue_links

pytestmark = pytest.mark.browser

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle r="40"/></svg>'
LOCAL = "example_project/icon.svg"


@dataclass
class Elsewhere:
    """A server of logos on this machine, under another name than the site's."""

    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of each."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    seen = Elsewhere()

    class Logos(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.requests.append((self.path, headers))
            self.send_response(200)
            self.send_header("Content-Type", "image/svg+xml")
            # So that each page asks anew.
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(LOGO)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Logos) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen.url = f"http://localhost:{server.server_port}"
        yield seen
        server.shutdown()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    with running_site(directory, DJANGO_SETTINGS_MODULE="tests.browser.settings") as site:
        yield site


@pytest.fixture(scope="module")
def links(site):
    [links] = issue_links(site)
    return links


@pytest.fixture
def set_logo(site):
    """Return a function that has the client say where its logo is."""

    def set_logo(logo):
        code = f"from dbconnections.models import Client; Client.objects.update(logo={logo!r})"
        site.manage("shell", "--command", code)

    return set_logo


def is_shown(page):
    script = "image => image.complete && image.naturalWidth > 0"
    return page.locator(".brand img").evaluate(script)


def test_foreign_logo_learns_nothing_of_the_ticket(page, links, set_logo, elsewhere):
    set_logo(f"{elsewhere.url}/logo.svg")
    STATES["new-password"].visit(page, links)
    page.wait_for_load_state("networkidle")
    assert is_shown(page)
    secrets = [links["new"], page.locator("[name=ticket]").first.input_value()]
    secrets += [cookie["value"] for cookie in page.context.cookies()]
    choose("walnut", "walnut")(page)
    page.wait_for_load_state("networkidle")
    choose(NEW_PASSWORD, NEW_PASSWORD)(page)
    page.wait_for_url("**/done/")
    page.wait_for_load_state("networkidle")

    assert [path for path, _headers in elsewhere.requests] == ["/logo.svg"] * 3
    assert len(secrets) == 4
    for _path, headers in elsewhere.requests:
        assert "referer" not in headers
        assert "cookie" not in headers
        assert "origin" not in headers
        assert not [secret for secret in secrets if secret in str(headers)]


def test_logo_switched_to_a_local_file_asks_nobody_else(page, links, set_logo, elsewhere):
    set_logo(f"{elsewhere.url}/logo.svg")
    STATES["used"].visit(page, links)
    page.wait_for_load_state("networkidle")
    assert len(elsewhere.requests) == 1

    set_logo(LOCAL)
    page.reload()
    page.wait_for_load_state("networkidle")
    assert is_shown(page)
    assert page.locator(".brand img").get_attribute("src") == f"/static/{LOCAL}"
    assert len(elsewhere.requests) == 1


def test_logo_of_a_host_that_is_not_allowed_is_not_loaded(page, links, set_logo, elsewhere):
    set_logo(elsewhere.url.replace("localhost", "127.0.0.1") + "/logo.svg")
    STATES["used"].visit(page, links)
    page.wait_for_load_state("networkidle")
    assert page.locator(".brand bdi").is_visible()
    assert page.locator(".brand img").get_attribute("src").startswith("/static/"), "the site's own"
    assert elsewhere.requests == []
