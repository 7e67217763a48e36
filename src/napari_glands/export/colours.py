"""Colours for gland instances."""

from __future__ import annotations

from collections.abc import Iterable
from colorsys import hsv_to_rgb

__all__ = ["RGBA", "label_colours"]

RGBA = tuple[int, int, int, int]

_GOLDEN = 0.618034  # steps of the golden ratio never come back to a hue that was near
_PERIOD = 1 << 20  # larger values leave no digits for the hue


def label_colours(values: Iterable[int]) -> dict[int, RGBA]:
    """Give each label a bright colour that its neighbours in number do not have.

    The same label always has the same colour. Values are 0..255.
    """
    return {value: _colour(value) for value in values}


def _colour(value: int) -> RGBA:
    # Lightness varies too, for eyes that do not tell all hues apart.
    brightness = (1.0, 0.75, 0.9)[value % 3]
    red, green, blue = hsv_to_rgb(value % _PERIOD * _GOLDEN % 1, 0.75, brightness)
    return round(255 * red), round(255 * green), round(255 * blue), 255
