"""Bare glass: the one thing on a slide that is known to be no gland."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import segmentation

from napari_glands.exterior.sampling import optical_density
from napari_glands.exterior.smoothing import smoothed

__all__ = ["bare_glass", "glass_of"]

_GLASS_DENSITY = 0.07  # optical density that smoothed glass is below in every channel
_SMOOTHING_UM = 2.5
# Smaller white areas may be lumens, which belong to their gland; those within the image have to be
# larger than the largest interior of a prior, so that none is ever erased.
_SMALLEST_AT_BORDER_UM2 = 40_000.0
_SMALLEST_UM2 = 60_000.0


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
    return _glass(density.max(axis=0).astype(np.float32), mpp)


def glass_of(rgb: np.ndarray, mpp: float) -> np.ndarray:
    """Find the bare glass, bool (y, x), of an image, uint8 (y, x, 3), of a pixel size in µm."""
    # By channel: a reduction along the last axis, of three, takes 30 times as long.
    lowest = np.minimum(np.minimum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    return _glass(optical_density(lowest), mpp)


def _glass(darkest: np.ndarray, mpp: float) -> np.ndarray:
    """Find the bare glass, bool (y, x), of the largest density of any channel, float32 (y, x)."""
    white = smoothed(darkest, _SMOOTHING_UM / mpp) < _GLASS_DENSITY
    if np.count_nonzero(white) <= _SMALLEST_AT_BORDER_UM2 / mpp**2:
        return np.zeros_like(white)
    pieces, count = ndi.label(white)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = (sizes > int(_SMALLEST_AT_BORDER_UM2 / mpp**2))[pieces]
    if not large.any():
        return large
    inside = segmentation.clear_border(large)
    return large & (~inside | (sizes > int(_SMALLEST_UM2 / mpp**2))[pieces])
