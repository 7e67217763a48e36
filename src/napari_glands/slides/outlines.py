"""Outlines of labels on a picture."""

from __future__ import annotations

import numpy as np
from skimage.morphology import dilation, disk
from skimage.segmentation import find_boundaries

__all__ = ["draw_outlines"]

# Yellow in black shows on pink, purple, brown and white, and to every kind of colour vision.
_YELLOW = (255, 230, 0)
_HALO = (0, 0, 0)


def draw_outlines(
    pixels: np.ndarray, labels: np.ndarray, colour: tuple[int, int, int] = _YELLOW
) -> np.ndarray:
    """Draw the outlines of labels on a picture.

    Parameters
    ----------
    pixels
        uint8 (y, x, 3).
    labels
        int (y, x) of the same size.
    colour
        Red, green and blue of the lines, 0..255; yellow when not given.

    Returns
    -------
    numpy.ndarray
        uint8 (y, x, 3), a copy: lines of 3 pixels with a black rim, inside each object and over
        its border.
    """
    line = dilation(find_boundaries(labels, mode="inner"), disk(1))
    drawn = pixels.copy()
    drawn[dilation(line, disk(1))] = _HALO
    drawn[line] = colour
    return drawn
