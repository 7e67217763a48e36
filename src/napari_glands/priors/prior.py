"""What the histologist inspects and edits: the priors of one slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid

__all__ = ["STATES", "Prior", "PriorState", "Priors"]

PriorState = Literal["proposed", "accepted", "edited", "rejected"]
STATES: tuple[PriorState, ...] = get_args(PriorState)


@dataclass(frozen=True)
class Prior:
    """One filled gland candidate.

    Attributes
    ----------
    id
        Its value in the label image, from 1.
    state
        proposed (by the method), accepted, edited or rejected (by the user).
    score
        The four cues below folded into one, in [0, 1]; 1 for a prior drawn by hand. Of a grown
        prior, the share of its gland that the network is sure of; its other cues but the solidity
        are 0, as nothing of them was measured.
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
    area_um2
        Area of the interior in µm².
    """

    id: int
    state: PriorState
    score: float
    solidity: float
    contrast: float
    ring: float
    stability: float
    level: float
    area_um2: float


@dataclass(frozen=True, eq=False)
class Priors:
    """The priors of one slide at the working resolution.

    Attributes
    ----------
    slide_id
        Identifier of the slide.
    grid
        How `labels` lies on the slide.
    labels
        int32 (y, x): 0, or the id of the prior whose interior the pixel belongs to. Rejected
        priors stay in the image, so that a rejection can be taken back.
    table
        One entry per id in `labels`, sorted by id.
    exterior
        uint8 (y, x): the exterior map of stage 1, 0..255 for 0..1.
    settings
        What made them.
    """

    slide_id: str
    grid: Grid
    labels: np.ndarray
    table: tuple[Prior, ...]
    exterior: np.ndarray
    settings: Settings

    @property
    def used(self) -> np.ndarray:
        """bool (y, x): interiors that are not rejected."""
        kept = [prior.id for prior in self.table if prior.state != "rejected"]
        return np.isin(self.labels, kept)

    @property
    def coverage(self) -> float:
        """Share of the slide's pixels that lie in interiors that are not rejected."""
        return float(self.used.mean())
