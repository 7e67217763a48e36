"""How gland-like every pixel is, by cues that need no label."""

from __future__ import annotations

from collections.abc import Iterable

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


def gland_likeness(fields: Iterable[tuple[np.ndarray, np.ndarray]], mpp: float) -> list[np.ndarray]:
    """Much exterior around and little fine texture, each in standard deviations of the image.

    Parameters
    ----------
    fields
        An image, or some fields of one: of each its pixels, uint8 (y, x, 3), and their exterior
        map, float (y, x).
    mpp
        Pixel size in µm.

    Returns
    -------
    list of ndarray
        float32 (y, x) each, higher is more gland-like; only the order of all pixels matters.
    """
    surround = _SURROUND_UM / mpp
    around, texture = [], []
    for rgb, exterior in fields:
        around.append(ndi.gaussian_filter(exterior.astype(np.float32), surround))
        texture.append(ndi.gaussian_filter(fine_texture(rgb, _TEXTURE_UM / mpp), surround))
    pairs = zip(_standard(around), _standard(texture), strict=True)
    return [much - little for much, little in pairs]


def _standard(fields: list[np.ndarray]) -> list[np.ndarray]:
    values = np.concatenate([field.ravel() for field in fields])
    mean, deviation = values.mean(), values.std() + 1e-6
    return [(field - mean) / deviation for field in fields]
