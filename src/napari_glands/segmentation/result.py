"""What stage 2 says about one slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid
from napari_glands.slides.pixel_size import MppSource

__all__ = ["Prediction", "SizeSource"]

SizeSource = MppSource | Literal["unknown"]
"""Where a pixel size comes from; where it is not known, lengths are in level-0 pixels."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction of one slide at the working resolution.

    Attributes
    ----------
    slide_id, slide_name
        Which slide.
    grid
        How the arrays lie on the slide.
    probability
        float32 (y, x) in [0, 1]: probability of gland.
    glands
        int32 (y, x): 0 background, 1..n gland instances. Exporters take any integer dtype.
    model
        Name and weights checksum of the model that made it.
    settings
        What made it.
    mpp_source
        Where the pixel size of the grid comes from, which exporters hand on; None where nobody
        says. With ``"unknown"`` the grid has a pixel size of 1, and what is exported is in pixels.
    """

    slide_id: str
    slide_name: str
    grid: Grid
    probability: np.ndarray
    glands: np.ndarray
    model: str
    settings: Settings
    mpp_source: SizeSource | None = None
