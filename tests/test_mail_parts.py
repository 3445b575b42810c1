"""The mails read as people and their programs read them: facts, links, colours, validity, wire."""

import email
import email.policy
import re
import unicodedata
from datetime import timedelta

import justhtml
import pytest
from django.utils import timezone, translation

from dbconnections import mail
from dbconnections.branding import brand_of, colors
from dbconnections.models import Client
from dbconnections.templatetags.dbconnections_dates import date_and_time
from dbconnections.templatetags.dbconnections_mail import wrapped
from tests.pages.html import Element, Page
from tests.support.mails import (
    BRAND,
    CHANGED_AT,
    REQUESTED_AT,
    ask_url,
    html_of,
    sample,
    url,
)

LONG = "Łódź " * 20
HOSTILE = """</title><b>&amp;"'</b><img src=//evil.example/x>{{ url }}{% now "Y" %} https://evil.example"""

NAMES = {
    "short": {},
    "long": {"application": LONG.strip(), "login": f"{'x' * 64}@{'y' * 60}.example"},
    "hostile": {"application": HOSTILE, "login": HOSTILE, "user_agent": HOSTILE},
}
VARIANTS = {
    "reset": ("reset", {}),
    "given": ("reset", {"password_given": True}),
    "support": ("reset", {"asked_by_support": True}),
    "changed": ("changed", {}),
    "changed-may-not-ask": ("changed", {"may_ask": False}),
}
BRANDS = {
    "no-brand": {},
    **{name: {name: value} for name, value in BRAND.items()},
    "whole-brand": BRAND,
}


@pytest.fixture(params=["en", "de", "ar"])
def language(request) -> str:
    return request.param


@pytest.fixture(params=VARIANTS)
def variant(request) -> str:
    return request.param


@pytest.fixture(params=NAMES)
def names(request) -> dict[str, str]:
    return NAMES[request.param]


@pytest.fixture
def write(variant, language):
    """Return a function that writes the mail of this variant in this language."""
    name, options = VARIANTS[variant]
    return lambda **more: sample(name, language=language, **(options | more))


def words(text: str) -> str:
    return " ".join(text.split())


def read(message) -> Page:
    return Page(html_of(message))


def hrefs(page: Page) -> list[str]:
    return [link["href"] for link in page.all("a")]


def sources(html: str) -> list[str]:
    """Return what a mail program would load to show a mail, from attributes and from styles."""
    page = Page(html)
    loaded = [
        value
        for element in page.elements
        for name, value in element.attributes.items()
        if name in {"src", "srcset", "background", "poster", "data", "action", "ping"}
    ]
    styles = " ".join(
        [element.attributes.get("style") or "" for element in page.elements]
        + [style.text for style in page.all("style")]
    )
    return [*loaded, *re.findall(r"url\([^)]*\)|@import[^;]*", styles)]


# Facts


def shown(moment, language: str) -> str:
    with translation.override(language):
        local = timezone.localtime(moment)
        return f"{date_and_time(local)} {local:%Z}"


@pytest.mark.parametrize("brand", [{}, BRAND], ids=["no-brand", "whole-brand"])
def test_both_parts_say_what_happened_to_whom_and_when(write, variant, language, names, brand):
    message = write(brand=brand, **names)
    application, login = names.get("application", "Acme Notes"), names.get("login", "jane@")
    told = [words(application), words(login)]
    if variant.startswith("changed"):
        told.append(shown(CHANGED_AT, language))
    else:
        told += [shown(REQUESTED_AT, language), shown(REQUESTED_AT + timedelta(hours=1), language)]
    if "support" in variant or variant.startswith("changed") or "user_agent" in names:
        device = []
    else:
        device = ["Chrome", "Android"]
    for text in (message.body, read(message).text):
        # However the text is wrapped.
        solid = text.replace("\n", " ")
        assert [fact for fact in (*told, *device) if fact not in words(solid)] == []
        assert "Chrome" not in text or device


def test_html_says_what_the_text_says(write):
    """A text part that says something else is a mark of spam, and of neglect."""
    # The terms are a word with a link in the one, and an address in the other.
    message = write(brand=BRAND | {"terms_url": ""})
    html = read(message).text
    paragraphs = message.body.strip().split("\n\n")
    said = [
        words(line)
        for paragraph, following in zip(paragraphs, [*paragraphs[1:], ""], strict=True)
        # What leads to an address has a button in its place.
        if not following.startswith("https://")
        for line in lines_of(paragraph)
    ]
    assert len(said) > 5
    assert [line for line in said if line not in html] == []


def lines_of(paragraph: str) -> list[str]:
    """Return a list's lines, or a running text whole."""
    lines = paragraph.splitlines()
    is_list = ":" in lines[0] or lines[-1].startswith("https://")
    return lines if is_list else [paragraph]


@pytest.mark.parametrize(
    ("lifetime", "told"),
    [
        (timedelta(seconds=20), "lasts one minute, until"),
        (timedelta(minutes=30), "lasts 30 minutes, until"),
        (timedelta(hours=1), "lasts one hour, until"),
        (timedelta(minutes=90), "lasts 90 minutes, until"),
        (timedelta(hours=24), "lasts 24 hours, until"),
        (timedelta(hours=24, minutes=59), "lasts 24 hours, until"),
        (timedelta(days=2), "lasts 2 days, until"),
        (timedelta(days=5) - timedelta(microseconds=1), "lasts 5 days, until"),
    ],
)
def test_lifetime_is_told_in_words(lifetime, told):
    message = sample("reset", lifetime=lifetime)
    for text in (message.body, read(message).text):
        assert told in words(text)


def test_one_day_has_words_of_its_own():
    """Nothing is told as one day, but every language needs the form."""
    assert mail.lifetime(timedelta(days=1)) == {
        "lasts_days": 0,
        "lasts_hours": 24,
        "lasts_minutes": 0,
    }


# Links


def expected_links(variant: str, brand: dict[str, str]) -> list[str]:
    links = {
        "changed": [ask_url()],
        "changed-may-not-ask": [],
    }.get(variant, [url(), f"{url()}#decline"])
    if "support_email" in brand:
        links = [*links, f"mailto:{brand['support_email']}"]
    return [*links, *(brand[name] for name in ("support_url", "terms_url") if name in brand)]


def test_no_link_but_those_it_is_for(write, variant, names):
    for brand in BRANDS.values():
        message = write(brand=brand, **names)
        assert hrefs(read(message)) == expected_links(variant, brand)
        logo = ["https://login.example.com/static/acme/logo.png"] if "logo" in brand else []
        assert sources(html_of(message)) == logo


def test_link_can_be_copied_from_both_parts(write, variant, names):
    message = write(brand=BRAND, **names)
    address = {"changed": ask_url(), "changed-may-not-ask": ""}.get(variant, url())
    if not address:
        assert "/form" not in message.body + html_of(message)
        return
    page = read(message)
    assert page.one("p", class_="url").text == address
    assert page.one("p", class_="url")["dir"] == "ltr"
    assert page.text.count(address) == 1
    assert message.body.split("\n").count(address) == 1
    assert message.body.count(address) == 1


def test_url_of_a_link_is_in_no_other_place(variant, write):
    """Not in the preview, the title or the subject, which lock screens and logs show."""
    message = write()
    page = read(message)
    assert "/reset/" not in page.one("div", class_="preheader").text
    assert "/reset/" not in page.one("title").text
    assert "/reset/" not in message.subject


# Form


def test_html_is_valid(write, names, monkeypatch):
    """As it is written too: the inliner mends what is not."""
    for brand in BRANDS.values():
        justhtml.JustHTML(html_of(write(brand=brand, **names)), strict=True, sanitize=False)
    monkeypatch.setattr(mail, "inlined", lambda html: html)
    for brand in BRANDS.values():
        justhtml.JustHTML(html_of(write(brand=brand, **names)), strict=True, sanitize=False)


def test_names_make_no_element(write):
    harmless = read(write(brand=BRAND))
    page = read(write(brand=BRAND, **NAMES["hostile"]))
    without_device = read(write(brand=BRAND, user_agent=""))
    assert page.shape == without_device.shape
    assert hrefs(page) == hrefs(harmless)
    assert page.one("img")["alt"] == HOSTILE


def test_language_and_direction_outlive_webmail_that_drops_the_body(write, language):
    page = read(write())
    direction = "rtl" if language == "ar" else "ltr"
    for element in (page.one("html"), page.one("table", class_="page")):
        assert element["lang"] == language
        assert element["dir"] == direction
    alignment = "right" if language == "ar" else "left"
    assert style_of(page.one("td", class_="inside"))["text-align"] == alignment


def test_preview_beside_the_subject_is_useful_and_hidden_inside(write):
    page = read(write())
    preheader = page.one("div", class_="preheader")
    assert page.text.startswith(words(preheader.text))
    assert 40 < len(words(preheader.text)) < 140
    assert style_of(preheader)["display"] == "none"
    assert style_of(preheader)["mso-hide"] == "all"


def test_every_element_has_its_style_without_the_style_sheet(write):
    """Nothing but rules for the width and the colour scheme stays in the head."""
    page = read(write(brand=BRAND))
    [style] = page.all("style")
    outside = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", style.text)
    assert outside.strip() == ""
    assert "@media (prefers-color-scheme: dark)" in style.text
    for element in page.elements:
        if element.tag in {"h1", "h2", "p", "a", "td", "img", "body"}:
            is_plain = element.tag == "td" and not element.attributes.get("class")
            assert element.attributes.get("style") or is_plain, element


def test_button_is_large_in_every_program(variant, write):
    page = read(write())
    buttons = page.all("table", class_="button")
    assert len(buttons) == (variant != "changed-may-not-ask")
    for button in buttons:
        [cell] = [element for element in button.inside if element.tag == "td"]
        [link] = [element for element in button.inside if element.tag == "a"]
        # Outlook for Windows ignores the padding of a link, all others ignore mso-padding-alt.
        assert style_of(cell)["mso-padding-alt"] == style_of(link)["padding"] == "13px 22px"
        assert cell["bgcolor"] == style_of(link)["background-color"]


def test_without_pictures_the_name_stands_in_place_of_the_logo(write, names):
    application = names.get("application", "Acme Notes")
    page = read(write(brand=BRAND, **names))
    assert page.one("img")["alt"] == application
    assert words(application) in page.text


def test_without_a_logo_the_name_stands_there(write):
    page = read(write())
    assert page.all("img") == []
    assert words(page.one("p", class_="brand").text) == "Acme Notes"


# Colours


def declarations(style: str) -> dict[str, str]:
    pairs = (declaration.split(":", 1) for declaration in style.split(";") if declaration.strip())
    return {name.strip(): value.strip() for name, value in pairs}


def style_of(element: Element) -> dict[str, str]:
    return declarations(element.attributes.get("style") or "")


def ratio(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2.2's own definition."""

    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def as_in_the_dark(html: str) -> str:
    """Return a mail with the rules for dark screens as rules of their own, inlined."""
    [rules] = re.findall(
        r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]*\{[^{}]*\})*)\s*\}", html
    )
    dark = re.sub(r"<style>.*?</style>", lambda _: f"<style>{rules}</style>", html, flags=re.DOTALL)
    return mail.inlined(dark)


def contrasts(html: str) -> list[tuple[float, str]]:
    """Return the contrast of each text with what lies behind it."""
    found = []

    def look(node, color: str, behind: str) -> None:
        style = declarations((node.attrs or {}).get("style") or "")
        if style.get("display") == "none":
            return
        color = style.get("color", color).removesuffix("!important").strip()
        behind = style.get("background-color", behind).removesuffix("!important").strip()
        for child in node.children or ():
            if child.name != "#text":
                look(child, color, behind)
            elif child.data.strip():
                found.append((ratio(color, behind), words(child.data)))

    [body] = justhtml.JustHTML(html, sanitize=False).query("body")
    look(body, "#000000", "#ffffff")
    return found


@pytest.mark.parametrize("color", ["", "#ffff00", "#000000", "#ffffff", "#3d63dd", "#e11d48"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_every_brand_colour(variant, color, scheme):
    name, options = VARIANTS[variant]
    html = html_of(sample(name, brand=BRAND | {"primary_color": color}, **options))
    found = contrasts(as_in_the_dark(html) if scheme == "dark" else html)
    assert len(found) > 5
    assert [(value, text) for value, text in found if value < 4.5] == []


def test_brand_colour_is_that_of_the_button():
    brand = brand_of(Client(name="Acme", primary_color="#0a7d55"))
    page = read(sample("reset", brand=BRAND))
    button = style_of(page.all("a")[0])
    assert (button["background-color"], button["color"]) == (brand.accent, brand.on_accent)
    assert colors("#0a7d55")["accent_dark"] in page.one("style").text


# On the wire


def test_mail_is_as_it_should_be_on_the_wire(write, names):
    message = write(brand=BRAND, **names)
    raw = message.message().as_bytes()
    assert max(map(len, raw.splitlines())) <= 998  # RFC 5322, 2.1.1
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert [part.defects for part in parsed.walk()] == [[]] * 3
    assert [header.defects for header in parsed.values()] == [()] * len(parsed)
    text, html = parsed.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    for part, written in ((text, message.body), (html, html_of(message))):
        assert part.get_content_charset() == "utf-8"
        assert part["Content-Transfer-Encoding"] in {"7bit", "8bit", "quoted-printable", "base64"}
        assert part.get_content().rstrip("\n") == written.rstrip("\n")
    # Python below 3.12.5 may lose a space where it folds a long one (CPython, gh-92081).
    assert "".join(parsed["Subject"].split()) == "".join(message.subject.split())
    assert parsed["Subject"] != parsed["Subject"].upper()
    assert parsed["Date"].datetime


def test_text_is_pleasant_to_read(write, language):
    body = write(brand=BRAND).body
    lines = body.split("\n")
    assert [line for line in lines if len(line) > 72 and not line.startswith("https://")] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\n\n\n" not in body
    assert body == body.lstrip()


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("language", ["ja", "zh-hans"])
def test_text_without_spaces_is_wrapped_too(write):
    lines = write(brand=BRAND).body.split("\n")
    assert [line for line in lines if columns(line) > 72 and "https://" not in line] == []
    assert [line for line in lines if line and unicodedata.category(line[0]) in {"Pe", "Po"}] == []
    # Nor is one broken early, at the one space there is.
    assert "Acme" not in lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("short\n\nlines stay ", "short\n\nlines stay "),
        ("word " * 15, "word " * 13 + "word\nword"),
        ("あ" * 40, "あ" * 36 + "\n" + "あ" * 4),
        # What must not begin or end a line takes its neighbour along.
        ("あ" * 36 + "。" + "い", "あ" * 35 + "\nあ。い"),
        ("あ" * 35 + "「い」", "あ" * 35 + "\n「い」"),
        ("あ" * 30 + "jane@example.com" + "い", "あ" * 30 + "\njane@example.comい"),
        ("あ" * 35 + " Acme Notes", "あ" * 35 + "\nAcme Notes"),
        # An address or a name is never divided.
        ("x" * 100, "x" * 100),
        ("see " + "x" * 100 + " there", "see\n" + "x" * 100 + "\nthere"),
    ],
)
def test_lines_are_wrapped_at_72_columns(text, expected):
    assert wrapped(text) == expected
