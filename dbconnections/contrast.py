"""Colours that can be read: contrast as WCAG 2.2 has it, and how to reach it.

A colour is written ``#rrggbb``.
"""

import colorsys
from bisect import bisect_left

WHITE = "#ffffff"
INK = "#0f1115"

# WCAG 2.2, 1.4.3: text against its background. More than the 3 that 1.4.11 asks of a button.
TEXT = 4.5


def luminance(color: str) -> float:
    """Return the relative luminance of a colour, from 0 for black to 1 for white."""
    red, green, blue = map(_linear, _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 for the same to 21 for black and white."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(background: str, color: str) -> str:
    """Return the colour, made darker or lighter as little as `TEXT` on a background takes.

    Hue and saturation (of HSL) stay. It moves towards black or white, whichever is farther from
    the background, one of which always is far enough.
    """
    if contrast(color, background) >= TEXT:
        return color
    end = max((0.0, 1.0), key=lambda end: contrast(background, _written((end, end, end))))
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(color))

    def moved(step: int) -> str:
        there = lightness + (end - lightness) * step / _STEPS
        return _written(colorsys.hls_to_rgb(hue, there, saturation))

    # Lightness and luminance rise together, so there is one first step that is far enough.
    first = bisect_left(
        range(_STEPS), True, key=lambda step: contrast(moved(step), background) >= TEXT
    )
    return moved(first)


def text_on(background: str) -> str:
    """Return white or ink, whichever reads better."""
    return max((WHITE, INK), key=lambda color: contrast(color, background))


# Finer than what a screen can show.
_STEPS = 512


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red / 255, green / 255, blue / 255


def _linear(channel: float) -> float:
    # The threshold of sRGB, which WCAG 2.2 took over in place of its former 0.03928.
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _written(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
