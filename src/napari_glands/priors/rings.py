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
    "resolve_overlaps",
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
    """Number the regions, int (y, x), that a wall encloses away from the image border."""
    return ndi.label(ndi.binary_fill_holes(wall) & ~wall)[0]


def closed_rings(
    wall: np.ndarray, level: float, min_area: float, max_area: float, min_solidity: float
) -> Iterator[Ring]:
    """Find the regions that the exterior encloses at one level.

    A region is enclosed when no path leads from it to the image border without crossing the
    exterior, so regions that touch the border never count.

    Parameters
    ----------
    wall
        bool (y, x): the exterior at this level; see `wall_at`.
    level
        Share of the tissue that counts as exterior.
    min_area, max_area
        Bounds of the enclosed area in pixels.
    min_solidity
        Smallest area over convex area.
    """
    for region in measure.regionprops(enclosed_by(wall)):
        if min_area <= region.area <= max_area and region.solidity >= min_solidity:
            yield Ring(level, region.slice, region.image_filled, float(region.solidity))


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


def resolve_overlaps(
    rings: list[Ring], scores: list[float], shape: tuple[int, int], largest_overlap: float = 0.1
) -> tuple[np.ndarray, list[int]]:
    """Paint rings best first; one that overlaps what is painted already is dropped.

    Parameters
    ----------
    rings, scores
        The candidates and their scores.
    shape
        Shape of the label image.
    largest_overlap
        Share of a ring that may lie on better ones; that share stays theirs.

    Returns
    -------
    labels : ndarray
        int32 (y, x): 0 or 1 + position in `kept`.
    kept : list of int
        Positions in `rings` of those that were painted, in order of their labels.
    """
    labels = np.zeros(shape, np.int32)
    kept: list[int] = []
    for i in sorted(range(len(rings)), key=lambda i: -scores[i]):
        ring, window = rings[i], labels[rings[i].box]
        if (window[ring.mask] > 0).mean() > largest_overlap:
            continue
        kept.append(i)
        window[ring.mask & (window == 0)] = len(kept)
    return labels, kept
