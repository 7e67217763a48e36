"""Going through labelled objects part by part, each of them whole exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import ndimage

from napari_glands.errors import GlandsError
from napari_glands.slides.blocks import blocks, is_large
from napari_glands.slides.grid import Window

__all__ = [
    "ArrayLike",
    "Objects",
    "block_side",
    "label_values",
    "object_boxes",
    "objects_in",
    "owned_windows",
]

_SIDE = 2048
# How far apart the values in a block may be for a list of all that lie between them.
_NEAR = 1 << 20


class ArrayLike(Protocol):
    """What numpy and zarr arrays have in common, and all that is asked of an array here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Kind of number."""

    def __getitem__(self, key: Any) -> Any:
        """Return a part."""


@dataclass(frozen=True, eq=False)
class Objects:
    """Which labels there are, and where.

    Attributes
    ----------
    labels
        int64 (n,): the label values, in ascending order; uint64 for those of an array of uint64.
    boxes
        int64 (n, 4): top, left, bottom, right of each in pixels; bottom and right are the first
        row and column after the object.
    """

    labels: np.ndarray
    boxes: np.ndarray

    def touching(self, shape: tuple[int, int]) -> np.ndarray:
        """Return bool (n,): which objects lie at the edge of an array of this shape."""
        top, left, bottom, right = self.boxes.T
        return (top == 0) | (left == 0) | (bottom == shape[0]) | (right == shape[1])


def block_side(shape: tuple[int, ...]) -> int:
    """Return the side of the blocks to work in: all of an array that fits in memory is one."""
    rows, columns = shape[-2:]
    return _SIDE if is_large((rows, columns)) else max(rows, columns, 1)


def object_boxes(labels: ArrayLike, side: int | None = None) -> Objects:
    """Find all objects of a label image, reading each of its pixels once.

    Memory and time depend on the number of pixels and objects, not on the label values.

    Parameters
    ----------
    labels
        Integers (y, x), numpy or zarr: 0 background.
    side
        Side in pixels of what is read at a time; `block_side` when not given.

    Raises
    ------
    GlandsError
        When there are negative values.
    """
    wide = np.dtype(np.uint64 if labels.dtype == np.uint64 else np.int64)
    values, boxes = [np.empty(0, wide)], [np.empty((0, 4), np.int64)]
    for block in blocks(_plane(labels), side or block_side(labels.shape), 0):
        found, inside = _boxes_in(np.asarray(labels[block.core.slices]))
        values.append(found.astype(wide))
        boxes.append(inside + np.array([block.core.y, block.core.x] * 2))
    names, rows = np.concatenate(values), np.concatenate(boxes)
    order = np.argsort(names, kind="stable")
    names, rows = names[order], rows[order]
    names, first = np.unique(names, return_index=True)
    if not len(names):
        return Objects(names, rows)
    low = np.minimum.reduceat(rows[:, :2], first)
    high = np.maximum.reduceat(rows[:, 2:], first)
    return Objects(names, np.hstack([low, high]))


def _boxes_in(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label values (n,) in a part, and int64 (n, 4): their boxes in it."""
    if part.dtype == np.bool_:
        part = part.view(np.uint8)
    if part.dtype.kind == "i" and part.size and part.min() < 0:
        raise GlandsError(
            "The label image has negative values: 0 is background, and objects have positive "
            "numbers. Set the negative pixels to 0 first."
        )
    inside = part > 0
    found = part[inside]
    if not found.size:
        return found, np.empty((0, 4), np.int64)
    numbers = np.zeros(part.shape, np.int32)
    least, most = int(found.min()), int(found.max())
    if most - least < _NEAR:  # faster than looking which values there are
        numbers[inside] = (found - found.dtype.type(least)).astype(np.int32) + 1
        values = np.arange(most - least + 1).astype(found.dtype) + found.dtype.type(least)
    else:
        values, places = np.unique(found, return_inverse=True)
        numbers[inside] = places + 1
    boxes = ndimage.find_objects(numbers)
    there = [n for n, box in enumerate(boxes) if box is not None]
    corners = [(y.start, x.start, y.stop, x.stop) for y, x in (boxes[n] for n in there)]
    return values[there], np.array(corners, np.int64)


def owned_windows(
    objects: Objects, shape: tuple[int, int], side: int | None = None
) -> Iterator[tuple[Window, np.ndarray]]:
    """Give the windows in which all objects are seen whole, each in one of them.

    An object belongs to the block in which the upper left corner of its box lies. The window of
    a block is what the boxes of its objects cover, so that its size depends on the block's and
    the objects' only.

    Parameters
    ----------
    objects
        From `object_boxes`.
    shape
        Rows and columns of the label image.
    side
        Side of a block in pixels; `block_side` when not given.

    Yields
    ------
    window
        What to read.
    index
        intp: which of `objects` belong to it, in ascending order. Others may reach into it.
    """
    if not len(objects.labels):
        return
    side = side or block_side(shape)
    home = objects.boxes[:, :2] // side
    number = home[:, 0] * (shape[1] // side + 1) + home[:, 1]
    order = np.argsort(number, kind="stable")
    for index in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        (top, left), (bottom, right) = (
            objects.boxes[index, :2].min(axis=0),
            objects.boxes[index, 2:].max(axis=0),
        )
        yield Window(int(top), int(left), int(bottom - top), int(right - left)), index


def objects_in(labels: ArrayLike, window: Window, values: np.ndarray) -> np.ndarray:
    """Read a window of a label image, with some of its objects only, numbered anew.

    Parameters
    ----------
    labels
        Integers (y, x), numpy or zarr.
    window
        What to read.
    values
        The label values to keep, in ascending order.

    Returns
    -------
    numpy.ndarray
        int32 (y, x): 1 for the first of `values`, 2 for the second, …; 0 for all else.
    """
    part = np.asarray(labels[window.slices])
    inside = part > 0
    found = part[inside]
    place = np.minimum(np.searchsorted(values, found), len(values) - 1)
    numbers = np.zeros(part.shape, np.int32)
    numbers[inside] = np.where(values[place] == found, place + 1, 0)
    return numbers


def label_values(labels: ArrayLike, side: int | None = None) -> np.ndarray:
    """Return the values that occur in a label image, 0 included, in ascending order."""
    found = [
        np.unique(np.asarray(labels[block.core.slices]))
        for block in blocks(_plane(labels), side or block_side(labels.shape), 0)
    ]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def _plane(labels: ArrayLike) -> tuple[int, int]:
    rows, columns = labels.shape
    return rows, columns
