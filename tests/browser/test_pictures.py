"""The pictures of the documentation, by what reads pictures."""

import pytest

pytestmark = pytest.mark.browser


def test_every_picture_of_a_page_is_as_wide_as_its_screen():
    from PIL import Image

    from tests.browser.screenshots import GALLERY, SIZES, pictures

    for name in pictures():
        with Image.open(GALLERY.parent / "images" / "pages" / f"{name}.webp") as picture:
            assert picture.width == SIZES[name.split("-")[-2]][0], name
