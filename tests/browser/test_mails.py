"""The mails in a browser: nothing sticks out, nothing is loaded but the logo, dark is dark."""

import pytest

from tests.browser.mail_screenshots import WIDTHS, pictures, show, small
from tests.support.mails import BRAND

pytestmark = pytest.mark.browser

LONG = {
    "application": "Donaudampfschifffahrtsgesellschaft" * 3,
    "login": f"{'x' * 64}@{'y' * 60}.example",
}
VARIANTS = {
    "reset": {"name": "reset"},
    "confirm": {"name": "reset", "password_given": True},
    "support": {"name": "reset", "asked_by_support": True},
    "changed": {"name": "changed"},
    "right-to-left": {"name": "reset", "language": "ar"},
    "long": {"name": "reset", **LONG},
    "long-changed": {"name": "changed", **LONG},
}
LOGO = "https://login.example.com/static/acme/logo.png"


@pytest.fixture
def open_mail(chromium, monkeypatch):
    # Playwright runs in a loop of its own, in which Django fears for its database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    pages = []

    def open_mail(**options):
        pages.append(show(chromium, **options))
        return pages[-1]

    yield open_mail
    for page in pages:
        page.context.close()


@pytest.mark.parametrize("width", [*WIDTHS, "narrowest"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_sticks_out(open_mail, monkeypatch, variant, width):
    monkeypatch.setitem(WIDTHS, "narrowest", 320)
    page = open_mail(sample=VARIANTS[variant] | {"brand": BRAND}, width=width, scheme="light")
    inside = page.evaluate("""() => {
        const card = document.querySelector(".card").getBoundingClientRect();
        return [...document.querySelectorAll(".card *")].filter(element => {
            const box = element.getBoundingClientRect();
            return box.left < card.left - 0.5 || box.right > card.right + 0.5;
        }).map(element => element.outerHTML.slice(0, 80));
    }""")
    assert inside == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "lightest"), [("light", 255), ("dark", 60)])
def test_page_and_card_follow_the_colour_scheme(open_mail, scheme, lightest):
    page = open_mail(sample={"name": "reset", "brand": BRAND}, width="wide", scheme=scheme)
    for element in ("body", "table.page", ".card"):
        color = page.locator(element).evaluate(
            "element => getComputedStyle(element).backgroundColor"
        )
        red, green, blue = (int(part) for part in color.removeprefix("rgb(")[:-1].split(","))
        assert max(red, green, blue) <= lightest
        assert max(red, green, blue) >= lightest - 60


def test_preview_text_takes_no_room(open_mail):
    page = open_mail(sample={"name": "reset"}, width="narrow", scheme="light")
    assert page.locator(".preheader").bounding_box() is None


def test_button_is_large_enough_for_a_thumb(open_mail):
    page = open_mail(sample={"name": "reset"}, width="narrow", scheme="light")
    box = page.locator(".button a").bounding_box()
    assert box["height"] >= 44  # WCAG 2.2, 2.5.5, is beyond AA
    assert box["width"] >= 280


def test_name_is_read_where_the_logo_is_not_loaded(open_mail):
    options = {"sample": {"name": "reset", "brand": BRAND}, "width": "narrow", "scheme": "light"}
    shown = open_mail(**options).locator("img")
    assert shown.evaluate("image => image.naturalWidth") > 0
    missing = open_mail(**options, loads=False).locator("img")
    assert missing.evaluate("image => image.naturalWidth") == 0
    # Wide enough for the name, though nothing else says how wide a logo is.
    assert missing.bounding_box()["width"] > 80


@pytest.mark.parametrize("brand", [{}, BRAND], ids=["no-brand", "brand"])
@pytest.mark.parametrize("name", ["reset", "changed"])
def test_nothing_is_loaded_but_the_logo(chromium, name, brand, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    from tests.support.mails import html_of, sample

    context = chromium.new_context()
    asked = []
    context.route("**/*", lambda route: (asked.append(route.request.url), route.abort()))
    page = context.new_page()
    page.set_content(html_of(sample(name, brand=brand)))
    context.close()
    assert asked == ([LOGO] if brand else [])


def test_pictures_can_be_made(open_mail):
    shown = pictures()["reset-narrow-light"]
    picture = small(open_mail(**shown).screenshot(full_page=True))
    assert picture.startswith(b"\x89PNG")
    assert 5_000 < len(picture) < 40_000
