"""What a sample is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Sample"]


@dataclass(frozen=True, eq=False)
class Sample:
    """One image to try things on.

    Attributes
    ----------
    name
        Short name, fit for a file.
    image
        uint8 (y, x, 3) RGB.
    mpp
        µm per pixel.
    truth
        int32 (y, x) instance labels at the same pixels, 0 for background and 1..n for the glands
        (everything inside the outer border of the epithelium), or None where nobody knows.
    licence
        Under what terms the image may be used.
    credit
        Where it comes from.
    """

    name: str
    image: np.ndarray
    mpp: float
    truth: np.ndarray | None
    licence: str
    credit: str
