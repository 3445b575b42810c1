"""Makes the pictures in `docs/images/mails/`: `python -m tests.browser.mail_screenshots`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DIRECTORY = Path(__file__).parents[2] / "docs" / "images" / "mails"
WIDTHS = {"narrow": 360, "wide": 800}
LARGEST = 30_000  # bytes of a picture

# The logo of the samples, a word in dark ink as most are, without a background of its own.
LOGO = """
<svg xmlns="http://www.w3.org/2000/svg" width="176" height="40" font-family="sans-serif">
<rect width="40" height="40" rx="9" fill="#0a7d55"/>
<path d="M12 30 20 10l8 20M15 23h10" fill="none" stroke="#fff" stroke-width="3.5"/>
<text x="50" y="27" fill="#16321f" font-size="20" font-weight="600"
 textLength="124">Acme Notes</text>
</svg>
"""


def pictures() -> dict[str, dict[str, Any]]:
    """Return what each picture shows: a sample's options, a width, a scheme, pictures or none."""
    from tests.support.mails import BRAND

    both = {
        "reset": {"name": "reset", "brand": BRAND},
        "changed": {"name": "changed", "brand": BRAND},
    }
    made = {
        f"{mail}-{width}-{scheme}": {"sample": sample, "width": width, "scheme": scheme}
        for mail, sample in both.items()
        for width in WIDTHS
        for scheme in ("light", "dark")
    }
    narrow = {"width": "narrow", "scheme": "light"}
    return made | {
        "confirm": narrow | {"sample": both["reset"] | {"password_given": True}},
        "without-pictures": narrow | {"sample": both["reset"], "loads": False},
        "without-brand": narrow | {"sample": {"name": "reset"}},
        "right-to-left-reset": narrow | {"sample": both["reset"] | {"language": "ar"}},
        "right-to-left-changed": narrow | {"sample": both["changed"] | {"language": "ar"}},
        "right-to-left-confirm": {
            "sample": both["reset"] | {"language": "ar", "password_given": True},
            "width": "wide",
            "scheme": "dark",
        },
    }


def show(
    browser: Browser, *, sample: dict[str, Any], width: str, scheme: Any, loads: bool = True
) -> Page:
    """Open a sample as a mail program shows it; close the page's context afterwards."""
    from django.utils import timezone

    from tests.support.mails import html_of
    from tests.support.mails import sample as write

    context = browser.new_context(
        viewport={"width": WIDTHS[width], "height": 480}, color_scheme=scheme, offline=not loads
    )
    page = context.new_page()
    if loads:
        answer = {"body": LOGO, "content_type": "image/svg+xml"}
        page.route("**/acme/logo.png", lambda route: route.fulfill(**answer))
    with timezone.override("UTC"):
        page.set_content(html_of(write(**sample)))
    return page


def small(picture: bytes, colors: int = 40) -> bytes:
    """Return a PNG with as many colours as it takes to look the same, and no more."""
    from PIL import Image

    written = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(colors, dither=Image.Dither.NONE).save(written, "png", optimize=True)
    return written.getvalue()


def main() -> None:
    import django
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import launch

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        # Playwright runs in a loop of its own, in which Django fears for its database.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        for name, shown in pictures().items():
            page = show(browser, **shown)
            (DIRECTORY / f"{name}.png").write_bytes(small(page.screenshot(full_page=True)))
            page.context.close()


if __name__ == "__main__":
    main()
