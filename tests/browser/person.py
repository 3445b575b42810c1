"""What a person does at the example site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.site import Site
from tests.support.time import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SENTENCE = "We've just sent you an email to reset your password."
ADDRESS = "jane@example.com"


def fields(**extra: str) -> dict[str, str]:
    """Return what the front end sends."""
    connection = "Username-Password-Authentication"
    return {"client_id": "demo", "email": ADDRESS, "connection": connection} | extra


def ask(page: Page, password: str | None = None) -> str:
    """Ask for a new password on the home page; return what it says then."""
    page.goto("/")
    page.locator("#reset-email").fill(ADDRESS)
    if password is not None:
        page.get_by_role("switch").check()
        page.locator("#reset-password").fill(password)
    page.get_by_role("button", name="Send me an e-mail").click()
    answer = page.locator("#answer.good, #answer.bad")
    answer.wait_for()
    return answer.inner_text()


def open_mail(page: Page, site: Site, before: int) -> None:
    """Wait for a link beyond those that were mailed before, and open its mail."""
    wait_until(lambda: site.links_mailed() > before, "No mail arrives.")
    page.goto("/outbox/")
    page.locator(".mails a", has_text="Change your password").first.click()


def link_in_mail(page: Page) -> Locator:
    """Return the button of the mail that is open."""
    return page.frame_locator("iframe").locator("a").first


def follow_link(page: Page) -> None:
    """Press the button of the mail that is open."""
    link_in_mail(page).click()
    page.wait_for_url("**/dbconnections/reset/")


def get_link(page: Page, site: Site, password: str | None = None) -> None:
    """Ask for a new password, with one sent along or not, and follow the mailed link."""
    before = site.links_mailed()
    assert ask(page, password) == SENTENCE
    open_mail(page, site, before)
    follow_link(page)


def choose(page: Page, password: str, again: str | None = None) -> None:
    """Fill in the form for a new password and press its button."""
    page.get_by_label("New password", exact=True).fill(password)
    page.get_by_label("New password, once more", exact=True).fill(
        password if again is None else again
    )
    page.get_by_role("button", name="Set this password").click()


def log_in(page: Page, password: str) -> None:
    """Log in at the home page."""
    page.goto("/")
    page.get_by_label("E-mail address or username").fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def see(page: Page, text: str, where: str = "h1") -> None:
    """Wait until the page says something, by default in its headline."""
    from playwright.sync_api import expect

    expect(page.locator(where)).to_contain_text(text)
