"""Pull an outline onto the edge nearby."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import segmentation

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit, Point, gland_at
from napari_glands.slides import Grid

__all__ = ["snap"]

_SMOOTHING_UM = 2.0  # of the map in which the edge is sought
_ROUNDING_UM = 2.0  # of the outline that is found: maps are noisy
_FAINTEST = 0.01  # step of the map per µm below which there is no edge


def snap(
    labels: np.ndarray, at: Point, edges: np.ndarray, um: float, grid: Grid, *, rim: bool = False
) -> Edit:
    """Pull the outline of the gland at a point onto the strongest edge nearby.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    at
        Row and column in the gland.
    edges
        uint8 (y, x): the exterior map, or any other map that is high on the epithelium.
    um
        How far the outline may move, in µm.
    grid
        How labels and map lie on their slide.
    rim
        Whether the gland includes its epithelium, so that the map falls at its outline; it rises
        at the outline of an interior.

    Raises
    ------
    GlandsError
        When there is no gland, no edge nearby, or the outline is on it already.
    """
    number, box = gland_at(labels, at, 2 * grid.pixels(um) + 3)
    window = labels[box].astype(np.int32)
    mask = window == number
    outside = ndi.distance_transform_edt(~mask, sampling=grid.mpp)
    inside = ndi.distance_transform_edt(mask, sampling=grid.mpp)
    step = _step_outwards(edges[box], outside - inside, grid)
    strength = np.maximum(0, -step if rim else step)
    band = (outside <= um) & (inside <= um)
    if strength[band].max(initial=0) < _FAINTEST:
        raise GlandsError(f"There is no edge within {um:g} µm of gland {number}.")
    # Of a gland narrower than the way its outline may move, the core stays.
    core = inside > min(um, 0.5 * inside.max())
    free = mask | (window == 0)
    markers = np.zeros(mask.shape, np.int32)
    markers[core], markers[(outside > um) | ~free] = 1, 2
    basins = segmentation.watershed(strength, markers)
    ragged = ndi.binary_fill_holes(basins == 1).astype(np.float32)
    snapped = (ndi.gaussian_filter(ragged, [_ROUNDING_UM / size for size in grid.mpp]) > 0.5) & free
    if (snapped == mask).all():
        raise GlandsError(f"Gland {number} is on the edge already.")
    window[mask] = 0
    window[snapped] = number
    return Edit(box, window)


def _step_outwards(edges: np.ndarray, distance: np.ndarray, grid: Grid) -> np.ndarray:
    """Return by how much a map rises per µm on the way out of a gland."""
    widths = [_SMOOTHING_UM / size for size in grid.mpp]
    values = ndi.gaussian_filter(edges.astype(np.float32) / 255, widths)
    way = ndi.gaussian_filter(distance.astype(np.float32), widths)
    rise = np.gradient(values, *grid.mpp)
    out = np.gradient(way, *grid.mpp)
    length = np.maximum(np.hypot(*out), 1e-6)
    return (rise[0] * out[0] + rise[1] * out[1]) / length
