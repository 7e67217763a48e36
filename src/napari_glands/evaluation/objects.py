"""The gland-wise comparison of two label images, as the GlaS challenge defines it.

Sirinukunwattana et al. 2017, doi 10.1016/j.media.2016.08.008, section 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

__all__ = ["ObjectTally", "compare_objects"]

_DETECTED = 0.5  # a detection covers at least this share of its true object's area


@dataclass(frozen=True)
class ObjectTally:
    """What the gland-wise figures are made of; tallies of several images add up.

    Attributes
    ----------
    true_positives
        True objects that a detection covers by at least half.
    predicted, true
        Numbers of objects.
    predicted_area, true_area
        Pixels of all objects: what the sums below are weighted with.
    predicted_dice, true_dice
        Sum over the objects of area × Dice with the object's counterpart.
    predicted_hausdorff, true_hausdorff
        Sum over the objects of area × Hausdorff distance (pixels) to the counterpart.
    """

    true_positives: int = 0
    predicted: int = 0
    true: int = 0
    predicted_area: int = 0
    true_area: int = 0
    predicted_dice: float = 0.0
    true_dice: float = 0.0
    predicted_hausdorff: float = 0.0
    true_hausdorff: float = 0.0

    def __add__(self, other: ObjectTally) -> ObjectTally:
        """Pool two tallies."""
        mine, theirs = vars(self), vars(other)
        return ObjectTally(**{name: mine[name] + theirs[name] for name in mine})


class _Objects:
    """The objects of one label image, renumbered 0..n-1."""

    def __init__(self, labels: np.ndarray) -> None:
        values, numbers = np.unique(labels, return_inverse=True)
        numbers = numbers.reshape(labels.shape)
        # 0 has to stay the background even where no pixel is background.
        self.numbers = numbers if values[0] == 0 else numbers + 1
        self.boxes = ndimage.find_objects(self.numbers)
        self.areas = np.bincount(self.numbers.ravel(), minlength=len(self.boxes) + 1)[1:]
        self.corners = np.array(
            [(box[0].start, box[1].start, box[0].stop, box[1].stop) for box in self.boxes]
        ).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self.boxes)

    def mask(self, index: int, box: tuple[slice, slice]) -> np.ndarray:
        """Return the pixels of one object inside a box."""
        return self.numbers[box] == index + 1


def compare_objects(predicted: np.ndarray, true: np.ndarray) -> ObjectTally:
    """Compare two label images object by object.

    The counterpart of an object is the object of the other image that it overlaps most; an
    overlap with the background never counts. An object without overlap has Dice 0, and its
    Hausdorff distance is that to the object for which it is smallest. Where the other image has
    no object at all, the diagonal of the image, the largest distance it has room for, stands in
    for the distance, which the challenge leaves undefined; so an empty prediction gains nothing.

    A detection is a true positive if it covers at least half the area of its counterpart. A true
    object is found at most once: of two detections that each cover exactly half, one is false.

    Parameters
    ----------
    predicted, true
        (y, x) of any integer dtype: 0 background, any other value one object.

    Returns
    -------
    ObjectTally
        Sums, with distances in pixels.
    """
    ours, theirs = _Objects(predicted), _Objects(true)
    shared = _intersections(ours, theirs)
    to_true, to_predicted = _counterparts(shared), _counterparts(shared.T.tocsr())
    return ObjectTally(
        true_positives=_found(to_true, theirs.areas),
        predicted=len(ours),
        true=len(theirs),
        predicted_area=int(ours.areas.sum()),
        true_area=int(theirs.areas.sum()),
        predicted_dice=_weighted_dice(ours, theirs, to_true),
        true_dice=_weighted_dice(theirs, ours, to_predicted),
        predicted_hausdorff=_weighted_hausdorff(ours, theirs, to_true),
        true_hausdorff=_weighted_hausdorff(theirs, ours, to_predicted),
    )


_Counterparts = list[tuple[int, int]]
"""For each object the index of its counterpart, or -1, and the pixels they share."""


def _intersections(ours: _Objects, theirs: _Objects) -> sparse.csr_matrix:
    """Count the pixels that each pair of objects shares, background left out."""
    both = (ours.numbers > 0) & (theirs.numbers > 0)
    rows, columns = ours.numbers[both] - 1, theirs.numbers[both] - 1
    ones = np.ones(len(rows), np.int64)
    pairs = sparse.coo_matrix((ones, (rows, columns)), shape=(len(ours), len(theirs)))
    return pairs.tocsr()


def _counterparts(shared: sparse.csr_matrix) -> _Counterparts:
    """Return the column of the largest entry of each row, the first of equal ones."""
    found = []
    for start, stop in zip(shared.indptr[:-1], shared.indptr[1:], strict=True):
        columns, counts = shared.indices[start:stop], shared.data[start:stop]
        if len(counts):
            most = counts.max()
            found.append((int(columns[counts == most].min()), int(most)))
        else:
            found.append((-1, 0))
    return found


def _found(to_true: _Counterparts, true_areas: np.ndarray) -> int:
    """Count the true objects with a detection; a set, so that each counts once."""
    return len({t for t, n in to_true if t >= 0 and n >= _DETECTED * true_areas[t]})


def _weighted_dice(some: _Objects, others: _Objects, counterparts: _Counterparts) -> float:
    """Sum area × Dice over some objects."""
    return sum(
        float(area) * 2 * shared / float(area + others.areas[other])
        for area, (other, shared) in zip(some.areas, counterparts, strict=True)
        if other >= 0
    )


def _weighted_hausdorff(some: _Objects, others: _Objects, counterparts: _Counterparts) -> float:
    """Sum area × Hausdorff distance over some objects."""
    if not len(others):
        return float(some.areas.sum() * math.hypot(*some.numbers.shape))
    return sum(
        float(some.areas[i])
        * (_hausdorff(some, i, others, j) if j >= 0 else _nearest_hausdorff(some, i, others))
        for i, (j, _) in enumerate(counterparts)
    )


def _hausdorff(some: _Objects, i: int, others: _Objects, j: int) -> float:
    """Return the Hausdorff distance of two objects' pixels."""
    a, b = some.corners[i], others.corners[j]
    top, left = np.minimum(a[:2], b[:2])
    bottom, right = np.maximum(a[2:], b[2:])
    # Both objects lie inside this box, so that distances within it are exact.
    box = (slice(top, bottom), slice(left, right))
    here, there = some.mask(i, box), others.mask(j, box)
    to_there = ndimage.distance_transform_edt(~there)[here].max()
    to_here = ndimage.distance_transform_edt(~here)[there].max()
    return float(max(to_there, to_here))


def _nearest_hausdorff(some: _Objects, i: int, others: _Objects) -> float:
    """Return the smallest Hausdorff distance from one object to any of the others."""
    # Two sets are at least as far apart as the sides of their boxes are.
    at_least = np.abs(others.corners - some.corners[i]).max(axis=1)
    best = np.inf
    for j in np.argsort(at_least, kind="stable"):
        if at_least[j] >= best:
            break
        best = min(best, _hausdorff(some, i, others, int(j)))
    return best
