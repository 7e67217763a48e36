"""Closed rings of the exterior, swept over exterior levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import convex_hull_image

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
    for edge in ([0], gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
        enclosed[edge] = False
    numbers = np.where(enclosed, np.cumsum(enclosed), 0).astype(np.int32)
    return numbers[gaps]


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
    for label, box in enumerate(ndi.find_objects(regions), start=1):
        if not min_area <= areas[label] <= max_area:
            continue
        region = regions[box] == label
        if areas[label] < min_solidity * _spanned(region).sum():
            continue
        solidity = float(areas[label] / convex_hull_image(region).sum())
        if solidity >= min_solidity:
            yield Ring(level, box, ndi.binary_fill_holes(region, np.ones((3, 3))), solidity)


def _spanned(mask: np.ndarray) -> np.ndarray:
    """Fill a mask, bool (y, x), between its outermost pixels of each row, then of each column.

    What is filled lies in the convex hull, and takes a tenth of the time to find.
    """
    for axis in (1, 0):
        there = np.logical_or.accumulate(mask, axis)
        mask = there & np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis), axis)
    return mask


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
