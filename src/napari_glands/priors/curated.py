"""What the user looks through and corrects: a label image, and a table with a row per label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid, Window

__all__ = ["DECIDED", "STATES", "USED", "Curated", "Row", "State"]

State = Literal["proposed", "doubtful", "accepted", "edited", "rejected"]
STATES: tuple[State, ...] = get_args(State)
USED: frozenset[State] = frozenset({"proposed", "accepted", "edited"})
"""States that count; a doubtful one does not until it is accepted."""
DECIDED: frozenset[State] = frozenset({"accepted", "edited", "rejected"})
"""States that are decisions of the user."""


@dataclass(frozen=True)
class Row:
    """One label of a curated image.

    Attributes
    ----------
    id
        Its value in the label image, from 1.
    state
        proposed (by the method), doubtful (seen by the method, but not surely enough to count),
        accepted, edited or rejected (by the user).
    score
        How sure the method is of it, in [0, 1]; 1 for one drawn by hand.
    area_um2
        Its area in µm².
    """

    id: int
    state: State
    score: float
    area_um2: float


@dataclass(frozen=True, eq=False)
class Curated:
    """Objects of one slide at the working resolution, with what the user decided on each.

    Attributes
    ----------
    slide_id
        Identifier of the slide.
    grid
        How `labels` lies on the slide.
    labels
        int32 (y, x): 0, or the id of the object that the pixel belongs to. Rejected and doubtful
        ones stay in the image, so that a rejection can be taken back and a doubt settled.
    table
        One entry per id in `labels`, sorted by id.
    settings
        What made them.
    """

    noun: ClassVar[str] = "object"
    planes: ClassVar[tuple[str, ...]] = ("labels",)
    """Names of the arrays (y, x)."""

    slide_id: str
    grid: Grid
    labels: np.ndarray
    table: tuple[Row, ...]
    settings: Settings

    def ids(self, states: Iterable[State]) -> list[int]:
        """Return the ids of the rows that are in one of some states, in ascending order."""
        wanted = set(states)
        return [row.id for row in self.table if row.state in wanted]

    def where(self, *states: State) -> np.ndarray:
        """Pixels, bool (y, x), whose row is in one of some states."""
        return np.isin(self.labels, self.ids(states))

    @property
    def used(self) -> np.ndarray:
        """bool (y, x): pixels that count; neither rejected nor doubtful."""
        return self.where(*USED)

    @property
    def decided(self) -> np.ndarray:
        """bool (y, x): pixels of what the user accepted, edited or rejected."""
        return self.where(*DECIDED)

    @property
    def coverage(self) -> float:
        """Share of the slide's area that counts, as the table says."""
        used = sum(row.area_um2 for row in self.table if row.state in USED)
        return float(used / (self.labels.size * self.grid.pixel_area_um2))

    def window(self, window: Window) -> Self:
        """Return what lies in a window, held in memory: its pixels, and the rows of its labels.

        Areas in the table stay those of whole objects.
        """
        planes: dict[str, Any] = {
            name: np.array(getattr(self, name)[window.slices]) for name in self.planes
        }
        present = set(np.unique(planes["labels"]).tolist())
        table = tuple(row for row in self.table if row.id in present)
        return replace(self, grid=self.grid.window(window), table=table, **planes)

    def drawn(self, label: int) -> Row:
        """Return the row of a label that was drawn by hand; its area is still 0."""
        return Row(label, "edited", 1.0, 0.0)
