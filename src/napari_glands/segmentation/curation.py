"""From a prediction to glands that the user can look through, with former decisions kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage as ndi
from skimage import measure

from napari_glands.priors.curated import DECIDED
from napari_glands.priors.gland import Gland, Glands
from napari_glands.segmentation.result import Prediction
from napari_glands.segmentation.uncertainty import certainty
from napari_glands.slides.grid import Grid
from napari_glands.slides.label_resampling import nearest

__all__ = ["COVERED", "carry_over", "curated_glands"]

_HALF_SEEN = 0.3  # probability above which the network half sees a gland
COVERED = 0.5
"""Share of a gland on decided ones above which the decision stands for it."""


def curated_glands(prediction: Prediction, others: Sequence[np.ndarray] = ()) -> Glands:
    """Return the glands of a prediction, none of them decided yet.

    What was found is proposed, under its number in the prediction. What the network only half
    sees, outside of these, is doubtful. The score is how sure the network is, times the squared
    solidity: of two glands in one the network may be sure, but their outline is not convex.

    Parameters
    ----------
    prediction
        The prediction of a slide.
    others
        Probabilities (y, x) that other models gave on the same grid: where they disagree, the
        score is lower.
    """
    labels = prediction.glands.astype(np.int32)
    doubtful = _half_seen(prediction)
    first = int(labels.max(initial=0))
    labels = np.where(doubtful > 0, doubtful + np.int32(first), labels)
    sure, convex = certainty([prediction.probability, *others], labels), _solidity(labels)
    areas = _areas(labels, prediction.grid)
    table = tuple(
        Gland(n, "proposed" if n <= first else "doubtful", sure[n] * convex[n] ** 2, area)
        for n, area in areas.items()
    )
    return Glands(
        prediction.slide_id,
        prediction.grid,
        labels,
        table,
        prediction.settings,
        probability=np.rint(prediction.probability * 255).astype(np.uint8),
        model=prediction.model,
        slide_name=prediction.slide_name,
    )


def carry_over(glands: Glands, former: Glands) -> Glands:
    """Take the user's decisions on former glands over to new ones.

    What the user accepted, edited or rejected stays as it was, number and outline. A new gland
    that mostly lies in it is dropped, as the decision stands for it (so a rejected gland stays
    rejected); of one that only reaches into it, what lies outside stays where it is large enough.

    Parameters
    ----------
    glands
        The new glands of a slide.
    former
        The former ones of the same slide, at any resolution.
    """
    decided = {row.id: row for row in former.table if row.state in DECIDED}
    kept = nearest(np.where(former.decided, former.labels, 0), glands.labels.shape)
    if not kept.any():
        return glands
    new = _outside(glands, kept > 0)
    numbers = _free_numbers({*decided, *(row.id for row in glands.table)})
    labels, rows = kept.astype(np.int32), dict(decided)
    for piece in new:
        number = piece.row.id if piece.row.id not in rows else next(numbers)
        labels[piece.box][piece.mask] = number
        rows[number] = replace(piece.row, id=number)
    table = tuple(
        replace(rows[n], area_um2=area) for n, area in _areas(labels, glands.grid).items()
    )
    return replace(glands, labels=labels, table=table)


@dataclass(frozen=True, eq=False)
class _Piece:
    """What is left of a gland: its row, and a bool mask in a box."""

    row: Gland
    box: tuple[slice, slice]
    mask: np.ndarray


def _outside(glands: Glands, taken: np.ndarray) -> list[_Piece]:
    """Return the new glands as far as they lie outside of what is taken, the whole ones first."""
    smallest = glands.grid.area_pixels(glands.settings.predict.min_gland_um2)
    dense, ids = _dense(glands.labels)
    rows = {row.id: row for row in glands.table}
    whole: list[_Piece] = []
    cut: list[_Piece] = []
    for region in measure.regionprops(dense):
        row, free = rows[int(ids[region.label])], region.image & ~taken[region.slice]
        if free.sum() == region.area:
            whole.append(_Piece(row, region.slice, free))
        elif free.sum() >= (1 - COVERED) * region.area:
            pieces, count = measure.label(free, connectivity=1, return_num=True)
            masks = (pieces == n for n in range(1, count + 1))
            cut += [_Piece(row, region.slice, m) for m in masks if m.sum() >= smallest]
    return whole + cut


def _half_seen(prediction: Prediction) -> np.ndarray:
    """Number what the network only half sees: int32 (y, x), away from all that it found."""
    wishes, grid = prediction.settings.predict, prediction.grid
    found, probability = prediction.glands > 0, prediction.probability
    components = measure.label(probability > _HALF_SEEN, connectivity=1)
    sizes = np.bincount(components.ravel())
    doubtful = sizes >= grid.area_pixels(wishes.min_gland_um2)
    doubtful[0] = False
    doubtful[np.unique(components[found])] = False
    mask = _filled(doubtful[components], grid.area_pixels(wishes.max_hole_um2)) & ~found
    return measure.label(mask, connectivity=1).astype(np.int32)


def _filled(mask: np.ndarray, largest: float) -> np.ndarray:
    """Fill the enclosed holes of a mask up to a size in pixels; what reaches the edge is none."""
    holes = measure.label(ndi.binary_fill_holes(mask) & ~mask, connectivity=1)
    small = np.bincount(holes.ravel()) <= largest
    small[0] = False
    return mask | small[holes]


def _dense(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number labels from 1 without gaps; return them, and the label by number."""
    ids, places = np.unique(labels, return_inverse=True)
    if ids[0] != 0:
        ids, places = np.concatenate([[0], ids]), places + 1
    return places.reshape(labels.shape), ids


def _solidity(labels: np.ndarray) -> dict[int, float]:
    """Area over convex area by label; the largest label costs no memory."""
    dense, ids = _dense(labels)
    return {int(ids[r.label]): float(r.solidity) for r in measure.regionprops(dense)}


def _areas(labels: np.ndarray, grid: Grid) -> dict[int, float]:
    """Area in µm² by label, in ascending order; the largest label costs no memory."""
    pairs = zip(*np.unique(labels[labels > 0], return_counts=True), strict=True)
    return {int(n): float(count * grid.pixel_area_um2) for n, count in pairs}


def _free_numbers(taken: set[int]) -> Iterator[int]:
    return (n for n in itertools.count(1) if n not in taken)
