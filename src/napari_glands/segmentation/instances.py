"""From a probability map to gland instances."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import measure, morphology, segmentation

from napari_glands.settings import PredictSettings
from napari_glands.slides import Grid

__all__ = ["gland_instances"]


def gland_instances(probability: np.ndarray, grid: Grid, settings: PredictSettings) -> np.ndarray:
    """Threshold, fill, split touching glands at their waists, drop specks.

    The split is a watershed on the distance to the background, from the peaks that rise at least
    the split depth above the saddle to a higher one (h-maxima).

    Parameters
    ----------
    probability
        float (y, x) in [0, 1].
    grid
        How the map lies on the slide.
    settings
        Threshold, smallest gland, largest hole and split depth.

    Returns
    -------
    ndarray
        int32 (y, x): 0 background, 1..n glands.
    """
    mask = probability > settings.threshold
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    hole = int(grid.area_pixels(settings.max_hole_um2))
    mask = morphology.remove_small_holes(mask, max_size=hole)
    depth = ndi.distance_transform_edt(mask, sampling=grid.mpp)
    depth = ndi.gaussian_filter(depth, grid.pixels(2.0)) * mask
    peaks = morphology.h_maxima(depth, settings.split_um / 2) > 0
    glands = segmentation.watershed(-depth, _markers(mask, peaks), mask=mask)
    return _without_specks(glands, grid.area_pixels(settings.min_gland_um2))


def _markers(mask: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Number the peaks; a piece that is too thin to have one is its own marker.

    Without that, a piece thinner than the split depth would vanish instead of staying whole.
    """
    markers, pieces = measure.label(peaks), measure.label(mask, connectivity=1)
    peakless = mask & ~np.isin(pieces, pieces[peaks])
    return np.where(peakless, markers.max() + pieces, markers)


def _without_specks(glands: np.ndarray, min_area: float) -> np.ndarray:
    """Remove instances smaller than `min_area` pixels and number the others from 1."""
    sizes = np.bincount(glands.ravel())
    kept = sizes >= min_area
    kept[0] = False
    numbers = np.zeros(len(sizes), np.int32)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[glands]
