"""Outlines of label images, exact to the edges of the pixels."""

from __future__ import annotations

import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from napari_glands.slides.grid import Grid

__all__ = ["gland_polygons"]


def gland_polygons(labels: np.ndarray, grid: Grid) -> dict[int, BaseGeometry]:
    """Trace every label along the edges of its pixels.

    Parameters
    ----------
    labels
        int (y, x): 0 background, other values objects.
    grid
        How `labels` lies on the slide.

    Returns
    -------
    dict
        By label a valid Polygon or MultiPolygon (parts that touch at corners only, or not at
        all), with its holes, in level-0 pixels as (x, y): (0, 0) is the upper left corner of the
        slide. Its area is that of the label's pixels.
    """
    down, right = grid.downsample
    polygons = {}
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rows, columns = box
        outline = _outline(labels[box] == value, rows.start, columns.start)
        on_slide = shapely.transform(outline, lambda xy: xy * (right, down))
        polygons[value] = shapely.orient_polygons(on_slide)
    return polygons


def _outline(mask: np.ndarray, top: int, left: int) -> BaseGeometry:
    """Unite the horizontal runs of a mask, drop the vertices in the middle of straight edges."""
    steps = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(steps == 1)
    _, stops = np.nonzero(steps == -1)
    boxes = shapely.box(starts + left, rows + top, stops + left, rows + top + 1)
    return shapely.simplify(shapely.union_all(boxes), 0)
