"""What stage 2 says about one slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid

__all__ = ["Prediction"]


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
        int32 (y, x): 0 background, 1..n gland instances.
    model
        Name and weights checksum of the model that made it.
    settings
        What made it.
    """

    slide_id: str
    slide_name: str
    grid: Grid
    probability: np.ndarray
    glands: np.ndarray
    model: str
    settings: Settings
