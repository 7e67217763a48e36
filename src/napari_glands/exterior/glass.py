"""Bare glass: the one thing on a slide that is known to be no gland."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import morphology, segmentation

from napari_glands.exterior.sampling import density_planes

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
    darkest = density.max(axis=0).astype(np.float32)
    white = ndi.gaussian_filter(darkest, _SMOOTHING_UM / mpp) < _GLASS_DENSITY
    large = _at_least(white, _SMALLEST_AT_BORDER_UM2 / mpp**2)
    inside = segmentation.clear_border(large)
    return (large & ~inside) | _at_least(inside, _SMALLEST_UM2 / mpp**2)


def glass_of(rgb: np.ndarray, mpp: float) -> np.ndarray:
    """Find the bare glass, bool (y, x), of an image, uint8 (y, x, 3), of a pixel size in µm."""
    return bare_glass(density_planes(rgb), mpp)


def _at_least(mask: np.ndarray, area: float) -> np.ndarray:
    """Keep the connected pieces of a mask that have at least `area` pixels."""
    return morphology.remove_small_objects(mask, max_size=int(area), connectivity=1)
