"""Makes the screenshots of docs/pages.md, and that page: python -m tests.browser.screenshots"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from pathlib import Path

from tests.browser.chromium import launch
from tests.browser.site import running_site
from tests.browser.states import STATES
from tests.support.processes import ROOT

SIZES = {"phone": (390, 700), "desktop": (1024, 700)}
SCHEMES = ("light", "dark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", help="all by default")
    parser.add_argument("--locale", default="en")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images" / "pages")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    shoot(options.states or list(STATES), options.locale, options.to)


def shoot(names: list[str], locale: str, to: Path) -> None:
    """Save each state at each size in each colour scheme."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as directory,
        running_site(Path(directory), DJANGO_SETTINGS_MODULE="tests.browser.settings") as site,
        sync_playwright() as playwright,
    ):
        code = "from tests.browser.states import print_links; print_links(1)"
        [links] = json.loads(site.manage("shell", "--verbosity", "0", "--command", code))
        browser = launch(playwright)
        for name in names:
            page = browser.new_context(base_url=site.url, locale=locale).new_page()
            STATES[name].visit(page, links)
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    picture = page.screenshot(full_page=True, scale="css")
                    save(picture, to / f"{name}-{size}-{scheme}.png")
            page.context.close()
        browser.close()


def save(picture: bytes, path: Path) -> None:
    """Save a screenshot with a palette, which flat colours need no more than."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    main()
