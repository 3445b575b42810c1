"""Whom pages and mails are from."""

import json
import re
from itertools import product

import pytest
from django.template.loader import get_template

from dbconnections.branding import DARKEST_LIGHT, FIELDS, LIGHTEST_DARK, Brand, brand_of, colors
from dbconnections.contrast import TEXT, contrast, luminance
from dbconnections.models import Client, Connection

ICON = "example_project/icon.svg"
HOSTS = ["cdn.example.com", "static.example.com"]

OF_CLIENT = {
    "logo": "https://cdn.example.com/client.png",
    "primary_color": "#aa0000",
    "support_email": "client@example.com",
    "support_url": "https://client.example.com/help",
    "terms_url": "https://client.example.com/terms",
}
OF_CONNECTION = {
    "logo": "https://static.example.com/connection.png",
    "primary_color": "#00aa00",
    "support_email": "connection@example.com",
    "support_url": "https://connection.example.com/help",
    "terms_url": "https://connection.example.com/terms",
}
OF_SITE = {
    "logo": ICON,
    "primary_color": "#0000aa",
    "support_email": "site@example.com",
    "support_url": "https://example.com/help",
    "terms_url": "https://example.com/terms",
    "name": "Acme",
}


@pytest.fixture
def configure(settings):
    """Return a function that brands the site."""

    def configure(**branding):
        ours = {"BRANDING": branding, "LOGO_HOSTS": HOSTS}
        settings.DBCONNECTIONS = settings.DBCONNECTIONS | ours

    configure(**OF_SITE)
    return configure


def said_by(brand: Brand) -> dict[str, str]:
    """Return what a brand says, by the names of the fields it is made of."""
    return {
        "logo": brand.logo_url,
        "support_email": brand.support_email,
        "support_url": brand.support_url,
        "terms_url": brand.terms_url,
    }


def looks_of(source: dict[str, str]) -> dict[str, str]:
    said = {name: source[name] for name in FIELDS if name != "primary_color"}
    return said | ({"logo": f"/static/{ICON}"} if source["logo"] == ICON else {})


def test_client_comes_first(configure):
    brand = brand_of(Client(name="Notes", **OF_CLIENT), Connection(**OF_CONNECTION))
    assert brand.name == "Notes"
    assert said_by(brand) == looks_of(OF_CLIENT)
    assert brand.accent == colors("#aa0000")["accent"]


def test_connection_fills_what_the_client_leaves_empty(configure):
    brand = brand_of(Client(name="Notes"), Connection(name="Users", **OF_CONNECTION))
    assert brand.name == "Notes"
    assert said_by(brand) == looks_of(OF_CONNECTION)
    assert brand.accent == colors("#00aa00")["accent"]


def test_site_fills_the_rest(configure):
    brand = brand_of(Client(name="Notes"), Connection(name="Users"))
    assert brand.name == "Notes"
    assert said_by(brand) == looks_of(OF_SITE)
    assert brand.accent == colors("#0000aa")["accent"]


def test_site_is_what_a_page_without_a_client_is_from(configure):
    brand = brand_of()
    assert brand.name == "Acme"
    assert said_by(brand) == looks_of(OF_SITE)


def test_each_field_falls_back_by_itself(configure):
    client = Client(name="Notes", terms_url=OF_CLIENT["terms_url"])
    connection = Connection(primary_color=OF_CONNECTION["primary_color"])
    brand = brand_of(client, connection)
    assert brand.terms_url == OF_CLIENT["terms_url"]
    assert brand.accent == colors(OF_CONNECTION["primary_color"])["accent"]
    assert brand.logo_url == f"/static/{ICON}"


@pytest.mark.parametrize("field", ["support_email", "support_url"])
def test_support_is_taken_from_one_place(configure, field):
    brand = brand_of(Client(name="Notes", **{field: OF_CLIENT[field]}), Connection())
    assert {brand.support_email, brand.support_url} == {OF_CLIENT[field], ""}


def test_nothing_said_is_nothing_shown_but_the_colors(settings):
    settings.DBCONNECTIONS = {}
    brand = brand_of()
    assert brand == Brand(
        name="", logo_url="", support_email="", support_url="", terms_url="", **colors("")
    )
    assert brand.accent == "#3d63dd"


@pytest.mark.parametrize(
    "color", ["blue", "#fff", "#00000", "#0000000", "#000000\n", "red;}*{}", "#٣٣٣٣٣٣"]
)
def test_color_that_is_none_is_left_out(color):
    assert colors(color) == colors("")


# Logos


@pytest.mark.parametrize(
    "logo",
    [
        "https://elsewhere.example/logo.png",
        "http://cdn.example.com/logo.png",
        "https://cdn.example.com; script-src *",
        "https://cdn.example.com@elsewhere.example/logo.png",
        "//cdn.example.com/logo.png",
        "//elsewhere.example/logo.png",
        "/static/logo.png",
        "../logo.png",
        "data:image/png;base64,AA==",
        "javascript:alert(1)",
        "https://[::1",
    ],
)
def test_logo_that_may_not_be_loaded_is_left_to_the_next(configure, logo):
    brand = brand_of(Client(name="Notes", logo=logo), Connection())
    assert brand.logo_url == f"/static/{ICON}"
    assert brand.logo_origin == ""


def test_host_taken_from_the_setting_is_asked_no_more(configure, settings):
    client = Client(name="Notes", logo=OF_CLIENT["logo"])
    assert brand_of(client).logo_origin == "https://cdn.example.com"
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"LOGO_HOSTS": []}
    assert brand_of(client).logo_url == f"/static/{ICON}"


def test_logo_missing_from_the_manifest_is_left_to_the_next(configure, settings, tmp_path):
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": storage}}
    manifest = {"version": "1.1", "hash": "", "paths": {ICON: "icon.123.svg"}}
    (tmp_path / "staticfiles.json").write_text(json.dumps(manifest))
    client = Client(name="Notes", logo="gone.png")
    assert brand_of(client).logo_url == "/static/icon.123.svg"


@pytest.mark.parametrize("branding", [{"name": 1}, {"logo": None}, {"support_email": ["x"]}])
def test_setting_that_the_check_refuses_breaks_no_page(settings, branding):
    settings.DBCONNECTIONS = {"BRANDING": branding}
    assert brand_of() == brand_of(None, Connection())


# Colours

LEVELS = (0, 34, 68, 102, 136, 170, 204, 238, 255)
GRID = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in product(LEVELS, repeat=3)]


def backgrounds(light: bool) -> list[str]:
    """Return the backgrounds that the style sheet has, of its light or its dark part."""
    css = get_template("dbconnections/_style.css").template.source
    found = set(re.findall(r"--(?:page|card|hover):\s*(#[0-9a-f]{3,6})\b", css))
    full = {color if len(color) == 7 else re.sub(r"(\w)", r"\1\1", color) for color in found}
    return sorted(color for color in full if (luminance(color) > 0.5) is light)


@pytest.mark.parametrize(
    ("light", "accent", "on_accent"),
    [(True, "accent", "on_accent"), (False, "accent_dark", "on_accent_dark")],
    ids=["light", "dark"],
)
def test_every_color_is_readable_on_every_background(light, accent, on_accent):
    """WCAG 2.2: 4.5 for text (1.4.3), which is more than the 3 for a button's edge (1.4.11)."""
    found = backgrounds(light)
    assert len(found) >= 3
    for primary in GRID:
        made = colors(primary)
        assert contrast(made[on_accent], made[accent]) >= TEXT, primary
        for background in found:
            assert contrast(made[accent], background) >= TEXT, (primary, background)


def test_bounds_are_those_of_the_style_sheet():
    assert min(map(luminance, backgrounds(light=True))) >= luminance(DARKEST_LIGHT)
    assert max(map(luminance, backgrounds(light=False))) <= luminance(LIGHTEST_DARK)
