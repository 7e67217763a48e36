"""The proposal map: what is known of every pixel before stage 2, and what is not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.priors.likeness import gland_likeness
from napari_glands.priors.prior import Priors
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["BACKGROUND", "EXTERIOR", "IGNORE", "INTERIOR", "proposal_map"]

BACKGROUND, EXTERIOR, INTERIOR, IGNORE = 0, 1, 2, 255


def proposal_map(slide: Slide, priors: Priors, settings: Settings | None = None) -> np.ndarray:
    """Turn the priors of a slide into what stage 2 may be told.

    Interiors of priors that are not rejected are interior; the ring of epithelium around them is
    exterior; the least gland-like pixels, and rejected priors, are background; everything else
    is ignored, because outside the few priors nothing is known.

    Parameters
    ----------
    slide
        The slide that the priors are of.
    priors
        Its priors.
    settings
        Settings of all steps; those of the priors when not given.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 exterior, 2 interior, 255 ignore.
    """
    settings = settings or priors.settings
    grid, used = priors.grid, priors.used
    rgb = slide.read(settings.general.working_mpp)
    likeness = gland_likeness(rgb, priors.exterior / 255, grid.pixel_area_um2**0.5)
    ring_width = grid.pixels(settings.priors.ring_width_um)

    proposal = np.full(grid.shape, IGNORE, np.uint8)
    proposal[likeness <= np.quantile(likeness, settings.train.negative_fraction)] = BACKGROUND
    proposal[(priors.labels > 0) & ~used] = BACKGROUND
    if used.any():
        proposal[ndi.distance_transform_edt(~used) <= ring_width] = EXTERIOR
    proposal[used] = INTERIOR
    return proposal
