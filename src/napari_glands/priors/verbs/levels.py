"""The ring around a point at an exterior level."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import measure

from napari_glands.priors.rings import Ring
from napari_glands.priors.verbs.edit import Box, Edit, Point, box_around, moved, widen, within
from napari_glands.priors.verbs.placing import place, refuse_twice
from napari_glands.settings import PriorSettings
from napari_glands.slides import Grid

__all__ = ["RingFinder", "add_ring", "with_rim"]

_FIRST_MARGIN_UM = 120.0
_NEAR_UM = 6.0  # a point on an island of exterior counts as beside it


class RingFinder:
    """Finds the ring around a point, for any exterior level, fast enough to follow the mouse.

    Parameters
    ----------
    exterior
        uint8 (y, x): the exterior map.
    grid
        How it lies on its slide.
    wishes
        Smoothing and the largest area that count.
    """

    def __init__(self, exterior: np.ndarray, grid: Grid, wishes: PriorSettings) -> None:
        widths = [wishes.smoothing_um / size for size in grid.mpp]
        self._map = ndi.gaussian_filter(exterior, widths, output=np.uint8)
        self._grid, self._wishes = grid, wishes
        counts = np.bincount(self._map.ravel(), minlength=256)[::-1].cumsum()
        # Share of the image that lies at or above each value.
        self._shares = (counts / max(1, counts[-1]))[::-1]

    def threshold(self, level: float) -> int:
        """Return the value from which on pixels are exterior, at a level in (0, 1)."""
        enough = np.nonzero(self._shares >= level)[0]
        return max(1, int(enough[-1]) if len(enough) else 1)

    def at(self, point: Point, level: float) -> Ring | None:
        """Return the ring around a point; None where none closes.

        Parameters
        ----------
        point
            Row and column.
        level
            Share of the image that counts as exterior.
        """
        shape = self._map.shape
        row, column = round(point[0]), round(point[1])
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            return None
        limit = self._grid.pixels((4 * self._wishes.max_area_um2) ** 0.5)
        margin = self._grid.pixels(_FIRST_MARGIN_UM)
        threshold = self.threshold(level)
        while True:
            box = box_around(np.array([[row, column]]), margin, shape)
            ring = self._in_box(box, (row - box[0].start, column - box[1].start), threshold, level)
            if ring is not None or margin >= limit:
                return ring
            margin = min(limit, 2 * margin)

    def _in_box(
        self, box: Box, point: tuple[int, int], threshold: int, level: float
    ) -> Ring | None:
        open_ = self._map[box] < threshold
        if not open_[point]:
            beside = self._beside(open_, point)
            if beside is None:
                return None
            point = beside
        regions = ndi.label(open_)[0]
        region = regions == regions[point]
        if any(edge.any() for edge in (region[0], region[-1], region[:, 0], region[:, -1])):
            return None
        rows, columns = np.nonzero(region.any(axis=1))[0], np.nonzero(region.any(axis=0))[0]
        inner = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        mask = ndi.binary_fill_holes(region[inner])
        if mask.sum() > self._grid.area_pixels(self._wishes.max_area_um2):
            return None
        solidity = measure.regionprops(region[inner].astype(np.uint8))[0].solidity
        return Ring(level, within(box, inner), mask, float(solidity))

    def _beside(self, open_: np.ndarray, point: tuple[int, int]) -> tuple[int, int] | None:
        """Return the nearest pixel that is not exterior; None when it is far."""
        reach = int(np.ceil(self._grid.pixels(_NEAR_UM)))
        rows, columns = (slice(max(0, p - reach), p + reach + 1) for p in point)
        found = np.argwhere(open_[rows, columns]) + np.array([rows.start, columns.start])
        if not len(found):
            return None
        nearest = found[np.argmin(np.hypot(*(found - point).T))]
        return int(nearest[0]), int(nearest[1])


def add_ring(labels: np.ndarray, ring: Ring, number: int, grid: Grid, rim_um: float = 0.0) -> Edit:
    """Make a gland of what a ring encloses.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    ring
        Of `RingFinder`.
    number
        The number of the new gland.
    grid
        How the labels lie on their slide.
    rim_um
        Width of the epithelium that belongs to it, in µm: 0 for an interior.

    Raises
    ------
    GlandsError
        When it is a gland already, or others leave no room.
    """
    box, mask = with_rim(ring.box, ring.mask, rim_um, grid)
    refuse_twice(labels, box, mask)
    return place(labels, box, mask, number)


def with_rim(box: Box, mask: np.ndarray, rim_um: float, grid: Grid) -> tuple[Box, np.ndarray]:
    """Return a region and the rim around it.

    Parameters
    ----------
    box, mask
        The region: bool (height, width) of the box.
    rim_um
        Width of the rim in µm.
    grid
        How they lie on their slide.
    """
    if rim_um <= 0:
        return box, mask
    wider = widen(box, rim_um / min(grid.mpp) + 1, grid.shape)
    near = ndi.distance_transform_edt(~moved(mask, box, wider), sampling=grid.mpp) <= rim_um
    return wider, near
