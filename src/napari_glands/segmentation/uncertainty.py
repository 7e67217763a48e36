"""How sure the network is of each gland, and where it is in doubt: worst first for the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["certainty", "doubt"]


def doubt(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Binary entropy, in bits, of the mean probability of every pixel.

    The entropy of the mean of several models' answers is the mean entropy of each plus their
    disagreement (mutual information), so both kinds of doubt count in one figure.

    Source: Houlsby et al., "Bayesian active learning for classification and preference learning",
    2011, equation 2, for an ensemble of equals.

    Parameters
    ----------
    probabilities
        One map (y, x) per model: float in [0, 1], or unsigned integers whose largest value is 1.

    Returns
    -------
    ndarray
        float32 (y, x) in [0, 1]: 0 where all models are sure and agree, 1 at full doubt.
    """
    mean = np.mean([_share(p) for p in probabilities], axis=0, dtype=np.float32)
    inside = (mean > 0) & (mean < 1)
    p = np.where(inside, mean, np.float32(0.5))
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where(inside, entropy, np.float32(0))


def certainty(probabilities: Sequence[np.ndarray], labels: np.ndarray) -> dict[int, float]:
    """How sure the network is of each gland: 1 minus the mean doubt of its pixels.

    Parameters
    ----------
    probabilities
        One map (y, x) per model, as for `doubt`; at least one.
    labels
        Non-negative integers (y, x): 0, or the id of the gland.

    Returns
    -------
    dict
        By id, in [0, 1]; empty for no gland.
    """
    glands = labels > 0
    ids, places = np.unique(labels[glands], return_inverse=True)
    total = np.bincount(places, doubt(probabilities)[glands], minlength=len(ids))
    mean = total / np.maximum(np.bincount(places, minlength=len(ids)), 1)
    return {int(i): float(1 - m) for i, m in zip(ids, mean, strict=True)}


def _share(probability: np.ndarray) -> np.ndarray:
    """Bring a map that is kept as integers to [0, 1]."""
    if np.issubdtype(probability.dtype, np.integer):
        return probability / np.float32(np.iinfo(probability.dtype).max)
    return probability
