"""Glands that are all epithelium: compact pieces of exterior, for slides where no ring closes.

A gland that is cut near its end, or whose lumen is pressed shut, shows no interior: its exterior
is one compact piece. Such pieces are less certain than rings, so they are only looked for in
slides that have no ring at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage as ndi
from skimage import measure, morphology
from skimage.segmentation import clear_border

from napari_glands.priors.rings import Ring, deeper_than, widened
from napari_glands.priors.scores import RingScores, Stability

__all__ = ["compact_exteriors"]

_MIN_SOLIDITY = 0.9  # pieces are less certain than rings, so they must be more compact


def compact_exteriors(
    exterior: np.ndarray,
    walls: Sequence[np.ndarray],
    levels: Sequence[float],
    min_area: float,
    max_area: float,
    ring_width: float,
) -> list[tuple[Ring, RingScores]]:
    """Find compact, filled pieces of exterior away from the image border.

    The interior of a piece is what lies deeper than a ring width, so that a ring width of
    exterior remains around it.

    Parameters
    ----------
    exterior
        float (y, x) smoothed exterior map.
    walls, levels
        bool (y, x) exterior at every level of the sweep, and the levels.
    min_area, max_area
        Bounds of a piece's interior in pixels.
    ring_width
        Width of the epithelium in pixels.

    Returns
    -------
    list of (Ring, RingScores)
        The contrast of a piece is its exterior minus that of its surroundings.
    """
    pieces = [ndi.label(ndi.binary_fill_holes(wall))[0] for wall in walls]
    stability = Stability(pieces)
    found = []
    for level, labels in zip(levels, pieces, strict=True):
        for region in measure.regionprops(clear_border(labels)):
            if not min_area <= region.area <= 4 * max_area or region.solidity < _MIN_SOLIDITY:
                continue
            whole = Ring(float(level), region.slice, region.image, float(region.solidity))
            core = deeper_than(region.image, ring_width)
            if min_area <= core.sum() <= max_area:
                inner = Ring(whole.level, whole.box, core, whole.solidity)
                contrast = _step_outside(exterior, whole, ring_width)
                found.append((inner, RingScores(whole.solidity, contrast, 1.0, stability(whole))))
    return found


def _step_outside(exterior: np.ndarray, piece: Ring, width: float) -> float:
    """Mean exterior of a piece minus that of the band around it."""
    reach = max(1, round(width))
    box, inside = widened(piece, reach + 1, exterior.shape)
    band = morphology.dilation(inside, morphology.disk(reach)) & ~inside
    return float(exterior[box][inside].mean() - exterior[box][band].mean())
