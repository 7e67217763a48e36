"""The priors of one slide: filled gland candidates, and the user's strokes beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from napari_glands.priors.curated import STATES, Curated, Row, State
from napari_glands.slides.blocks import is_large

__all__ = [
    "MARK_BACKGROUND",
    "MARK_IGNORE",
    "MARK_NOTHING",
    "STATES",
    "Prior",
    "PriorState",
    "Priors",
]

PriorState = State
MARK_NOTHING, MARK_BACKGROUND, MARK_IGNORE = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Prior(Row):
    """One filled gland candidate; see `Row` for its id, state, score and area.

    The score is the four cues below folded into one; of a grown prior, the share of its gland that
    the network is sure of: its other cues but the solidity are 0, as nothing of them was measured.
    The area is that of the interior.

    Attributes
    ----------
    solidity
        Area over convex area.
    contrast
        Mean rank of the ring minus that of the interior, in [-1, 1], in the map where it closed.
    ring
        Share of the outline that borders on exterior.
    stability
        Share of the exterior levels at which nearly the same region is enclosed.
    level
        The exterior level (share of the tissue that counts as exterior) where the ring closed.
    """

    solidity: float
    contrast: float
    ring: float
    stability: float
    level: float


@dataclass(frozen=True, eq=False)
class Priors(Curated):
    """The priors of one slide at the working resolution.

    See `Curated` for what is the same as of glands: `labels` hold the interiors.

    Attributes
    ----------
    exterior
        uint8 (y, x): the exterior map of stage 1, 0..255 for 0..1.
    marks
        uint8 (y, x): strokes of the user. 0 nothing, 1 background, 2 ignore. All 0 when not given.
    """

    noun: ClassVar[str] = "prior"
    planes: ClassVar[tuple[str, ...]] = ("labels", "exterior", "marks")

    table: tuple[Prior, ...]
    exterior: np.ndarray = field(kw_only=True)
    marks: np.ndarray = field(default=None, kw_only=True)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        """Put an empty image where no strokes are given; a large one takes no memory."""
        if self.marks is None:
            marks = np.broadcast_to(np.uint8(0), self.labels.shape)
            object.__setattr__(self, "marks", marks if is_large(self.grid) else marks.copy())

    def drawn(self, label: int) -> Prior:
        """Return the row of a prior that was drawn by hand; its area is still 0."""
        cues = {"solidity": 1.0, "contrast": 1.0, "ring": 1.0, "stability": 0.0, "level": 0.0}
        return Prior(label, "edited", 1.0, 0.0, **cues)
