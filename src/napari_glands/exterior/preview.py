"""An instant classical view of the exterior, for comparison with stage 1."""

from __future__ import annotations

import numpy as np
from skimage import exposure, filters

from napari_glands.exterior.sampling import haematoxylin

__all__ = ["haematoxylin_preview"]


def haematoxylin_preview(rgb: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Smoothed haematoxylin by colour deconvolution, stretched to [0, 1].

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).
    sigma
        Gaussian width in pixels.

    Returns
    -------
    ndarray
        float32 (y, x) in [0, 1].
    """
    smooth = filters.gaussian(haematoxylin(rgb), sigma)
    low, high = np.percentile(smooth, (1, 99))
    stretched = exposure.rescale_intensity(smooth, (low, high + 1e-9), (0.0, 1.0))
    return stretched.astype(np.float32)
