"""Smoothing large images on several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import ndimage as ndi

__all__ = ["smoothed"]

_STRIP = 256  # rows that are smoothed at a time


def smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth float (y, x) with a Gaussian, as scipy's filter does, on as many threads as torch has.

    Parameters
    ----------
    image
        What is smoothed.
    sigma
        Standard deviation in pixels.
    """
    rows, reach = len(image), int(4 * sigma + 0.5)  # what the filter looks at by default
    out = np.empty_like(image)

    def smooth(top: int) -> None:
        above, bottom = max(0, top - reach), min(rows, top + _STRIP)
        found = ndi.gaussian_filter(image[above : bottom + reach], sigma)
        out[top:bottom] = found[top - above :][: bottom - top]

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(smooth, range(0, rows, _STRIP)))
    return out
