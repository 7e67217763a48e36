"""The maps in which rings are sought."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from scipy.stats import rankdata
from skimage import color

from napari_glands.exterior.maps import ExteriorMap
from napari_glands.settings import PriorSettings
from napari_glands.slides import Slide

__all__ = ["ranked", "ring_channels"]


def ring_channels(slide: Slide, exterior: ExteriorMap, wishes: PriorSettings) -> list[np.ndarray]:
    """Return the smoothed maps to sweep: the exterior of stage 1, and the stain of the nuclei.

    The two miss different rings: the network joins colour and texture but differs from training to
    training, the stain does not.

    Returns
    -------
    list of ndarray
        float32 (y, x) in [0, 1], by rank: of two maps that order the pixels alike, one does not
        have more contrast than the other.
    """
    maps = [exterior.exterior]
    if wishes.stain_rings:
        rgb = slide.read(exterior.settings.general.working_mpp)
        maps.append(color.rgb2hed(rgb)[..., 0].astype(np.float32))
    width = exterior.grid.pixels(wishes.smoothing_um)
    return [ranked(ndi.gaussian_filter(values, width)) for values in maps]


def ranked(values: np.ndarray) -> np.ndarray:
    """Replace values by their ranks in [0, 1]; equal values share the mean of theirs."""
    ranks = (rankdata(values) - 0.5) / values.size
    return ranks.reshape(values.shape).astype(np.float32)
