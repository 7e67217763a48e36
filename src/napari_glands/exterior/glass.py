"""Bare glass: the one thing on a slide that is known to be no gland."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage as ndi
from skimage import segmentation

from napari_glands.exterior.sampling import optical_density
from napari_glands.exterior.smoothing import smoothed_strips

__all__ = ["bare_glass", "glass_of"]

_GLASS_DENSITY = 0.07  # optical density that smoothed glass is below in every channel
_SMOOTHING_UM = 2.5
_STRIP = 256  # rows that are counted at a time
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

    def darkest(rows: slice) -> np.ndarray:
        return density[:, rows].max(axis=0).astype(np.float32)

    return _glass(darkest, density.shape[1:], mpp)


def glass_of(rgb: np.ndarray, mpp: float) -> np.ndarray:
    """Find the bare glass, bool (y, x), of an image, uint8 (y, x, 3), of a pixel size in µm."""

    def darkest(rows: slice) -> np.ndarray:
        # By channel: a reduction along the last axis, of three, takes 30 times as long.
        red, green, blue = np.moveaxis(rgb[rows], -1, 0)
        return optical_density(np.minimum(np.minimum(red, green), blue))

    return _glass(darkest, rgb.shape[:2], mpp)


def _glass(
    darkest: Callable[[slice], np.ndarray], shape: tuple[int, ...], mpp: float
) -> np.ndarray:
    """Find the bare glass, bool (y, x), where rows of the largest density of any channel are given.

    What is smoothed needs no finer pixels than its smoothing: as many as fit into it are averaged.
    The image is gone through in strips of rows: copies of all of it would take longer than the
    work on them.
    """
    step = max(1, int(_SMOOTHING_UM / mpp))
    coarse = (-(-shape[0] // step), -(-shape[1] // step))

    def averaged(rows: slice) -> np.ndarray:
        return _averaged(darkest(slice(rows.start * step, rows.stop * step)), step)

    found = _large_white(averaged, coarse, mpp * step)
    return found.repeat(step, axis=0).repeat(step, axis=1)[: shape[0], : shape[1]]


def _averaged(density: np.ndarray, step: int) -> np.ndarray:
    """Average squares of pixels; beyond the edge the last one is repeated."""
    density = np.pad(density, [(0, -n % step) for n in density.shape], mode="edge")
    parts = [density[i::step, j::step] for i in range(step) for j in range(step)]
    return sum(parts[1:], start=parts[0]) / len(parts)


def _large_white(
    read: Callable[[slice], np.ndarray], shape: tuple[int, int], mpp: float
) -> np.ndarray:
    """Find large areas of little density, bool (y, x), where its rows are given."""
    at_border, within = (int(a / mpp**2) for a in (_SMALLEST_AT_BORDER_UM2, _SMALLEST_UM2))
    white = np.empty(shape, bool)

    def find_white(rows: slice, density: np.ndarray) -> None:
        np.less(density, _GLASS_DENSITY, out=white[rows])

    smoothed_strips(read, shape[0], _SMOOTHING_UM / mpp, find_white)
    if np.count_nonzero(white) <= at_border:
        return np.zeros(shape, bool)
    pieces, count = ndi.label(white)
    strips = np.array_split(pieces, max(1, shape[0] // _STRIP))
    sizes = np.sum([np.bincount(s.ravel(), minlength=count + 1) for s in strips], axis=0)
    sizes[0] = 0
    if sizes.max() <= at_border:
        return np.zeros(shape, bool)
    large, huge = (np.concatenate([(sizes > a)[s] for s in strips]) for a in (at_border, within))
    return large & (~segmentation.clear_border(large) | huge)
