"""Contrast, and colours that have enough of it."""

import colorsys
from itertools import product

import pytest

from dbconnections.contrast import INK, TEXT, WHITE, contrast, luminance, readable_on, text_on

LEVELS = (0, 17, 51, 85, 119, 128, 153, 187, 204, 221, 255)
GRID = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in product(LEVELS, repeat=3)]
BACKGROUNDS = ["#ffffff", "#f1f3f6", "#808080", "#767676", "#23272e", "#000000", "#ffcc00"]


def hue_of(color):
    red, green, blue = bytes.fromhex(color[1:])
    return colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)[0]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        # WebAIM's contrast checker and Understanding SC 1.4.3 know these two.
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#0000ff", "#ffffff", 8.59),
        ("#ff0000", "#ffffff", 4.00),
    ],
)
def test_contrast_is_that_of_wcag(one, other, expected):
    assert contrast(one, other) == pytest.approx(expected, abs=0.005)
    assert contrast(one, other) == contrast(other, one)


def test_luminance_goes_from_black_to_white():
    assert luminance("#000000") == 0
    assert luminance("#ffffff") == pytest.approx(1)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_color_becomes_readable(background):
    assert min(contrast(readable_on(background, color), background) for color in GRID) >= TEXT


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_readable_color_is_left_alone(background):
    readable = [color for color in GRID if contrast(color, background) >= TEXT]
    assert readable
    assert [readable_on(background, color) for color in readable] == readable


@pytest.mark.parametrize("background", ["#ffffff", "#f1f3f6", "#23272e", "#000000"])
def test_color_moves_no_farther_than_it_must(background):
    """One step of a screen back towards the given colour would be too near."""
    changed = {c: readable_on(background, c) for c in GRID if contrast(c, background) < TEXT}
    assert changed
    for color, shown in changed.items():
        assert contrast(shown, background) < TEXT + 0.15, (color, shown)


@pytest.mark.parametrize("color", ["#ff0000", "#ffcc00", "#00cc44", "#3d63dd", "#eb5424"])
@pytest.mark.parametrize("background", ["#f1f3f6", "#23272e"])
def test_hue_stays(color, background):
    assert hue_of(readable_on(background, color)) == pytest.approx(hue_of(color), abs=0.01)


def test_text_on_a_color_is_what_reads_better():
    for color in GRID:
        other = {WHITE: INK, INK: WHITE}[text_on(color)]
        assert contrast(text_on(color), color) >= contrast(other, color)
