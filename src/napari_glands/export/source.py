"""What exporters need from a slide, and at which resolution they take its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["MAX_FULL_PIXELS", "Pixels", "check_slide", "picture"]

MAX_FULL_PIXELS = 8192 * 8192
"""Larger slides are exported at the working resolution: their level 0 would not fit in memory."""


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

    def read(self, mpp: float | None = None) -> np.ndarray:
        """Return uint8 (y, x, 3) of the whole slide."""


def check_slide(prediction: Prediction, slide: Pixels) -> None:
    """Raise `GlandsError` when a prediction does not belong to a slide."""
    if tuple(slide.shape) != tuple(prediction.grid.slide_shape):
        rows, columns = prediction.grid.slide_shape
        raise GlandsError(
            f"The prediction is of a slide with {rows}×{columns} pixels, but {slide.name} has "
            f"{slide.shape[0]}×{slide.shape[1]}: export it with its own slide."
        )


def picture(prediction: Prediction, slide: Pixels) -> tuple[np.ndarray, Grid]:
    """Read a slide at level 0, or at the working resolution where level 0 is too large.

    Returns
    -------
    pixels
        uint8 (y, x, 3).
    grid
        How they lie on the slide.
    """
    check_slide(prediction, slide)
    full = slide.shape[0] * slide.shape[1] <= MAX_FULL_PIXELS
    mpp = slide.mpp if full else prediction.settings.general.working_mpp
    pixels = slide.read(mpp)
    return pixels, Grid((pixels.shape[0], pixels.shape[1]), slide.shape, slide.mpp)
