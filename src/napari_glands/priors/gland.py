"""The glands of one slide: what a network found, and what the user made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from napari_glands.priors.curated import Curated, Row

__all__ = ["Gland", "Glands"]


@dataclass(frozen=True)
class Gland(Row):
    """One gland; its score is the certainty of the network (`segmentation.uncertainty`)."""


@dataclass(frozen=True, eq=False)
class Glands(Curated):
    """The glands of one slide at the working resolution.

    See `Curated` for what is the same as of priors: `labels` hold whole glands.

    Attributes
    ----------
    probability
        uint8 (y, x): the probability of gland, 0..255 for 0..1.
    model
        Name and weights checksum of the model that found them.
    slide_name
        Name of the slide for people.
    """

    noun: ClassVar[str] = "gland"
    planes: ClassVar[tuple[str, ...]] = ("labels", "probability")

    table: tuple[Gland, ...]
    probability: np.ndarray = field(kw_only=True)
    model: str = field(kw_only=True)
    slide_name: str = field(kw_only=True)

    def drawn(self, label: int) -> Gland:
        """Return the row of a gland that was drawn by hand; its area is still 0."""
        return Gland(label, "edited", 1.0, 0.0)
