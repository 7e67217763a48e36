"""Ranks among the tissue of a slide: of all of it, or of a sample where it is too large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TissueRanks", "ranked"]

_MOST_VALUES = 65_536  # of a sample: ranks are then exact to 1/130,000


def ranked(values: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Replace values by their ranks among the tissue, in (0, 1); glass gets 0.

    Equal values share the mean of their ranks. So half of the tissue lies above 0.5, however much
    glass there is around it.

    Parameters
    ----------
    values
        float (y, x).
    tissue
        bool (y, x).

    Returns
    -------
    ndarray
        float32 (y, x).
    """
    # As scipy's rankdata, which sorts stably and so takes three times as long.
    among = values[tissue]
    order = np.argsort(among)
    ends = np.flatnonzero(np.diff(among[order], append=np.nan)) + 1
    starts = np.concatenate([[0], ends])[:-1]
    shares = np.empty(among.size, np.float32)
    shares[order] = np.repeat((starts + ends) / 2 / max(1, among.size), ends - starts)
    ranks = np.zeros(values.shape, np.float32)
    ranks[tissue] = shares
    return ranks


@dataclass(frozen=True, eq=False)
class TissueRanks:
    """Some values with their ranks among many, by which other values find theirs.

    Attributes
    ----------
    values
        float (n,): ascending, each once.
    shares
        float64 (n,): the rank of each in (0, 1), as `ranked` gives it.
    """

    values: np.ndarray
    shares: np.ndarray

    @classmethod
    def among(cls, sample: np.ndarray, most: int = _MOST_VALUES) -> TissueRanks:
        """Rank a sample of values; at most so many of them are kept."""
        ordered = np.sort(sample, axis=None)
        steps = np.linspace(0, max(0, ordered.size - 1), min(most, ordered.size))
        values = np.unique(ordered[steps.round().astype(np.intp)])
        below = np.searchsorted(ordered, values, "left")
        upto = np.searchsorted(ordered, values, "right")
        return cls(values, (below + upto) / 2 / max(1, ordered.size))

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """Return the ranks of values, float32 of their shape, between those of the sample."""
        if not self.values.size:
            return np.zeros(values.shape, np.float32)
        return np.interp(values, self.values, self.shares).astype(np.float32)
