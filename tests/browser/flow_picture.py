"""Makes the picture in the README: `python -m tests.browser.flow_picture`."""

from __future__ import annotations

import os
import tempfile
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.chromium import launch
from tests.browser.mail_screenshots import small
from tests.browser.site import running_site
from tests.browser.states import BRAND, STATES, issue_links
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURE = ROOT / "docs" / "images" / "flow.png"
LARGEST = 200_000  # bytes
ICON = ROOT / "example_project" / "static" / BRAND["logo"]
SCREEN = {"width": 390, "height": 826}

# Meets every rule, and is on its way to more.
TYPED = "Walnut-ferry-kettle"

FRAME = """<!doctype html>
<style>
body { display: inline-flex; align-items: center; gap: 24px; margin: 0; padding: 44px 36px; }
body { background: #dfe3ea; }
img { width: 390px; border-radius: 30px; box-shadow: 0 0 0 9px #fff, 0 18px 40px #1a1d2340; }
</style>
"""
ARROW = (
    '<svg width="34" height="34" viewBox="0 0 24 24" fill="none" stroke="#5a606c" stroke-width="2"'
    ' stroke-linecap="round" stroke-linejoin="round"><path d="M4 12h16M14 6l6 6-6 6"/></svg>'
)


def main() -> None:
    import django
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    with (
        tempfile.TemporaryDirectory() as directory,
        running_site(Path(directory), DJANGO_SETTINGS_MODULE="tests.browser.settings") as site,
        sync_playwright() as playwright,
    ):
        [links] = issue_links(site)
        browser = launch(playwright)
        screens = [mail(browser), *pages(browser, site.url, links)]
        PICTURE.write_bytes(framed(browser, screens))
        browser.close()


def mail(browser: Browser) -> bytes:
    """Return the mail with the link, as a phone shows it."""
    from django.utils import timezone

    from tests.support.mails import html_of, sample

    # Playwright runs in a loop of its own, in which Django fears for its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    page = browser.new_context(viewport=SCREEN, device_scale_factor=2).new_page()
    answer = {"body": ICON.read_bytes(), "content_type": "image/svg+xml"}
    page.route(f"**/{BRAND['logo']}", lambda route: route.fulfill(**answer))
    with timezone.override("UTC"):
        # When the tickets of the pages were asked for.
        asked = timezone.now() - timedelta(minutes=3)
        times = {"requested_at": asked, "expires_at": asked + timedelta(hours=1)}
        page.set_content(html_of(sample("reset", brand=BRAND, **times)))
    return page.screenshot()


def pages(browser: Browser, url: str, links: dict[str, str]) -> list[bytes]:
    """Return the page for a new password, with one typed, and the end."""
    options = {"base_url": url, "viewport": SCREEN, "device_scale_factor": 2}
    page = browser.new_context(**options, reduced_motion="reduce").new_page()
    STATES["new-password"].visit(page, links)
    page.locator("[name=new_password1]").fill(TYPED)
    page.evaluate("document.activeElement.blur()")
    chosen = page.screenshot()
    STATES["done"].visit(page, links)
    return [chosen, page.screenshot()]


def framed(browser: Browser, screens: list[bytes]) -> bytes:
    """Return the screens side by side."""
    images = [f'<img src="data:image/png;base64,{b64encode(s).decode()}">' for s in screens]
    page = browser.new_context(device_scale_factor=1.5).new_page()
    page.set_content(FRAME + ARROW.join(images))
    return small(page.locator("body").screenshot(), colors=160)


if __name__ == "__main__":
    main()
