"""Bare glass: the one thing on a slide that is known to be no gland."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import measure, morphology

__all__ = ["bare_glass"]

_DENSITY = 0.07  # largest optical density of glass in any channel
_SMOOTHING_UM = 2.5
_SMALLEST_UM2 = 40_000.0  # smaller white areas may be lumens, which belong to their gland


def bare_glass(density: np.ndarray, mpp: float) -> np.ndarray:
    """Find large areas without tissue.

    A lumen is as white as the glass beside the tissue, so a network that learned from glands with a
    lumen takes glass for one, unless it is told of both.

    Parameters
    ----------
    density
        float (3, y, x) optical density.
    mpp
        Pixel size in µm.

    Returns
    -------
    ndarray
        bool (y, x).
    """
    darkest = density.max(axis=0).astype(np.float32)
    white = ndi.gaussian_filter(darkest, _SMOOTHING_UM / mpp) < _DENSITY
    pieces = measure.label(white, connectivity=1)
    return morphology.remove_small_objects(pieces, max_size=int(_SMALLEST_UM2 / mpp**2)) > 0
