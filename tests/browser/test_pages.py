"""Every page in every state: who can use it, what it weighs, and whom it asks."""

from urllib.parse import urlsplit

import pytest

from tests.browser.axe import source, violations
from tests.browser.site import running_site
from tests.browser.states import NEW_PASSWORD, STATES, choose, issue_links

pytestmark = pytest.mark.browser

# One visit each: a state may use its ticket up.
VISITS = ["scripts", "no scripts", "hebrew", "keyboard"]

PHONE = {"width": 320, "height": 640}

every_state = pytest.mark.parametrize("name", STATES)

# What moved, from the first paint on.
WATCH = """
window.shifts = [];
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""

LOADED = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const files = performance.getEntriesByType("resource").map(entry => [
        new URL(entry.name).pathname.split("/").pop(),
        entry.initiatorType,
        entry.renderBlockingStatus,
        entry.transferSize,
    ]);
    return { page: page.transferSize, redirects: page.redirectCount, files, shifts: window.shifts };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    with running_site(directory, DJANGO_SETTINGS_MODULE="tests.browser.settings") as site:
        yield site


@pytest.fixture(scope="module")
def links(site):
    """The links to each state's ticket, by visit."""
    return dict(zip(VISITS, issue_links(site, len(VISITS)), strict=True))


@pytest.fixture(scope="module")
def axe():
    return source()


def width(page):
    return page.evaluate("document.documentElement.scrollWidth")


def hear_origins(page):
    """Return a set that fills with the origins of all that the page asks for."""
    origins = set()
    page.on(
        "request",
        lambda request: origins.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url))),
    )
    return origins


def check_words(page, state):
    """Check what every state says in its headline, its title and its languages."""
    headline = page.locator("h1").inner_text()
    assert headline == state.headline
    error = "Error: " if state.is_error else ""
    assert page.title().startswith(f"{error}{headline}")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == page.locator("main").count() == 1


@every_state
def test_state(new_page, site, links, axe, name):
    state = STATES[name]
    page = new_page(viewport=PHONE)
    origins = hear_origins(page)
    page.add_init_script(WATCH)
    statuses = []
    page.on("response", lambda response: statuses.append((response.url, response.status)))
    state.visit(page, links["scripts"])
    page.wait_for_load_state("networkidle")
    check_words(page, state)
    assert dict(statuses)[page.url] == state.status
    assert origins == {site.url}
    assert page.evaluate("document.activeElement.id") == ("error-summary" if state.is_error else "")

    loaded = page.evaluate(LOADED)
    assert loaded["shifts"] == []
    # A link leads to the address without it, and nothing else to anywhere.
    assert loaded["redirects"] <= 1
    # With its style it fits into what a server sends before it hears back (RFC 6928).
    assert loaded["page"] < 14_600
    # With its scripts, of which nothing is compressed here, and the logo.
    assert loaded["page"] + sum(size for *_names, size in loaded["files"]) < 20_000
    scripts = [file for file, type_, blocks, _size in loaded["files"] if type_ == "script"]
    assert {*scripts} <= {"pages.js", "rules.js"}
    # The style is in the page: nothing else is waited for before it is painted.
    assert not [file for file, type_, *_rest in loaded["files"] if type_ in ("link", "css")]
    assert {blocks for _file, _type, blocks, _size in loaded["files"]} <= {"non-blocking"}

    assert width(page) == PHONE["width"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page, axe) == []

    page.emulate_media(color_scheme="light", forced_colors="active")
    for button in page.locator(".button, .toggle, .icon").all():
        edge = button.evaluate(
            "e => getComputedStyle(e).borderTopWidth + getComputedStyle(e).width"
        )
        assert not edge.startswith("0") or "icon-warning" in button.get_attribute("class")


@every_state
def test_state_without_scripts(new_page, site, links, name):
    page = new_page(viewport=PHONE, java_script_enabled=False)
    origins = hear_origins(page)
    STATES[name].visit(page, links["no scripts"])
    check_words(page, STATES[name])
    assert origins == {site.url}
    assert page.locator(".toggle").count() == 0


@every_state
def test_state_from_right_to_left(new_page, links, axe, name):
    page = new_page(viewport=PHONE, locale="he")
    state = STATES[name]
    state.visit(page, links["hebrew"])
    page.locator("h1").wait_for()
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert page.locator("html").get_attribute("lang") == "he"
    edges = """e => {
        const { left, right } = e.getBoundingClientRect();
        return [left, innerWidth - right];
    }"""
    left, right = page.locator("main").evaluate(edges)
    assert left == right
    if page.locator(".brand").count():
        left, right = page.locator(".brand bdi").evaluate(edges)
        assert right < left
    if page.locator(".icon:not(.icon-warning)").count():
        left, right = page.locator(".icon:not(.icon-warning)").evaluate(edges)
        assert right < left
    assert width(page) == PHONE["width"]
    assert violations(page, axe) == []


# Whether any word of an element is divided, whose parts then stand in different lines.
DIVIDED = """element => {
    const range = document.createRange();
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const divided = [];
    while (walker.nextNode()) {
        for (const { index, 0: word } of walker.currentNode.data.matchAll(/\\S+/g)) {
            range.setStart(walker.currentNode, index);
            range.setEnd(walker.currentNode, index + word.length);
            const lines = new Set([...range.getClientRects()].map(box => box.top));
            if (lines.size > 1) divided.push(word);
        }
    }
    return divided;
}"""


@pytest.mark.parametrize("locale", ["en", "de", "fr"])
@pytest.mark.parametrize("name", ["new-password-errors", "confirm", "used", "asked"])
def test_text_of_twice_the_size_fits(new_page, links, name, locale):
    page = new_page(viewport=PHONE, locale=locale)
    page.goto("about:blank")
    STATES[name].visit(page, links["keyboard"])
    page.evaluate("document.styleSheets[0].insertRule('html { font-size: 200% !important }', 0)")
    assert page.locator("p").first.evaluate("e => getComputedStyle(e).fontSize") == "32px"
    assert width(page) == PHONE["width"]
    # Nor is anything squeezed into a column of single letters.
    texts = "all => Math.min(...all.map(e => e.getBoundingClientRect().width))"
    assert (
        page.locator("h1, p, strong, .button, input:not([type=hidden])").evaluate_all(texts) > 180
    )
    for text in page.locator("h1, .button").all():
        assert text.evaluate(DIVIDED) == []
    size = page.locator("h1").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert size > 32


def test_nothing_moves_where_motion_is_not_wanted(new_page, links):
    page = new_page(reduced_motion="reduce")
    STATES["new-password"].visit(page, links["keyboard"])
    durations = "all => all.map(e => getComputedStyle(e).transitionDuration)"
    assert {*page.locator("button, input, .bar").evaluate_all(durations)} == {"0s"}


CONTROLS = """() => {
    window.controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden])")];
    return window.controls.filter(control => control.checkVisibility()).length;
}"""
FOCUSED = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const outline = outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
    return [window.controls.indexOf(document.activeElement), outline];
}"""


@every_state
def test_keyboard_reaches_every_control_in_order(new_page, links, name):
    page = new_page()
    STATES[name].visit(page, links["keyboard"])
    page.wait_for_load_state("networkidle")
    reached = []
    for _ in range(page.evaluate(CONTROLS)):
        page.keyboard.press("Tab")
        control, outline = page.evaluate(FOCUSED)
        assert outline >= 2
        reached.append(control)
    assert reached == [*range(len(reached))]


def test_keyboard_reaches_everything_and_shows_where_it_is(new_page, links):
    page = new_page()
    STATES["new-password"].visit(page, links["keyboard"])
    names = []
    while True:
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if not focused.count():
            break
        assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        names.append(focused.evaluate("e => e.name || e.textContent"))
    assert names == [
        "new_password1",
        "Show",
        "new_password2",
        "Show",
        "action",
        "action",
        "help@example.com",
        "Help and support",
        "Terms and privacy",
    ]


def test_error_leads_to_its_field(new_page, links):
    page = new_page()
    STATES["new-password"].visit(page, links["keyboard"])
    choose(NEW_PASSWORD, "walnut")(page)
    page.locator("#error-summary:focus").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "new_password2"
    field = page.locator("[name=new_password2]")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby")
    assert "not the same" in page.locator(f"#{described}").inner_text()


def test_forms_name_their_fields_for_password_managers(new_page, links):
    page = new_page()
    STATES["new-password"].visit(page, links["keyboard"])
    purposes = "all => all.map(e => e.autocomplete)"
    assert page.locator("input[type=password]").evaluate_all(purposes) == ["new-password"] * 2
    STATES["ask"].visit(page, links["keyboard"])
    assert page.locator("input[type=email]").evaluate_all(purposes) == ["email"]


def test_time_is_in_the_page_for_machines_too(new_page, links):
    page = new_page(locale="de")
    STATES["new-password"].visit(page, links["keyboard"])
    time = page.locator("time")
    assert time.get_attribute("datetime").startswith("20")
    assert time.get_attribute("datetime").endswith("+00:00")
    assert "UTC" in time.inner_text()


def test_page_prints_what_happened_and_no_buttons(new_page, links):
    page = new_page()
    STATES["used"].visit(page, links["keyboard"])
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    assert page.locator("time").is_visible()
    assert not page.locator(".button").first.is_visible()
