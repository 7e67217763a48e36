"""Closed rings of the exterior, swept over exterior levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from skimage import measure

__all__ = [
    "Ring",
    "closed_rings",
    "deeper_than",
    "enclosed_by",
    "exterior_levels",
    "wall_at",
    "widened",
]


@dataclass(frozen=True, eq=False)
class Ring:
    """One region that the exterior encloses at one level.

    Attributes
    ----------
    level
        Share of the tissue that counts as exterior at the level where the ring closes.
    box
        Bounding box in the exterior map.
    mask
        bool (height, width) of the box: the enclosed region, islands of exterior filled.
    solidity
        Area over convex area, islands not filled: what leaks around islands is not solid.
    """

    level: float
    box: tuple[slice, slice]
    mask: np.ndarray
    solidity: float

    @property
    def area(self) -> int:
        """Area in pixels."""
        return int(self.mask.sum())


def exterior_levels(strictest: float, most_lenient: float, count: int) -> np.ndarray:
    """Return the levels of the sweep, from strict to lenient, as shares of the tissue."""
    return np.linspace(strictest, most_lenient, count)


def wall_at(exterior: np.ndarray, level: float) -> np.ndarray:
    """Return the pixels, bool (y, x), that count as exterior at a level.

    Parameters
    ----------
    exterior
        float (y, x) in [0, 1]: how surely each pixel is exterior, smoothed and by rank.
    level
        Share of the tissue that counts as exterior.
    """
    return exterior > 1 - level


def enclosed_by(wall: np.ndarray) -> np.ndarray:
    """Number the regions, int32 (y, x), that a wall encloses.

    A region is enclosed when no path leads from it to the image border without crossing the wall,
    so regions that touch the border never count.
    """
    gaps, count = ndi.label(~wall)
    enclosed = np.ones(count + 1, bool)
    for edge in (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
        enclosed[edge] = False
    enclosed[0] = False
    return _only(gaps, enclosed)


def closed_rings(
    regions: np.ndarray, level: float, min_area: float, max_area: float, min_solidity: float
) -> Iterator[Ring]:
    """Turn the regions that the exterior encloses at one level into rings.

    Parameters
    ----------
    regions
        int (y, x): what is enclosed at this level; see `enclosed_by`.
    level
        Share of the tissue that counts as exterior.
    min_area, max_area
        Bounds of the enclosed area in pixels.
    min_solidity
        Smallest area over convex area.
    """
    areas = np.bincount(regions.ravel())
    fitting = (areas >= min_area) & (areas <= max_area)
    fitting[0] = False
    for region in measure.regionprops(_only(regions, fitting)):
        if region.solidity >= min_solidity:
            yield Ring(level, region.slice, region.image_filled, float(region.solidity))


def _only(labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Keep some labels, bool (label), and number them anew in their order, int32 (y, x)."""
    return np.where(wanted, np.cumsum(wanted), 0).astype(np.int32)[labels]


def deeper_than(mask: np.ndarray, width: float) -> np.ndarray:
    """Return the pixels, bool (y, x), deeper in a mask than a width; outside its box is outside."""
    return ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > width


def widened(
    ring: Ring, margin: int, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Widen a ring's box by a margin within an image; return the box and the mask in it."""
    box, pad = [], []
    for part, n in zip(ring.box, shape, strict=True):
        start, stop = max(0, part.start - margin), min(n, part.stop + margin)
        box.append(slice(start, stop))
        pad.append((part.start - start, stop - part.stop))
    return (box[0], box[1]), np.pad(ring.mask, pad)
