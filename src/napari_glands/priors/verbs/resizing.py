"""Move the outline of a gland outwards or inwards."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit, Point, gland_at
from napari_glands.slides import Grid

__all__ = ["grow", "shrink"]


def grow(labels: np.ndarray, at: Point, um: float, grid: Grid) -> Edit:
    """Grow the gland at a point; it stops where others are.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    at
        Row and column in the gland.
    um
        By how much, in µm.
    grid
        How the labels lie on their slide.

    Raises
    ------
    GlandsError
        When there is no gland, or no room.
    """
    number, box = gland_at(labels, at, grid.pixels(um) + 2)
    window = labels[box].astype(np.int32)
    near = ndi.distance_transform_edt(window != number, sampling=grid.mpp) <= um
    grown = near & (window == 0)
    if not grown.any():
        raise GlandsError(_too_little(um, grid) or f"Gland {number} has no room to grow.")
    window[grown] = number
    return Edit(box, window)


def shrink(labels: np.ndarray, at: Point, um: float, grid: Grid) -> Edit:
    """Shrink the gland at a point; parameters and errors are those of `grow`.

    Pixels at the border of the image count as outline only where the gland ends before it.
    """
    number, box = gland_at(labels, at, 2)
    window = labels[box].astype(np.int32)
    mask = window == number
    lost = mask & (ndi.distance_transform_edt(mask, sampling=grid.mpp) <= um)
    if not lost.any():
        raise GlandsError(_too_little(um, grid) or f"Gland {number} cannot shrink further.")
    if (lost == mask).all():
        raise GlandsError(f"Gland {number} would vanish: it is narrower than {2 * um:g} µm.")
    window[lost] = 0
    return Edit(box, window)


def _too_little(um: float, grid: Grid) -> str:
    smallest = min(grid.mpp)
    return f"Nothing changes by {um:g} µm: one pixel is {smallest:.2g} µm." if um < smallest else ""
