"""Where on a slide there is tissue, told from a small picture of it."""

from __future__ import annotations

import math

import numpy as np

from napari_glands.slides.grid import Grid, Region
from napari_glands.slides.slide import Slide

__all__ = ["tissue_mask", "tissue_share"]

_MPP = 8.0
_MOST_PIXELS = 8_000_000
# The optical density that glass is below in every channel, and the darkest glass of scanners.
_GLASS_DENSITY = 0.07
_DARKEST_WHITE = 215.0
_SMALLEST_PIECE_UM2 = 10_000.0  # less is dust
_SMALLEST_GAP_UM2 = 60_000.0  # less may be a lumen
_MARGIN_UM = 20.0


def tissue_mask(slide: Slide, mpp: float = _MPP) -> tuple[np.ndarray, Grid]:
    """Find the tissue of a slide, generously: what is left out is bare glass.

    Memory is bounded whatever the slide's size. A pyramid answers within a second; a large image
    without coarser levels has to be read whole.

    Parameters
    ----------
    slide
        The slide.
    mpp
        Pixel size of the mask in µm; slides too large for that get a coarser one.

    Returns
    -------
    ndarray
        bool (y, x): tissue, and a margin of 20 µm around it.
    Grid
        How the mask lies on the slide.

    Raises
    ------
    GlandsError
        When the file is damaged or gone.
    """
    from scipy import ndimage as ndi
    from skimage import morphology

    rows, columns = slide.grid(mpp).shape
    mpp *= max(1.0, math.sqrt(rows * columns / _MOST_PIXELS))
    grid = slide.grid(mpp)
    stained = _stained(slide.read(mpp))
    area = grid.pixel_area_um2
    pieces = morphology.remove_small_objects(stained, max_size=int(_SMALLEST_PIECE_UM2 / area))
    filled = morphology.remove_small_holes(pieces, max_size=int(_SMALLEST_GAP_UM2 / area))
    reach = math.ceil(grid.pixels(_MARGIN_UM))
    return ndi.binary_dilation(filled, ndi.generate_binary_structure(2, 2), reach), grid


def tissue_share(mask: np.ndarray, grid: Grid, region: Region) -> float:
    """Return the share of a part of a slide that is tissue.

    Parameters
    ----------
    mask, grid
        From `tissue_mask`.
    region
        The part, in level-0 pixels of the whole slide; all mask pixels that it touches count.

    Returns
    -------
    float
        In [0, 1]; 0 for a part beside the mask.
    """
    (dy, dx), (y0, x0) = grid.downsample, grid.origin
    top, left = math.floor((region.y - y0) / dy), math.floor((region.x - x0) / dx)
    bottom = math.ceil((region.y + region.height - y0) / dy)
    right = math.ceil((region.x + region.width - x0) / dx)
    part = mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return float(part.mean()) if part.size else 0.0


def _stained(rgb: np.ndarray) -> np.ndarray:
    """Return which pixels let less light through than the glass, bool (y, x)."""
    sample = rgb.reshape(-1, 3)[:: max(1, rgb.shape[0] * rgb.shape[1] // 1_000_000)]
    white = np.maximum(np.percentile(sample, 99.5, axis=0), _DARKEST_WHITE)
    # Of a slide cut out of black or filled up with it, the black is no tissue.
    black = (rgb < 10).all(axis=2)
    darkest_glass = np.floor(white * math.exp(-_GLASS_DENSITY))
    return (rgb < darkest_glass).any(axis=2) & ~black
