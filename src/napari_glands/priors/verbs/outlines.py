"""Smoother outlines, and holes filled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit, Point, gland_at
from napari_glands.slides import Grid

__all__ = ["fill_holes", "smooth"]


def fill_holes(labels: np.ndarray, at: Point) -> Edit:
    """Fill the holes of the gland at a point; other glands in them stay.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    at
        Row and column in the gland.

    Raises
    ------
    GlandsError
        When there is no gland, or it has no holes.
    """
    number, box = gland_at(labels, at)
    window = labels[box].astype(np.int32)
    holes = ndi.binary_fill_holes(window == number) & (window == 0)
    if not holes.any():
        raise GlandsError(f"Gland {number} has no holes.")
    window[holes] = number
    return Edit(box, window)


def smooth(labels: np.ndarray, at: Point, um: float, grid: Grid) -> Edit:
    """Smooth the outline of the gland at a point; it keeps about its size.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    at
        Row and column in the gland.
    um
        Bumps and dents narrower than this, in µm, go.
    grid
        How the labels lie on their slide.

    Raises
    ------
    GlandsError
        When there is no gland, nothing changes, or nothing would be left.
    """
    number, box = gland_at(labels, at, 2 * grid.pixels(um) + 2)
    window = labels[box].astype(np.int32)
    mask = window == number
    widths = [um / 2 / size for size in grid.mpp]
    # Beyond the image's border a gland goes on as it meets it.
    rounded = ndi.gaussian_filter(mask.astype(np.float32), widths, mode="nearest") > 0.5
    rounded &= mask | (window == 0)
    if not rounded.any():
        raise GlandsError(f"Gland {number} would vanish: it is hardly wider than {um:g} µm.")
    if (rounded == mask).all():
        raise GlandsError(f"Gland {number} is smooth already at {um:g} µm.")
    window[mask] = 0
    window[rounded] = number
    return Edit(box, window)
