"""Outlines of label images, exact to the edges of the pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from napari_glands.slides.grid import Grid
from napari_glands.slides.objects import ArrayLike, object_boxes, objects_in, owned_windows

__all__ = ["gland_polygons", "traced"]


def gland_polygons(labels: ArrayLike, grid: Grid) -> dict[int, BaseGeometry]:
    """Trace every label along the edges of its pixels.

    Parameters
    ----------
    labels
        int (y, x), numpy or zarr: 0 background, other values objects.
    grid
        How `labels` lies on the slide.

    Returns
    -------
    dict
        By label a valid Polygon or MultiPolygon (parts that touch at corners only, or not at
        all), with its holes, in level-0 pixels as (x, y): (0, 0) is the upper left corner of the
        slide. Its area is that of the label's pixels.
    """
    return dict(traced(labels, grid))


def traced(
    labels: ArrayLike,
    grid: Grid,
    side: int | None = None,
    *,
    placement: np.ndarray | None = None,
) -> Iterator[tuple[int, BaseGeometry]]:
    """Trace label by label, like `gland_polygons`, holding one block of the image at a time.

    Parameters
    ----------
    labels, grid
        As for `gland_polygons`.
    side
        Side of a block in pixels; without it, what fits in memory is one.
    placement
        Matrix (3, 3) that takes (x, y, 1) in pixels of the labels to level-0 pixels; without it,
        the grid says where they lie.

    Yields
    ------
    label
        In ascending order within a block.
    outline
        Of that label.
    """
    objects = object_boxes(labels, side)
    placement = _placement(grid) if placement is None else placement
    for window, index in owned_windows(objects, grid.shape, side):
        numbers = objects_in(labels, window, objects.labels[index])
        for number, i in enumerate(index, start=1):
            top, left, bottom, right = objects.boxes[i].tolist()
            rows = slice(top - window.y, bottom - window.y)
            columns = slice(left - window.x, right - window.x)
            outline = _outline(numbers[rows, columns] == number, top, left)
            yield int(objects.labels[i]), _on_slide(outline, placement)


def _placement(grid: Grid) -> np.ndarray:
    """Return the matrix that takes (x, y, 1) in pixels of a grid to pixels of level 0."""
    (down, right), (top, left) = grid.downsample, grid.origin
    return np.array([[right, 0, left], [0, down, top], [0, 0, 1]], float)


def _on_slide(outline: BaseGeometry, placement: np.ndarray) -> BaseGeometry:
    """Bring an outline from pixels of a label image to pixels of level 0."""
    return shapely.orient_polygons(
        shapely.transform(outline, lambda xy: xy @ placement[:2, :2].T + placement[:2, 2])
    )


def _outline(mask: np.ndarray, top: int, left: int) -> BaseGeometry:
    """Unite the horizontal runs of a mask, drop the vertices in the middle of straight edges."""
    steps = np.diff(mask.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(steps == 1)
    _, stops = np.nonzero(steps == -1)
    boxes = shapely.box(starts + left, rows + top, stops + left, rows + top + 1)
    return shapely.simplify(shapely.union_all(boxes), 0)
