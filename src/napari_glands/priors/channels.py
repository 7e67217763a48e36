"""The maps in which rings are sought."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.exterior.glass import glass_of
from napari_glands.exterior.sampling import haematoxylin
from napari_glands.priors.ranks import TissueRanks, ranked
from napari_glands.settings import PriorSettings
from napari_glands.slides import Grid

__all__ = ["ring_channels", "ring_maps"]


def ring_maps(
    rgb: np.ndarray, exterior: np.ndarray, grid: Grid, wishes: PriorSettings
) -> tuple[list[np.ndarray], np.ndarray]:
    """Smooth what is swept: the exterior of stage 1, and the stain of the nuclei.

    The two miss different rings: the network joins colour and texture but differs from training to
    training, the stain does not.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3): a slide at the working resolution, or a window of it.
    exterior
        uint8 (y, x): the exterior map of the same pixels, 0..255 for 0..1.
    grid
        Of the slide, for the pixel size.
    wishes
        For the smoothing, and whether the stain is swept.

    Returns
    -------
    maps : list of ndarray
        float32 (y, x), each in its own unit.
    tissue : ndarray
        bool (y, x): what is not bare glass.
    """
    maps = [exterior.astype(np.float32) / 255]
    if wishes.stain_rings:
        maps.append(haematoxylin(rgb).astype(np.float32))
    width = grid.pixels(wishes.smoothing_um)
    tissue = ~glass_of(rgb, grid.pixel_area_um2**0.5)
    return [ndi.gaussian_filter(values, width) for values in maps], tissue


def ring_channels(
    rgb: np.ndarray,
    exterior: np.ndarray,
    grid: Grid,
    wishes: PriorSettings,
    ranks: tuple[TissueRanks, ...] | None = None,
) -> list[np.ndarray]:
    """Return the maps to sweep, by rank among the tissue.

    Of two maps that order the pixels alike, one does not have more contrast than the other.

    Parameters
    ----------
    rgb, exterior, grid, wishes
        As for `ring_maps`.
    ranks
        What the ranks are among, for each map: the tissue of these pixels when not given.

    Returns
    -------
    list of ndarray
        float32 (y, x) in [0, 1]; glass is 0.
    """
    maps, tissue = ring_maps(rgb, exterior, grid, wishes)
    if ranks is None:
        return [ranked(values, tissue) for values in maps]
    return [
        np.where(tissue, among.ranks(values), np.float32(0))
        for values, among in zip(maps, ranks, strict=True)
    ]
