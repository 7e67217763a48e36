"""The part of a slide that is in view, on a grid of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_glands.live import Wish
from napari_glands.progress import Picture
from napari_glands.slides.grid import Grid

__all__ = ["Part", "part_in_view"]


@dataclass(frozen=True)
class Part:
    """A box of the pixels of a grid.

    Attributes
    ----------
    slide_id
        The slide.
    grid
        The grid.
    rows, columns
        First and last plus one.
    """

    slide_id: str
    grid: Grid
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def box(self) -> tuple[slice, slice]:
        """The slices of the last two axes."""
        return slice(*self.rows), slice(*self.columns)

    def picture(self, values: np.ndarray) -> Picture:
        """Place what was computed for the box, uint8 (y, x), on the slide."""
        (my, mx), (ty, tx) = self.grid.mpp, self.grid.translate
        corner = (ty + self.rows[0] * my, tx + self.columns[0] * mx)
        return Picture(self.slide_id, values, (my, mx), corner)


def part_in_view(wish: Wish, grid: Grid, least: int, most: int) -> Part:
    """Return the part of a grid that somebody looks at.

    Parameters
    ----------
    wish
        What is in view.
    grid
        Of the slide, or of the part of one that is worked on.
    least, most
        Bounds in pixels on each side of the part: less than is in view where that is large, around
        its centre, and more where it is small, so that a network sees the surroundings it needs.
    """
    top, left, bottom, right = wish.box or (0.0, 0.0, np.inf, np.inf)
    (my, mx), (y, x) = grid.mpp, (edge * grid.slide_mpp for edge in grid.origin)
    rows = _span((top - y) / my, (bottom - y) / my, grid.shape[0], least, most)
    columns = _span((left - x) / mx, (right - x) / mx, grid.shape[1], least, most)
    return Part(wish.slide_id, grid, rows, columns)


def _span(first: float, last: float, size: int, least: int, most: int) -> tuple[int, int]:
    first, last = max(0.0, min(first, size)), max(0.0, min(last, size))
    length = min(size, max(least, min(most, round(last - first))))
    start = round((first + last - length) / 2)
    start = max(0, min(start, size - length))
    return start, start + length
