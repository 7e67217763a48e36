"""The maps in which rings are sought."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from scipy.stats import rankdata

from napari_glands.exterior.glass import glass_of
from napari_glands.exterior.maps import ExteriorMap
from napari_glands.exterior.sampling import haematoxylin
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
        float32 (y, x) in [0, 1], by rank among the tissue: of two maps that order the pixels alike,
        one does not have more contrast than the other.
    """
    rgb = slide.read(exterior.settings.general.working_mpp)
    maps = [exterior.exterior]
    if wishes.stain_rings:
        maps.append(haematoxylin(rgb).astype(np.float32))
    grid = exterior.grid
    tissue = ~glass_of(rgb, grid.pixel_area_um2**0.5)
    width = grid.pixels(wishes.smoothing_um)
    return [ranked(ndi.gaussian_filter(values, width), tissue) for values in maps]


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
    """
    ranks = np.zeros(values.shape, np.float32)
    ranks[tissue] = (rankdata(values[tissue]) - 0.5) / max(1, tissue.sum())
    return ranks
