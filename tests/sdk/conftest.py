"""The example site over TLS, every SDK installed, and Chromium on a page of another origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import launch
from tests.sdk import callers
from tests.sdk.callers import Outcome
from tests.sdk.clients import BUNDLER, CLIENTS, Client
from tests.sdk.documentation import DOMAIN, ORIGIN
from tests.sdk.packages import install
from tests.sdk.site import Elsewhere, Site, example_site
from tests.sdk.site import elsewhere as serve_elsewhere

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package")
def sdks() -> None:
    """Every SDK in its version, installed unmodified."""
    install(
        npm=[BUNDLER, *(sdk.requirement for sdk in CLIENTS if sdk.runs_in in {"browser", "Node"})],
        pip=[sdk.requirement for sdk in CLIENTS if sdk.runs_in == "Python"],
    )


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[Elsewhere]:
    with serve_elsewhere() as site:
        yield site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, elsewhere: Elsewhere) -> Iterator[Site]:
    with example_site(tmp_path_factory.mktemp("site"), elsewhere.origin) as site:
        yield site


@pytest.fixture
def address(site: Site) -> str:
    """The address of somebody who has not asked yet."""
    return next(site.people)


@pytest.fixture(scope="package")
def chromium(site: Site) -> Iterator[Browser]:
    """A browser that trusts the site's own key, and no other without an authority."""
    from playwright.sync_api import sync_playwright

    trust = f"--ignore-certificate-errors-spki-list={site.certificates.fingerprint}"
    with sync_playwright() as playwright:
        browser = launch(playwright, trust)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def call(
    request: pytest.FixtureRequest, sdks: None, site: Site, elsewhere: Elsewhere
) -> Callable[[Client, str], Outcome]:
    """Return a function that runs a client's code against the site."""

    def call(client: Client, code: str) -> Outcome:
        code = code.replace(DOMAIN, site.domain)
        if client.runs_in == "browser":
            code = code.replace(ORIGIN, elsewhere.origin)
            return callers.in_browser(client, code, request.getfixturevalue("page"), elsewhere)
        runners = {
            "shell": callers.in_shell,
            "Node": callers.in_node,
            "Python": callers.in_python,
        }
        return runners[client.runs_in](client, code, site)

    return call
