"""How a new region finds its place among the glands that are there."""

from __future__ import annotations

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Box, Edit, box_holding, moved

__all__ = ["free_number", "place", "refuse_twice"]

_LARGEST = int(np.iinfo(np.int32).max)
_SAME = 0.9  # share of a region in one gland above which it is that gland once more
_ABSORBED = 0.5  # share of a gland that lies in a new one which takes its place


def free_number(labels: np.ndarray) -> int:
    """Return a number that no gland has."""
    largest = int(labels.max(initial=0))
    if largest < _LARGEST:
        return largest + 1
    used = np.unique(labels)
    return int(np.setdiff1d(np.arange(1, len(used) + 1), used)[0])


def place(labels: np.ndarray, box: Box, region: np.ndarray, number: int) -> Edit:
    """Put a new gland where no other is; one that lies mostly in it makes room.

    Parameters
    ----------
    labels
        int (y, x): the whole label image.
    box, region
        Where the new gland is: bool (height, width) of the box.
    number
        The number that it gets.

    Raises
    ------
    GlandsError
        When others leave no room.
    """
    window = labels[box]
    met, counts = np.unique(window[region & (window > 0)], return_counts=True)
    taken_over = []
    for other, inside in zip(met.tolist(), counts.tolist(), strict=True):
        whole = labels[box_holding(labels, box, [other])] == other
        if inside > _ABSORBED * whole.sum():
            taken_over.append(other)
    if taken_over:
        wider = box_holding(labels, box, taken_over)
        wider = (
            slice(min(wider[0].start, box[0].start), max(wider[0].stop, box[0].stop)),
            slice(min(wider[1].start, box[1].start), max(wider[1].stop, box[1].stop)),
        )
        region = moved(region, box, wider)
        box, window = wider, labels[wider]
    others = (window > 0) & ~np.isin(window, taken_over)
    free = region & ~others
    if not free.any():
        raise GlandsError("There are glands already all over this place: erase them first.")
    placed = np.where(others, window, 0).astype(np.int32)
    placed[free] = number
    return Edit(box, placed)


def refuse_twice(labels: np.ndarray, box: Box, region: np.ndarray) -> None:
    """Refuse a region, bool (height, width) of a box, that is a gland already.

    Raises
    ------
    GlandsError
        When nearly all of it is in one gland.
    """
    numbers, counts = np.unique(labels[box][region], return_counts=True)
    most = int(np.argmax(counts))
    if numbers[most] > 0 and counts[most] > _SAME * counts.sum():
        raise GlandsError(f"This is gland {numbers[most]} already.")
