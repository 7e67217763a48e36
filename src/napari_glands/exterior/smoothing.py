"""Smoothing large images strip by strip, on several threads and without large copies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import ndimage as ndi

__all__ = ["smoothed", "smoothed_strips"]

_STRIP = 256  # rows that are smoothed at a time


def smoothed(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth float (y, x) with a Gaussian of some pixels, as scipy's filter does."""
    out = np.empty_like(image)
    smoothed_strips(image.__getitem__, len(image), sigma, out.__setitem__)
    return out


def smoothed_strips(
    read: Callable[[slice], np.ndarray],
    rows: int,
    sigma: float,
    use: Callable[[slice, np.ndarray], None],
) -> None:
    """Smooth an image with a Gaussian, as scipy's filter does, on as many threads as torch has.

    Parameters
    ----------
    read
        Gives some rows of the image, float (y, x).
    rows
        Number of all rows.
    sigma
        Standard deviation in pixels.
    use
        Called with rows and what is there after smoothing; on several threads.
    """
    reach = int(4 * sigma + 0.5)  # what the filter looks at by default

    def smooth(top: int) -> None:
        above, bottom = max(0, top - reach), min(rows, top + _STRIP)
        found = ndi.gaussian_filter(read(slice(above, min(rows, bottom + reach))), sigma)
        use(slice(top, bottom), found[top - above :][: bottom - top])

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(smooth, range(0, rows, _STRIP)))
