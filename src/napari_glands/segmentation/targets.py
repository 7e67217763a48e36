"""Pseudo masks: what each round of stage 2 is taught."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage as ndi

from napari_glands.priors import Priors
from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, IGNORE, INTERIOR
from napari_glands.settings import TrainSettings

__all__ = ["first_pseudo_mask", "next_pseudo_mask", "teaching"]

GLAND = 1


def first_pseudo_mask(proposal: np.ndarray) -> np.ndarray:
    """Turn a proposal map into the target of round 1: exterior and interior are both gland.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 gland, 255 ignore.
    """
    mask = np.full(proposal.shape, IGNORE, np.uint8)
    mask[proposal == BACKGROUND] = BACKGROUND
    mask[(proposal == EXTERIOR) | (proposal == INTERIOR)] = GLAND
    return mask


def next_pseudo_mask(
    probability: np.ndarray, proposal: np.ndarray, priors: Priors, settings: TrainSettings
) -> np.ndarray:
    """Turn the answer of a round into the target of the next.

    Sure answers teach, the doubtful range between them is ignored, and what the priors (and the
    user's rejections) say stands above what the network says.

    Parameters
    ----------
    probability
        float (y, x) in [0, 1].
    proposal
        uint8 (y, x) proposal map.
    priors
        The priors that the proposal map was made from.
    settings
        The bounds of the doubtful range.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 gland, 255 ignore.
    """
    mask = np.full(probability.shape, IGNORE, np.uint8)
    mask[probability < settings.sure_background] = BACKGROUND
    mask[ndi.binary_fill_holes(probability > settings.sure_gland)] = GLAND
    mask[(priors.labels > 0) & ~priors.used] = BACKGROUND
    mask[(proposal == EXTERIOR) | (proposal == INTERIOR)] = GLAND
    return mask


def teaching(
    priors: Sequence[Priors], proposals: Sequence[np.ndarray], min_coverage: float
) -> list[int]:
    """Choose the slides that teach round 1.

    Where rings close, "not gland-like" means background; where none closes it says little. So
    only slides teach whose priors, with their exteriors, cover enough of the pixels, and those
    whose priors the user has curated. When no slide reaches the bound, all that have a prior do.

    Returns
    -------
    list of int
        Positions in `priors`; empty when no slide has a prior.
    """
    known = [first_pseudo_mask(proposal) == GLAND for proposal in proposals]
    with_priors = [i for i, mask in enumerate(known) if mask.any()]
    enough = [i for i in with_priors if known[i].mean() >= min_coverage or _curated(priors[i])]
    return enough or with_priors


def _curated(priors: Priors) -> bool:
    return any(prior.state in ("accepted", "edited") for prior in priors.table)
