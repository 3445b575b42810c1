"""What pages of other origins can do to the site, and what they cannot."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.browser.person import SENTENCE, ask, choose, fields, link_in_mail, open_mail, see

pytestmark = pytest.mark.browser

ASK = """async ([address, type, fields]) => {
    try {
        const response = await fetch(address, {
            method: "POST",
            headers: { "Content-Type": type },
            body: JSON.stringify(fields),
        });
        return await response.json();
    } catch (error) {
        return error.name;
    }
}"""


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,>")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of another site on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture
def stranger(chromium, elsewhere):
    """A page of the other site."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(elsewhere)
    yield page
    context.close()


@pytest.mark.parametrize("type_", ["application/json", "text/plain"])
def test_origin_that_is_not_allowed_gets_no_answer(stranger, site, type_):
    before = site.links_mailed()
    endpoint = f"{site.url}/dbconnections/change_password"
    with stranger.expect_console_message(lambda said: "blocked by CORS policy" in said.text):
        assert stranger.evaluate(ASK, [endpoint, type_, fields()]) == "TypeError"
    assert site.links_mailed() == before


def test_origin_that_is_allowed_gets_the_answer(page, site):
    page.goto(f"http://localhost:{urlsplit(site.url).port}/")
    endpoint = f"{site.url}/dbconnections/change_password"
    assert page.evaluate(ASK, [endpoint, "application/json", fields()]) == SENTENCE


def test_page_cannot_be_framed(stranger, site):
    with stranger.expect_console_message(lambda said: "frame-ancestors 'none'" in said.text):
        stranger.evaluate(
            """address => {
                const frame = document.createElement("iframe");
                frame.src = address;
                document.body.append(frame);
            }""",
            f"{site.url}/dbconnections/reset/",
        )


def test_link_followed_from_another_site_works(page, site, elsewhere):
    """As it is from webmail: cookies set on the way must reach the page and its form."""
    before = site.links_mailed()
    ask(page)
    open_mail(page, site, before)
    link = link_in_mail(page).get_attribute("href")
    page.context.clear_cookies()
    page.goto(elsewhere)
    page.evaluate("link => document.body.innerHTML = `<a href='${link}'>Open</a>`", link)
    page.get_by_text("Open").click()
    page.wait_for_url("**/dbconnections/reset/")
    choose(page, "walnut-ferry-41")
    see(page, "Your new password is set")
