"""Lock's own panel for a forgotten password, on a page of another origin."""

from urllib.parse import urlsplit

import pytest

from tests.sdk.callers import bundle
from tests.sdk.clients import LOCK
from tests.sdk.documentation import CLIENT_ID, CONNECTION, DOMAIN, ORIGIN, snippet

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]

# All of these are Lock's texts; it shows none of the site's.
SUCCESS = "We've just sent you an email to reset your password."
TOO_MANY = (
    "You have reached the limit on password change attempts. Please wait before trying again."
)
OTHER_ERROR = "We're sorry, something went wrong when requesting the password change."
EMAIL_MISSING = "Email can't be blank"


def stay_on_this_machine(route):
    """Let a request pass, or fail as it does for a person who is offline."""
    if urlsplit(route.request.url).hostname in {"localhost", "127.0.0.1"}:
        route.continue_()
    else:
        route.abort()


@pytest.fixture
def open_panel(sdks, site, elsewhere, page):
    """Return a function that opens Lock's panel for a forgotten password."""

    def open_panel(connection=CONNECTION, lock=LOCK.snippet):
        settings = snippet("lock-settings").replace(CONNECTION, connection)
        elsewhere.files[f"/client/{CLIENT_ID}.js"] = settings
        code = snippet(lock).replace(DOMAIN, site.domain).replace(ORIGIN, elsewhere.origin)
        page.route("**/*", stay_on_this_machine)
        page.goto(elsewhere.origin)
        page.add_script_tag(content=bundle(LOCK, code))
        if lock == LOCK.snippet:
            page.get_by_text("Don't remember your password?").click()
        return page

    return open_panel


def ask(panel, address):
    panel.get_by_role("textbox", name="Email").fill(address)
    panel.get_by_role("button", name="Send email").click()


def see(panel, text):
    panel.get_by_text(text, exact=True).wait_for()


def test_success(open_panel, site, address):
    panel = open_panel()
    ask(panel, address)
    see(panel, SUCCESS)
    assert f"https://{site.domain}/dbconnections/reset/" in site.only_mail_to(address)


def test_lock_for_the_reset_alone(open_panel, site, address):
    panel = open_panel(lock="lock-for-the-reset")
    errors: list[str] = []
    panel.on("pageerror", lambda error: errors.append(error.message))
    ask(panel, address)
    see(panel, SUCCESS)
    # With its focus on, Lock 14 throws after that sentence, which a fast browser hides.
    assert errors == []
    assert "/dbconnections/reset/" in site.only_mail_to(address)


def test_unknown_connection(open_panel, site, address):
    panel = open_panel(connection="No-Such-One")
    ask(panel, address)
    see(panel, OTHER_ERROR)
    assert site.requests_for(address) == 0


def test_rate_limit(open_panel, site, address):
    panel = open_panel()
    site.use_up_limit(address)
    ask(panel, address)
    see(panel, TOO_MANY)
    assert site.requests_for(address) == 0


def test_no_email_that_lock_itself_refuses(open_panel):
    panel = open_panel()
    ask(panel, "")
    see(panel, EMAIL_MISSING)
