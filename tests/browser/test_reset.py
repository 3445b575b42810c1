"""A person with a forgotten password."""

import json
from urllib.request import Request, urlopen

import pytest

from tests.browser.person import (
    ADDRESS,
    SENTENCE,
    ask,
    choose,
    fields,
    follow_link,
    get_link,
    link_in_mail,
    log_in,
    open_mail,
    see,
)

pytestmark = pytest.mark.browser

DONE = "Your new password is set"
USED = "This link has already been used"


def test_from_forgotten_to_logged_in(page, site):
    before = site.links_mailed()
    assert ask(page) == SENTENCE
    open_mail(page, site, before)
    follow_link(page)
    assert page.url == f"{site.url}/dbconnections/reset/"
    see(page, "Set a new password")
    choose(page, "walnut-ferry-21")
    see(page, DONE)

    page.get_by_role("link", name="Continue to Acme Notes").click()
    page.wait_for_url(f"{site.url}/?success=true&message=**")
    see(page, "Your password has been changed.", "main")
    log_in(page, "walnut-ferry-21")
    see(page, "Hello Jane")


def test_password_sent_along_by_lock_8_is_confirmed(page, site):
    get_link(page, site, password="walnut-ferry-22")
    see(page, "Confirm your new password")
    assert not page.locator("input[type=password]").count()
    page.get_by_role("button", name="Set this password").click()
    see(page, DONE)
    log_in(page, "walnut-ferry-22")
    see(page, "Hello Jane")


def test_weak_password_sent_along_is_told_at_once(page, site):
    before = site.links_mailed()
    assert "too weak" in ask(page, password="12345")
    assert site.links_mailed() == before


def test_password_sent_along_by_lock_9_is_refused(page, site):
    page.goto("/")
    status, body = page.evaluate(
        """async (fields) => {
            const response = await fetch("/dbconnections/change_password", {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify(fields),
            });
            return [response.status, await response.json()];
        }""",
        fields(password="walnut-ferry-23"),
    )
    assert status == 400
    assert body["error"] == body["code"] == "password is not allowed"


@pytest.mark.parametrize("password", [None, "walnut-ferry-24"], ids=["new", "sent along"])
def test_i_did_not_ask_for_this(page, new_page, site, password):
    get_link(page, site, password)
    page.get_by_role("button", name="I did not ask for this").click()
    see(page, "The link no longer works")
    see(page, "Your password has not been changed", "main")
    page.goto("/dbconnections/reset/")
    see(page, "This link was cancelled")
    attacker = new_page()
    log_in(attacker, "walnut-ferry-24")
    see(attacker, "Please enter a correct", ".errorlist")


@pytest.mark.parametrize("password", [None, "walnut-ferry-25"], ids=["new", "sent along"])
def test_without_javascript(new_page, site, password):
    before = site.links_mailed()
    body = fields() if password is None else fields(client_id="demo-lock8", password=password)
    request = Request(  # noqa: S310 (our own site)
        f"{site.url}/dbconnections/change_password",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request) as response:  # noqa: S310
        assert json.load(response) == SENTENCE

    page = new_page(java_script_enabled=False)
    open_mail(page, site, before)
    follow_link(page)
    if password is None:
        choose(page, "walnut-ferry-26", "different")
        see(page, "The two passwords are not the same.", "main")
        choose(page, "walnut-ferry-26")
    else:
        page.get_by_role("button", name="Set this password").click()
    see(page, DONE)
    log_in(page, password or "walnut-ferry-26")
    see(page, "Hello Jane")


def test_keyboard_alone(page, site):
    get_link(page, site)
    press, type_ = page.keyboard.press, page.keyboard.type

    def focused(what):
        return page.evaluate(f"document.activeElement.{what}")

    press("Tab")
    assert focused("name") == "new_password1"
    type_("walnut-ferry-27")
    press("Tab")
    assert focused("textContent") == "Show"
    press("Space")
    assert page.locator("[name=new_password1]").get_attribute("type") == "text"
    assert focused("textContent") == "Hide"
    press("Tab")
    assert focused("name") == "new_password2"
    type_("walnut-fairy-27")
    press("Enter")

    page.locator("#error-summary").wait_for()
    assert focused("id") == "error-summary"
    press("Tab")
    assert focused("textContent") == "The two passwords are not the same."
    press("Enter")
    assert focused("name") == "new_password2"
    assert focused("value") == ""
    press("Shift+Tab")
    press("Shift+Tab")
    assert focused("name") == "new_password1"
    type_("walnut-ferry-27")
    press("Tab")
    press("Tab")
    type_("walnut-ferry-27")
    press("Tab")
    press("Tab")
    assert focused("textContent") == "Set this password"
    press("Enter")

    page.wait_for_url("**/done/")
    press("Tab")
    assert focused("textContent").strip() == "Continue to Acme Notes"
    press("Enter")
    page.wait_for_url("**/?success=true**")
    log_in(page, "walnut-ferry-27")
    see(page, "Hello Jane")


def test_shown_password_is_hidden_again_when_sent(page, site):
    get_link(page, site)
    page.get_by_role("button", name="Show or hide: New password", exact=True).click()
    assert page.locator("[name=new_password1]").get_attribute("type") == "text"
    page.evaluate("document.forms[0].addEventListener('submit', event => event.preventDefault())")
    choose(page, "walnut-ferry-28")
    assert page.locator("[name=new_password1]").get_attribute("type") == "password"


def test_back_after_success_shows_that_the_link_was_used(page, site):
    get_link(page, site)
    choose(page, "walnut-ferry-29")
    see(page, DONE)
    page.go_back()
    see(page, USED)
    assert not page.locator("input").count()


def test_pressing_twice_sets_one_password(page, new_page, site):
    get_link(page, site)
    page.get_by_label("New password", exact=True).fill("walnut-ferry-30")
    page.get_by_label("New password, once more", exact=True).fill("walnut-ferry-30")
    page.get_by_role("button", name="Set this password").dblclick()
    page.get_by_role("heading", name=DONE).or_(page.get_by_role("heading", name=USED)).wait_for()
    afterwards = new_page()
    log_in(afterwards, "walnut-ferry-30")
    see(afterwards, "Hello Jane")


def test_scanner_that_runs_scripts_and_presses_the_main_button_burns_nothing(page, new_page, site):
    before = site.links_mailed()
    ask(page)
    open_mail(page, site, before)
    link = link_in_mail(page).get_attribute("href")
    scanner = new_page()
    scanner.goto(link)
    scanner.wait_for_load_state("networkidle")
    scanner.get_by_role("button", name="Set this password").click()
    scanner.wait_for_load_state("networkidle")
    see(scanner, "Set a new password")

    follow_link(page)
    choose(page, "walnut-ferry-31")
    see(page, DONE)


def test_link_is_in_no_log(page, site):
    before = site.links_mailed()
    ask(page)
    open_mail(page, site, before)
    link = link_in_mail(page).get_attribute("href")
    follow_link(page)
    log = site.log.read_text()
    assert "GET /dbconnections/reset/[token]" in log
    assert link.rpartition("/")[2] not in log
    assert ADDRESS not in log


def test_dead_ends_are_styled(page, site):
    get_link(page, site)
    page.get_by_role("button", name="I did not ask for this").click()
    see(page, "The link no longer works")
    for address, headline in (
        ("/dbconnections/reset/", "This link was cancelled"),
        ("/dbconnections/reset/unknown", "This link does not work"),
    ):
        page.goto(address)
        see(page, headline)
        assert page.locator("main").evaluate("e => getComputedStyle(e).display") == "grid"
