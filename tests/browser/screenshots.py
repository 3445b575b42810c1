"""Makes the screenshots of docs/pages.md, and that page: python -m tests.browser.screenshots"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from tests.browser.chromium import launch
from tests.browser.site import running_site
from tests.browser.states import STATES, issue_links
from tests.support.processes import ROOT

SIZES = {"phone": (390, 700), "desktop": (880, 700)}
SCHEMES = ("light", "dark")
SHOWN = {"phone": 195, "desktop": 380}
LARGEST = 60_000  # bytes of a picture
INTRODUCTION = """\
# The pages

Every page in every state, on a phone and on a desktop, light and dark, with the logo, colour,
support and terms of a brand: the client's, or where none is known, as when a link is unknown,
that of the setting `BRANDING`, here “Acme”. [Customising](customising.md#templates) says how to
change them, [Accessibility](accessibility.md) how they are tested.
Made by `python -m tests.browser.screenshots`.
"""
GALLERY = ROOT / "docs" / "pages.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", help="all by default")
    parser.add_argument("--locale", default="en")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images" / "pages")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    shoot(options.states or list(STATES), options.locale, options.to)
    GALLERY.write_text(gallery())


def pictures() -> list[str]:
    """Return the names of all there are to be."""
    return [f"{name}-{size}-{scheme}" for name in STATES for size in SIZES for scheme in SCHEMES]


def gallery() -> str:
    """Return the page that shows them."""
    lines = [INTRODUCTION]
    for name, state in STATES.items():
        error = ", with errors" if state.is_error else ""
        lines += [f"## {name.replace('-', ' ').capitalize()}", "", f"“{state.headline}”{error}", ""]
        for size in SIZES:
            for scheme in SCHEMES:
                source = f"images/pages/{name}-{size}-{scheme}.webp"
                lines.append(f'<img src="{source}" width="{SHOWN[size]}" alt="{size}, {scheme}">')
        lines.append("")
    return "\n".join(lines)


def shoot(names: list[str], locale: str, to: Path) -> None:
    """Save each state at each size in each colour scheme."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as directory,
        running_site(Path(directory), DJANGO_SETTINGS_MODULE="tests.browser.settings") as site,
        sync_playwright() as playwright,
    ):
        [links] = issue_links(site)
        browser = launch(playwright)
        for name in names:
            page = browser.new_context(base_url=site.url, locale=locale).new_page()
            STATES[name].visit(page, links)
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    picture = page.screenshot(full_page=True, scale="css")
                    save(picture, to / f"{name}-{size}-{scheme}.webp")
            page.context.close()
        browser.close()


def save(picture: bytes, path: Path) -> None:
    """Save a screenshot with a palette."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        flat = image.convert("RGB").quantize(64, dither=Image.Dither.NONE).convert("RGB")
    flat.save(path, lossless=True, method=6)


if __name__ == "__main__":
    main()
