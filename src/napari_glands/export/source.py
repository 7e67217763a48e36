"""What exporters need from a slide, and at which resolution they take its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Grid, Window

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["MAX_FULL_PIXELS", "Pixels", "SlidePixels", "check_slide", "picture", "picture_grid"]

MAX_FULL_PIXELS = 8192 * 8192
"""Larger slides are exported at the working resolution: their level 0 would not fit in memory."""

OVERVIEW_SIDE = 4096
"""Longer side, in pixels, of the picture of a slide that is large at the working resolution."""


class Pixels(Protocol):
    """The part of `napari_glands.slides.Slide` that exporters use."""

    @property
    def name(self) -> str:
        """Name for people."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at level 0."""

    @property
    def mpp(self) -> float:
        """Micrometres per level-0 pixel."""

    def grid(self, mpp: float) -> Grid:
        """Return the grid that covers the slide at about `mpp` µm per pixel."""

    def read_window(self, grid: Grid, window: Window) -> np.ndarray:
        """Return uint8 (y, x, 3) of a part of that grid."""


class SlidePixels:
    """The pixels of a slide as an array (c, y, x) whose parts are read when they are cut out.

    Parameters
    ----------
    slide
        The slide.
    grid
        One that covers it.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, slide: Pixels, grid: Grid) -> None:
        self.shape = (3, *grid.shape)
        self._slide, self._grid = slide, grid

    def __getitem__(self, key: tuple[Any, slice, slice]) -> np.ndarray:
        """Read all channels of some rows and columns, as in ``pixels[..., 0:512, 0:512]``."""
        _, rows, columns = key
        window = Window(
            rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start
        )
        return np.moveaxis(self._slide.read_window(self._grid, window), -1, 0)


def check_slide(prediction: Prediction, slide: Pixels) -> None:
    """Raise `GlandsError` when a prediction does not belong to a slide."""
    if tuple(slide.shape) != tuple(prediction.grid.slide_shape):
        rows, columns = prediction.grid.slide_shape
        raise GlandsError(
            f"The prediction is of a slide with {rows}×{columns} pixels, but {slide.name} has "
            f"{slide.shape[0]}×{slide.shape[1]}: export it with its own slide."
        )


def picture_grid(prediction: Prediction, slide: Pixels) -> Grid:
    """Return the grid of level 0, or of the working resolution where level 0 is too large."""
    check_slide(prediction, slide)
    full = slide.shape[0] * slide.shape[1] <= MAX_FULL_PIXELS
    return slide.grid(slide.mpp if full else prediction.settings.general.working_mpp)


def picture(prediction: Prediction, slide: Pixels) -> tuple[np.ndarray, Grid]:
    """Read a slide at level 0, or at the working resolution where level 0 is too large.

    Returns
    -------
    pixels
        uint8 (y, x, 3).
    grid
        How they lie on the slide.
    """
    grid = picture_grid(prediction, slide)
    return slide.read_window(grid, Window(0, 0, *grid.shape)), grid


def overview(prediction: Prediction, slide: Pixels) -> tuple[np.ndarray, Grid]:
    """Read a large slide as a picture of `OVERVIEW_SIDE` pixels at most, like `picture`."""
    check_slide(prediction, slide)
    grid = slide.grid(slide.mpp * max(1, max(slide.shape) / OVERVIEW_SIDE))
    return slide.read_window(grid, Window(0, 0, *grid.shape)), grid
