"""An instant classical view of the exterior, for comparison with stage 1."""

from __future__ import annotations

import numpy as np
from skimage import color, exposure, filters

__all__ = ["haematoxylin_preview"]


def haematoxylin_preview(rgb: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Smoothed haematoxylin by colour deconvolution, stretched to [0, 1].

    Source: Ruifrok and Johnston, "Quantification of histochemical staining by color
    deconvolution", 2001.

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
    haematoxylin = filters.gaussian(color.rgb2hed(rgb)[..., 0], sigma)
    low, high = np.percentile(haematoxylin, (1, 99))
    stretched = exposure.rescale_intensity(haematoxylin, (low, high + 1e-9), (0.0, 1.0))
    return stretched.astype(np.float32)
