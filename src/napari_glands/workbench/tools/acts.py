"""From a gesture to the verb that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.priors import verbs
from napari_glands.priors.curated import DECIDED, Curated
from napari_glands.settings import PriorSettings

__all__ = ["ACTS", "SLOW", "Act", "Work"]


@dataclass(frozen=True, eq=False)
class Work:
    """What a verb works on.

    Attributes
    ----------
    curated
        What is in the layer; its labels may not be written to.
    exterior
        uint8 (y, x), or None where there is no stage 1.
    points
        float (n, 2): rows and columns of the stroke; of a click, only the last counts.
    amount
        The number that belongs to the tool.
    number
        First number that is free for a new gland.
    wishes
        Settings of the priors.
    rim_um
        Width of the epithelium that is part of the labels: 0 where they are interiors.
    """

    curated: Curated
    exterior: np.ndarray | None
    points: np.ndarray
    amount: float
    number: int
    wishes: PriorSettings
    rim_um: float

    @property
    def at(self) -> verbs.Point:
        """The last point."""
        row, column = self.points[-1]
        return float(row), float(column)

    @property
    def border(self) -> np.ndarray:
        """The exterior map.

        Raises
        ------
        GlandsError
            When there is none.
        """
        if self.exterior is None:
            raise GlandsError(
                "This needs the exterior of the slide: run the step Exterior first, at the same "
                "working resolution."
            )
        return self.exterior


Act = Callable[[Work], verbs.Edit]


def _close_gap(work: Work) -> verbs.Edit:
    c = work.curated
    return verbs.close_gap(
        c.labels, work.border, work.points, work.number, c.grid, work.wishes, work.rim_um
    )


def _draw(work: Work) -> verbs.Edit:
    return verbs.draw_gland(work.curated.labels, work.points, work.number, work.curated.grid)


def _split(work: Work) -> verbs.Edit:
    return verbs.split(work.curated.labels, work.points, work.number, work.curated.grid)


def _merge(work: Work) -> verbs.Edit:
    return verbs.merge(work.curated.labels, work.points, work.curated.grid)


def _erase(work: Work) -> verbs.Edit:
    return verbs.erase(work.curated.labels, work.points, work.amount, work.curated.grid)


def _grow(work: Work) -> verbs.Edit:
    return verbs.grow(work.curated.labels, work.at, work.amount, work.curated.grid)


def _shrink(work: Work) -> verbs.Edit:
    return verbs.shrink(work.curated.labels, work.at, work.amount, work.curated.grid)


def _smooth(work: Work) -> verbs.Edit:
    return verbs.smooth(work.curated.labels, work.at, work.amount, work.curated.grid)


def _snap(work: Work) -> verbs.Edit:
    c = work.curated
    return verbs.snap(c.labels, work.at, work.border, work.amount, c.grid, rim=work.rim_um > 0)


def _fill(work: Work) -> verbs.Edit:
    return verbs.fill_holes(work.curated.labels, work.at)


def _small(work: Work) -> verbs.Edit:
    c = work.curated
    return verbs.remove_small(c.labels, work.amount, c.grid, keep=c.ids(DECIDED))


ACTS: dict[str, Act] = {
    "close_gap": _close_gap,
    "draw": _draw,
    "split": _split,
    "merge": _merge,
    "erase": _erase,
    "grow": _grow,
    "shrink": _shrink,
    "smooth": _smooth,
    "snap": _snap,
    "fill": _fill,
    "small": _small,
}

SLOW = frozenset({"close_gap", "snap", "small"})
"""Verbs that take long enough to be felt: they do not run on the interface's thread."""
