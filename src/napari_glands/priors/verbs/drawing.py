"""Glands drawn by outline, and strokes that erase or mark."""

from __future__ import annotations

import numpy as np
from skimage import draw

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Box, Edit, box_around
from napari_glands.priors.verbs.placing import place
from napari_glands.priors.verbs.strokes import as_stroke, stroke_mask
from napari_glands.slides import Grid

__all__ = ["brushed", "draw_gland", "erase"]

_SMALLEST_UM2 = 20.0  # smaller outlines are slips of the hand


def draw_gland(labels: np.ndarray, outline: np.ndarray, number: int, grid: Grid) -> Edit:
    """Make a gland of what an outline encloses; its ends are joined.

    Other glands keep their pixels, but one that lies mostly inside makes room.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    outline
        float (n, 2): rows and columns.
    number
        The number of the new gland.
    grid
        How the labels lie on their slide.

    Raises
    ------
    GlandsError
        When the outline encloses next to nothing, or others leave no room.
    """
    points = as_stroke(outline, labels.shape)
    box = box_around(points, 1, labels.shape)
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    region = draw.polygon2mask(shape, points - (box[0].start, box[1].start))
    if region.sum() < grid.area_pixels(_SMALLEST_UM2):
        raise GlandsError("The outline encloses next to nothing: draw around the whole gland.")
    return place(labels, box, region, number)


def erase(labels: np.ndarray, stroke: np.ndarray, width_um: float, grid: Grid) -> Edit:
    """Erase what a brush meets of all glands.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    stroke
        float (n, 2): rows and columns.
    width_um
        Of the brush, in µm.
    grid
        How the labels lie on their slide.

    Raises
    ------
    GlandsError
        When it meets none.
    """
    box, mask = brushed(stroke, width_um, grid)
    window = labels[box].astype(np.int32)
    if not window[mask].any():
        raise GlandsError("There is no gland here to erase.")
    window[mask] = 0
    return Edit(box, window)


def brushed(stroke: np.ndarray, width_um: float, grid: Grid) -> tuple[Box, np.ndarray]:
    """Return what a brush paints: the box that holds it, and bool (height, width) of the box.

    Parameters
    ----------
    stroke
        float (n, 2): rows and columns on the grid.
    width_um
        Of the brush, in µm.
    grid
        The pixels to paint on.
    """
    return stroke_mask(as_stroke(stroke, grid.shape), grid.pixels(width_um) / 2, grid.shape)
