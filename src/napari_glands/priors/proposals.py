"""The proposal map: what is known of every pixel before stage 2, and what is not."""

from __future__ import annotations

import numpy as np

from napari_glands.exterior.glass import glass_of
from napari_glands.priors.decisions import (
    BACKGROUND,
    EXTERIOR,
    IGNORE,
    INTERIOR,
    UNDECIDED,
    decisions,
    gland_area,
)
from napari_glands.priors.likeness import gland_likeness
from napari_glands.priors.prior import Priors
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["BACKGROUND", "EXTERIOR", "IGNORE", "INTERIOR", "proposal_map", "proposals_in"]


def proposal_map(
    slide: Slide,
    priors: Priors,
    settings: Settings | None = None,
    *,
    decided: np.ndarray | None = None,
) -> np.ndarray:
    """Turn the priors of a slide into what stage 2 may be told.

    Interiors of priors that are not rejected are interior; the ring of epithelium around them,
    and the most gland-like part of the clear exterior, are exterior; the least gland-like tissue
    and bare glass are background; everything else is ignored, because outside the few priors
    nothing is known. What the user decided stands above all this (`decisions`).

    Parameters
    ----------
    slide
        The slide that the priors are of.
    priors
        Its priors.
    settings
        Settings of all steps; those of the priors when not given.
    decided
        uint8 (y, x): what the user decided on the slide; that on the priors when not given.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 exterior, 2 interior, 255 ignore.
    """
    settings = settings or priors.settings
    rgb = slide.read(settings.general.working_mpp)
    decided = decisions(priors, settings=settings) if decided is None else decided
    return proposals_in(rgb, priors, decided, settings)


def proposals_in(
    rgb: np.ndarray, priors: Priors, decided: np.ndarray, settings: Settings
) -> np.ndarray:
    """Return the proposal map of pixels, uint8 (y, x, 3), that were read already."""
    grid, used = priors.grid, priors.used
    mpp = grid.pixel_area_um2**0.5
    likeness = gland_likeness(rgb, priors.exterior / np.float32(255), mpp)
    glass = glass_of(rgb, mpp)
    train = settings.train

    proposal = np.full(grid.shape, IGNORE, np.uint8)
    proposal[_sure_exterior(likeness, priors, train.positive_fraction, ~glass)] = EXTERIOR
    proposal[glass | _least(likeness, ~glass, train.negative_fraction)] = BACKGROUND
    proposal[gland_area(priors, settings)] = EXTERIOR
    proposal[used] = INTERIOR
    return np.where(decided == UNDECIDED, proposal, decided)


def _least(values: np.ndarray, among: np.ndarray, share: float) -> np.ndarray:
    """Mark the smallest `share` of the values among some pixels."""
    return among & (values <= np.quantile(values[among], share)) if among.any() else among


def _sure_exterior(
    likeness: np.ndarray, priors: Priors, share: float, tissue: np.ndarray
) -> np.ndarray:
    """The most gland-like `share` of the tissue, out of the pixels nearer to exterior than not.

    Without the second condition smooth pale tissue would count as gland-like.
    """
    clear = tissue & (priors.exterior > 127)
    count = min(int(share * tissue.sum()), int(clear.sum()))
    if count == 0:
        return np.zeros(likeness.shape, bool)
    return clear & (likeness >= np.partition(likeness[clear], -count)[-count])
