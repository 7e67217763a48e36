"""From few priors to many: glands that a network is sure of become priors too.

Rings close around few glands, and hardly ever around malignant ones. A network that has learned
from them finds the others; where it is sure throughout a gland, it is nearly as right as a ring.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from skimage import measure, segmentation

from napari_glands.errors import GlandsError
from napari_glands.priors.prior import Prior, Priors
from napari_glands.priors.rings import deeper_than
from napari_glands.settings import Settings
from napari_glands.slides import Grid

__all__ = ["grow_priors"]

_SURE = 0.9  # probability above which the network is sure of a pixel
_SURE_INTERIOR = 0.95  # the same for a pixel of a grown interior
_ABSORBED = 0.5  # share of a proposed prior that lies in a grown one which takes its place
_TOUCHED = 0.1  # share of a candidate on the user's decisions above which it is dropped


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A gland that the network is sure of: bool mask in a box, and how sure and solid."""

    box: tuple[slice, slice]
    interior: np.ndarray
    score: float
    solidity: float


def grow_priors(
    priors: Priors,
    probability: np.ndarray,
    glands: np.ndarray,
    settings: Settings | None = None,
) -> Priors:
    """Add the glands that a network is sure of to the priors, as proposals.

    A predicted gland is proposed when the network is sure of nearly all of it, up to its border;
    its interior is what lies deeper than a ring width. It takes the place of proposed priors inside
    it. What the user accepted, edited, rejected or marked stays, and nothing is proposed there.

    Parameters
    ----------
    priors
        The priors of a slide.
    probability
        float (y, x) in [0, 1]: the prediction at the grid of the priors.
    glands
        int (y, x): its instances.
    settings
        Settings of all steps; those of the priors when not given.

    Returns
    -------
    Priors
        The same priors and the grown ones; the score of a grown one is the share of its
        gland's pixels that the network is sure of.

    Raises
    ------
    GlandsError
        When the prediction is not at the grid of the priors.
    """
    settings = settings or priors.settings
    if probability.shape != priors.labels.shape or glands.shape != priors.labels.shape:
        raise GlandsError(
            f"The prediction has shape {probability.shape}, the priors {priors.labels.shape}: "
            "predict again at the working resolution of the priors."
        )
    labels, grid = priors.labels.copy(), priors.grid
    rows = {prior.id: prior for prior in priors.table}
    smallest = grid.area_pixels(settings.priors.min_area_um2)
    decided = priors.decided | (priors.marks > 0)
    places = _places(labels)
    numbers = (n for n in itertools.count(1) if n not in places)
    for found in _candidates(probability, glands, grid, settings):
        window, taken = labels[found.box], decided[found.box]
        free = found.interior & ~taken
        absorbed = _absorbed(window, free, places)
        free &= np.isin(window, [0, *absorbed])
        if taken[found.interior].mean() > _TOUCHED or free.sum() < smallest:
            continue
        for old in absorbed:
            place = labels[places[old].box]
            place[place == old] = 0
            del rows[old]
        number = next(numbers)
        window[free] = number
        rows[number] = _grown(number, found, float(free.sum() * grid.pixel_area_um2))
    return replace(priors, labels=labels, table=tuple(rows[n] for n in sorted(rows)))


@dataclass(frozen=True)
class _Place:
    """Where a prior lies, and its size in pixels."""

    box: tuple[slice, ...]
    size: int


def _places(labels: np.ndarray) -> dict[int, _Place]:
    """Find all priors by id; a user may have painted with any number, however large."""
    dense, _, ids = segmentation.relabel_sequential(labels)
    return {int(ids[r.label]): _Place(r.slice, int(r.area)) for r in measure.regionprops(dense)}


def _absorbed(labels: np.ndarray, interior: np.ndarray, places: dict[int, _Place]) -> list[int]:
    """Ids of the mined priors that mostly lie in an interior."""
    ids, counts = np.unique(labels[interior & (labels > 0)], return_counts=True)
    pairs = zip(ids.tolist(), counts.tolist(), strict=True)
    return [n for n, inside in pairs if n in places and inside > _ABSORBED * places[n].size]


def _candidates(
    probability: np.ndarray, glands: np.ndarray, grid: Grid, settings: Settings
) -> list[_Candidate]:
    """Interiors of the predicted glands that the network is sure of, surest first."""
    wishes = settings.priors
    smallest = grid.area_pixels(wishes.min_area_um2)
    found = []
    dense, _, _ = segmentation.relabel_sequential(glands)
    for region in measure.regionprops(dense):
        gland, inside = region.image_filled, probability[region.slice]
        core = deeper_than(gland, grid.pixels(wishes.ring_width_um))
        interior = core & (inside > _SURE_INTERIOR)
        score = float((inside[gland] > _SURE).mean())
        if interior.sum() >= smallest and score >= wishes.grow_score:
            found.append(_Candidate(region.slice, interior, score, float(region.solidity)))
    return sorted(found, key=lambda candidate: -candidate.score)


def _grown(number: int, found: _Candidate, area_um2: float) -> Prior:
    return Prior(
        id=number,
        state="proposed",
        score=found.score,
        solidity=found.solidity,
        contrast=0.0,
        ring=0.0,
        stability=0.0,
        level=0.0,
        area_um2=area_um2,
    )
