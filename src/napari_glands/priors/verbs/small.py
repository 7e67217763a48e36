"""Remove what is too small to be a gland."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from skimage import measure

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit
from napari_glands.slides import Grid

__all__ = ["remove_small"]


def remove_small(
    labels: np.ndarray, smallest_um2: float, grid: Grid, keep: Collection[int] = ()
) -> Edit:
    """Remove small glands, and small pieces that lie apart from the rest of their gland.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    smallest_um2
        What is smaller than this, in µm², goes.
    grid
        How the labels lie on their slide.
    keep
        Glands that stay as they are, such as those that the user has decided on.

    Raises
    ------
    GlandsError
        When nothing is that small.
    """
    pieces = _pieces(labels)
    sizes = np.bincount(pieces.ravel())
    small = sizes < grid.area_pixels(smallest_um2)
    small[0] = False
    gone = small[pieces]
    if keep:
        gone &= ~np.isin(labels, list(keep))
    if not gone.any():
        kept = " that you have not decided on" if keep else ""
        raise GlandsError(f"There is nothing smaller than {smallest_um2:g} µm²{kept}.")
    rows, columns = np.nonzero(gone.any(axis=1))[0], np.nonzero(gone.any(axis=0))[0]
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return Edit(box, np.where(gone[box], 0, labels[box]).astype(np.int32))


def _pieces(labels: np.ndarray) -> np.ndarray:
    """Number the connected pieces of all glands; touching glands are pieces of their own."""
    return measure.label(labels, background=0, connectivity=2)
