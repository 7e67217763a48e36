"""What every verb returns, and how it finds the part of the label image that it works on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from napari_glands.errors import GlandsError

__all__ = [
    "Box",
    "Edit",
    "Point",
    "box_around",
    "box_holding",
    "gland_at",
    "moved",
    "widen",
    "within",
]

Point = tuple[float, float]
Box = tuple[slice, slice]

_FIRST_MARGIN = 128  # pixels: most glands fit into the first window


@dataclass(frozen=True, eq=False)
class Edit:
    """New content of a part of a label image.

    Attributes
    ----------
    box
        Rows and columns of the part.
    labels
        int32 (height, width) of the box: what shall be there.
    """

    box: Box
    labels: np.ndarray

    def applied(self, labels: np.ndarray) -> np.ndarray:
        """Return a copy of a label image with the edit in it."""
        changed = labels.copy()
        changed[self.box] = self.labels
        return changed


def box_around(points: np.ndarray, margin: float, shape: tuple[int, ...]) -> Box:
    """Return the part of an image that holds some points, (n, 2), with a margin in pixels."""
    low = np.floor(points.min(axis=0) - margin).astype(int)
    high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    rows, columns = (
        slice(min(n - 1, max(0, a)), max(1, min(n, b)))
        for a, b, n in zip(low.tolist(), high.tolist(), shape, strict=True)
    )
    return rows, columns


def widen(box: Box, margin: float, shape: tuple[int, ...]) -> Box:
    """Return a box that is wider by a margin in pixels on all sides, within an image."""
    by = int(np.ceil(margin))
    rows, columns = (
        slice(max(0, part.start - by), min(n, part.stop + by))
        for part, n in zip(box, shape, strict=True)
    )
    return rows, columns


def box_holding(labels: np.ndarray, box: Box, numbers: Collection[int], margin: float = 0) -> Box:
    """Widen a box until the glands in it that count do not go on beyond it, then by a margin.

    Parameters
    ----------
    labels
        int (y, x): the whole label image.
    box
        Where to begin.
    numbers
        The glands that count.
    margin
        Pixels to leave around them.
    """
    wanted = np.array(sorted(numbers))
    while True:
        inside = np.isin(labels[box], wanted)
        wider = widen(box, _FIRST_MARGIN, labels.shape)
        edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        if wider == box or not any(edge.any() for edge in edges):
            break
        box = wider
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    if not len(rows):
        return box
    top, left = box[0].start, box[1].start
    tight = (
        slice(top + int(rows[0]), top + int(rows[-1]) + 1),
        slice(left + int(columns[0]), left + int(columns[-1]) + 1),
    )
    return widen(tight, margin, labels.shape)


def gland_at(labels: np.ndarray, at: Point, margin: float = 0) -> tuple[int, Box]:
    """Find the gland at a point.

    Parameters
    ----------
    labels
        int (y, x).
    at
        Row and column; pixel centres are whole numbers.
    margin
        Pixels to leave around the gland in the box.

    Returns
    -------
    number : int
        The label there.
    box : tuple of slice
        Holds the gland; parts that lie far away from the rest may be left out.

    Raises
    ------
    GlandsError
        When there is none.
    """
    row, column = round(at[0]), round(at[1])
    inside = 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]
    number = int(labels[row, column]) if inside else 0
    if number == 0:
        raise GlandsError("There is no gland here: click on one.")
    start = box_around(np.array([at]), _FIRST_MARGIN, labels.shape)
    return number, box_holding(labels, start, [number], margin)


def within(box: Box, inner: Box) -> Box:
    """Return, in pixels of the image, a part that is given in pixels of a box."""
    rows, columns = (
        slice(a.start + int(b.start), a.start + int(b.stop))
        for a, b in zip(box, inner, strict=True)
    )
    return rows, columns


def moved(mask: np.ndarray, box: Box, wider: Box) -> np.ndarray:
    """Return the mask of a box as the mask of a wider one that holds it."""
    pad = [(a.start - b.start, b.stop - a.stop) for a, b in zip(box, wider, strict=True)]
    return np.pad(mask, pad)
