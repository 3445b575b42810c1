"""The example site, started as `make demo` starts it, and a browser to visit it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import launch
from tests.browser.site import Site, running_site

if TYPE_CHECKING:
    # Imported where it is used: it is not there when these tests are deselected.
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site with a database and an outbox of its own, and no limits."""
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page in a fresh profile.

    Whatever a page loads must be there, and the console must stay silent. Statuses of pages
    themselves, and of the endpoint's answers, are the tests' business.
    """
    contexts: list[BrowserContext] = []
    noise: list[str] = []

    def hear_response(response: Response) -> None:
        is_asked_for = response.request.resource_type in {"document", "fetch"}
        is_meant = response.url.endswith("/busy/")
        if response.status >= (504 if is_meant else 500 if is_asked_for else 400):
            noise.append(f"{response.status} {response.url}")

    def hear_message(message: ConsoleMessage) -> None:
        # Statuses are heard above; a word on the DOM is advice to developers, hidden by default;
        # a test may focus a field before the page does.
        expected = ("Failed to load resource", "[DOM] ", "Autofocus processing was blocked")
        if not message.text.startswith(expected):
            noise.append(message.text)

    def hear_failure(request: Request) -> None:
        # Leaving a page aborts what it is still loading, such as its icon. What cannot be loaded
        # fails otherwise: refused, reset, timed out, blocked.
        if request.failure != "net::ERR_ABORTED":
            noise.append(f"{request.failure} {request.url}")

    def new_page(**options: Any) -> Page:
        context = chromium.new_context(base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("response", hear_response)
        page.on("console", hear_message)
        page.on("requestfailed", hear_failure)
        page.on("pageerror", lambda error: noise.append(str(error)))
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert noise == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()
