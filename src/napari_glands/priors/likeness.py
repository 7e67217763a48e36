"""How gland-like every pixel is, by cues that need no label."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import color

__all__ = ["fine_texture", "gland_likeness"]

_TEXTURE_UM = 1.24  # width at which texture is measured: glands are smoother than stroma here
_SURROUND_UM = 10.0  # width over which cues are averaged


def fine_texture(rgb: np.ndarray, sigma: float) -> np.ndarray:
    """Local standard deviation of the lightness L*, float32 (y, x).

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).
    sigma
        Gaussian width of the neighbourhood in pixels.
    """
    lightness = color.rgb2lab(rgb)[..., 0].astype(np.float32)
    mean = ndi.gaussian_filter(lightness, sigma)
    square = ndi.gaussian_filter(lightness**2, sigma)
    return np.sqrt(np.maximum(square - mean**2, 0))


def gland_likeness(rgb: np.ndarray, exterior: np.ndarray, mpp: float) -> np.ndarray:
    """Much exterior around and little fine texture, each in standard deviations of the image.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).
    exterior
        float (y, x) exterior map of the same pixels.
    mpp
        Pixel size in µm.

    Returns
    -------
    ndarray
        float32 (y, x), higher is more gland-like; only its order within the image matters.
    """
    surround = _SURROUND_UM / mpp
    around = ndi.gaussian_filter(exterior.astype(np.float32), surround)
    texture = ndi.gaussian_filter(fine_texture(rgb, _TEXTURE_UM / mpp), surround)
    return _standard(around) - _standard(texture)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / (values.std() + 1e-6)
