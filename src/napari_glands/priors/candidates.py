"""Candidates for priors: small enough to be kept by the hundred thousand, and settled together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from napari_glands.priors.prior import Prior
from napari_glands.priors.rings import Ring
from napari_glands.priors.scores import RingScores
from napari_glands.slides.grid import Grid, Window

__all__ = ["Candidate", "paint", "prior_rows", "settle"]

_LARGEST_OVERLAP = 0.1  # share of a candidate that may lie on better ones


@dataclass(frozen=True, eq=False)
class Candidate:
    """One filled ring, or compact piece, with its cues.

    Attributes
    ----------
    channel
        Number of the map that it was found in.
    level
        Share of the tissue that counts as exterior at the level where it closed.
    box
        Its bounding box in pixels of the slide.
    bits
        uint8 (n,): its mask in the box, eight pixels to a byte.
    scores
        Its cues.
    """

    channel: int
    level: float
    box: Window
    bits: np.ndarray
    scores: RingScores

    @classmethod
    def of(cls, ring: Ring, scores: RingScores, channel: int) -> Candidate:
        """Pack a scored ring."""
        rows, columns = ring.box
        box = Window(rows.start, columns.start, *ring.mask.shape)
        return cls(channel, ring.level, box, np.packbits(ring.mask), scores)

    @property
    def mask(self) -> np.ndarray:
        """bool (height, width): its pixels in its box."""
        count = self.box.height * self.box.width
        return np.unpackbits(self.bits, count=count).view(bool).reshape(self.box.shape)

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.bitwise_count(self.bits).sum())

    @property
    def order(self) -> tuple[float, int, float, int, int]:
        """What candidates are sorted by, best first; ties by where they lie."""
        first = np.unpackbits(self.bits, count=self.box.width).argmax()
        place = self.box.y, self.box.x + int(first)
        return (-self.scores.score, self.channel, self.level, *place)

    def showing(self, mask: np.ndarray) -> Candidate:
        """Return it with another mask in its box."""
        return replace(self, bits=np.packbits(mask))

    def moved(self, y: int, x: int) -> Candidate:
        """Return it moved down and to the right."""
        return replace(self, box=replace(self.box, y=self.box.y + y, x=self.box.x + x))

    def is_centred_in(self, window: Window) -> bool:
        """Whether the centre of its box lies in a window: in one of those that tile a slide."""
        y, x = self.box.y + self.box.height // 2, self.box.x + self.box.width // 2
        return window.y <= y < window.bottom and window.x <= x < window.right


def settle(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Decide best first which candidates stay; one that lies on better ones is dropped.

    Parameters
    ----------
    candidates
        All of a slide, in any order.

    Returns
    -------
    list of Candidate
        Those that stay, best first, with the pixels that are theirs: a small share that overlaps
        better ones is left to these.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.order)
    boxes = [shapely.box(c.box.x, c.box.y, c.box.right, c.box.bottom) for c in ordered]
    tree = shapely.STRtree(boxes)
    kept: dict[int, Candidate] = {}
    for i, candidate in enumerate(ordered):
        better = [kept[j] for j in tree.query(boxes[i]) if j in kept]
        mask, taken = candidate.mask, paint(better, candidate.box) > 0
        if taken[mask].mean() <= _LARGEST_OVERLAP:
            kept[i] = candidate.showing(mask & ~taken)
    return list(kept.values())


def paint(kept: Sequence[Candidate], window: Window) -> np.ndarray:
    """Paint what of some candidates lies in a window, int32 (y, x): 1 + their positions."""
    labels = np.zeros(window.shape, np.int32)
    for number, candidate in enumerate(kept, start=1):
        seen = candidate.box.common(window)
        if seen.height and seen.width:
            mask = candidate.mask[seen.within(candidate.box).slices]
            labels[seen.within(window).slices][mask] = number
    return labels


def prior_rows(kept: Sequence[Candidate], grid: Grid) -> tuple[Prior, ...]:
    """Return the table of settled candidates, by the numbers that they are painted with."""
    return tuple(
        Prior(
            id=number,
            state="proposed",
            score=candidate.scores.score,
            solidity=candidate.scores.solidity,
            contrast=candidate.scores.contrast,
            ring=candidate.scores.ring,
            stability=candidate.scores.stability,
            level=candidate.level,
            area_um2=float(candidate.area * grid.pixel_area_um2),
        )
        for number, candidate in enumerate(kept, start=1)
    )
