"""How good a closed ring is: four cues, each in [0, 1], and one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from napari_glands.priors.rings import Ring, widened

__all__ = ["RingScorer", "RingScores", "Stability", "fold"]

_SAME_REGION = 0.5  # intersection over union above which two levels enclose the same region
_FULL_CONTRAST = 0.4  # step of rank at which contrast stops mattering


@dataclass(frozen=True)
class RingScores:
    """The cues of one ring; see `Prior` for their meaning."""

    solidity: float
    contrast: float
    ring: float
    stability: float

    @property
    def score(self) -> float:
        """The four cues folded into one number in [0, 1]."""
        return fold(self.solidity, self.contrast, self.ring, self.stability)


def fold(solidity: float, contrast: float, ring: float, stability: float) -> float:
    """Fold the cues into one score: their geometric mean, so that each can veto."""
    step = min(1.0, max(0.0, contrast) / _FULL_CONTRAST)
    return float((solidity * step * ring * (0.5 + 0.5 * stability)) ** 0.25)


class Stability:
    """Share of the exterior levels that show nearly the same region.

    Parameters
    ----------
    regions
        int (y, x) numbered regions at every level of the sweep.
    """

    def __init__(self, regions: Sequence[np.ndarray]) -> None:
        self._regions = regions
        self._sizes = [np.bincount(labels.ravel()) for labels in regions]

    def __call__(self, ring: Ring) -> float:
        """Count the levels at which some region mostly coincides with `ring`."""
        same = 0
        for labels, sizes in zip(self._regions, self._sizes, strict=True):
            overlaps = np.bincount(labels[ring.box][ring.mask], minlength=1)
            overlaps[0] = 0
            best = int(overlaps.argmax())
            union = ring.area + sizes[best] - overlaps[best]
            same += bool(overlaps[best] >= _SAME_REGION * union)
        return same / len(self._regions)


class RingScorer:
    """Scores rings against the exterior map that they were found in.

    Parameters
    ----------
    exterior
        float (y, x) the smoothed map that was swept, by rank.
    clear
        bool (y, x) exterior at the level in the middle of the sweep.
    regions
        int (y, x) what is enclosed at every level of the sweep; see `enclosed_by`.
    ring_width
        Width in pixels of the epithelium around an interior.
    """

    def __init__(
        self,
        exterior: np.ndarray,
        clear: np.ndarray,
        regions: Sequence[np.ndarray],
        ring_width: float,
    ) -> None:
        self._exterior = exterior
        self._stability = Stability(regions)
        self._clear = clear
        self._width = max(1, round(ring_width))

    def __call__(self, ring: Ring) -> RingScores:
        """Score one ring."""
        box, mask = widened(ring, self._width + 1, self._exterior.shape)
        away = ndi.distance_transform_edt(~mask)
        band = (away <= self._width) & ~mask
        exterior = self._exterior[box]
        contrast = float(exterior[band].mean() - exterior[mask].mean())
        outline = (away <= 1) & ~mask
        completeness = self._completeness(self._clear[box] & ~mask, outline)
        return RingScores(ring.solidity, contrast, completeness, self._stability(ring))

    def _completeness(self, clear: np.ndarray, outline: np.ndarray) -> float:
        """Share of the outline with clear exterior within half a ring width."""
        if not clear.any():
            return 0.0
        reach = max(1, self._width // 2)
        return float((ndi.distance_transform_edt(~clear)[outline] <= reach).mean())
