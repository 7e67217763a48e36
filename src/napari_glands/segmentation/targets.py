"""Pseudo masks: what each round of stage 2 is taught."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.priors import Priors
from napari_glands.priors.decisions import (
    BACKGROUND,
    EXTERIOR,
    IGNORE,
    INTERIOR,
    UNDECIDED,
    gland_area,
)
from napari_glands.settings import Settings

__all__ = ["first_pseudo_mask", "next_pseudo_mask"]

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
    probability: np.ndarray, priors: Priors, decided: np.ndarray, settings: Settings
) -> np.ndarray:
    """Turn the answer of a round into the target of the next.

    Sure answers teach, and the doubtful range between them is ignored. What the priors say stands
    above what the network says, and what the user decided above both.

    Parameters
    ----------
    probability
        float (y, x) in [0, 1].
    priors
        The priors of the slide.
    decided
        uint8 (y, x): what the user decided on the slide (`decisions`).
    settings
        The bounds of the doubtful range, and the ring width.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 gland, 255 ignore.
    """
    mask = np.full(probability.shape, IGNORE, np.uint8)
    mask[probability < settings.train.sure_background] = BACKGROUND
    mask[ndi.binary_fill_holes(probability > settings.train.sure_gland)] = GLAND
    mask[gland_area(priors, settings)] = GLAND
    return np.where(decided == UNDECIDED, mask, first_pseudo_mask(decided))
