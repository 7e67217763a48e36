"""From a probability map to gland instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage as ndi
from skimage import measure, segmentation

from napari_glands.exterior.smoothing import smoothed
from napari_glands.segmentation.peaks import h_maxima
from napari_glands.settings import PredictSettings
from napari_glands.slides import Grid, Window

__all__ = ["INSTANCE_HALO_UM", "block_instances", "gland_instances"]

INSTANCE_HALO_UM = 400.0
"""How far around a block to look for glands that reach into it."""

_SMOOTHING_UM = 2.0
_EIGHT = np.ones((3, 3), bool)


def gland_instances(probability: np.ndarray, grid: Grid, settings: PredictSettings) -> np.ndarray:
    """Threshold, fill, split touching glands at their waists, drop specks.

    The split is a watershed on the distance to the background, from the peaks that rise at least
    the split depth above the saddle to a higher one (h-maxima).

    Parameters
    ----------
    probability
        float (y, x) in [0, 1].
    grid
        How the map lies on the slide.
    settings
        Threshold, smallest gland, largest hole and split depth.

    Returns
    -------
    ndarray
        int32 (y, x): 0 background, 1..n glands.
    """
    found = _split(_filled(probability, grid, settings), grid, settings)
    kept = found.large(grid.area_pixels(settings.min_gland_um2))
    numbers = np.zeros(len(kept), np.int32)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[found.labels]


def block_instances(
    probability: np.ndarray,
    padded: Window,
    core: Window,
    shape: tuple[int, int],
    grid: Grid,
    settings: PredictSettings,
) -> np.ndarray:
    """Find the glands of a block so that blocks need no joining: each gland has one number.

    Glands are split, and judged by their size, in the block with its surroundings. Two blocks that
    hold a gland find the same peak in it, and its place on the slide is the gland's number.

    Parameters
    ----------
    probability
        float (y, x) in [0, 1] of the window `padded`.
    padded
        The block with its surroundings, `INSTANCE_HALO_UM` on each side, on the slide's grid.
        Of glands that reach beyond, one block may see another peak than the next.
    core
        The block itself.
    shape
        Rows and columns of the slide's grid.
    grid
        The slide's grid, for its µm per pixel.
    settings
        Threshold, smallest gland, largest hole and split depth.

    Returns
    -------
    ndarray
        int64, of the shape of `core`: 0 background, else ``row * columns + column + 1`` of the
        first pixel of the gland's peak on the slide.
    """
    found = _split(_filled(probability, grid, settings), grid, settings)
    kept = found.large(grid.area_pixels(settings.min_gland_um2))
    rows, columns = np.divmod(found.first, padded.width)
    numbers = (rows + padded.y) * shape[1] + columns + padded.x + 1
    numbers[~kept] = 0
    return numbers[found.labels[core.within(padded).slices]]


@dataclass(frozen=True, eq=False)
class _Glands:
    """Glands of any size.

    Attributes
    ----------
    labels
        int32 (y, x): 0 background, else the number of the gland; not all numbers are used.
    first
        int64: for each number, the first pixel of its peak, counted row by row.
    """

    labels: np.ndarray
    first: np.ndarray

    def large(self, area: float) -> np.ndarray:
        """For each number, whether its gland has at least an area in pixels."""
        large = np.bincount(self.labels.ravel(), minlength=len(self.first)) >= area
        large[0] = False
        return large


def _filled(probability: np.ndarray, grid: Grid, settings: PredictSettings) -> np.ndarray:
    """Threshold, and fill small holes."""
    mask = probability > settings.threshold
    holes, _ = ndi.label(~mask)
    small = np.bincount(holes.ravel()) <= int(grid.area_pixels(settings.max_hole_um2))
    small[0] = False
    return mask | small[holes]


def _split(mask: np.ndarray, grid: Grid, settings: PredictSettings) -> _Glands:
    """Split a mask at its waists.

    A piece without a peak, thinner than the split depth, is one gland: it would vanish otherwise.
    Only pieces with several peaks need the watershed.
    """
    depth = smoothed(_distance(mask, grid.mpp), grid.pixels(_SMOOTHING_UM)) * mask
    peaks = measure.label(h_maxima(depth, settings.split_um / 2))
    pieces = measure.label(mask, connectivity=1)
    places = np.flatnonzero(peaks)
    numbers, first = np.unique(peaks.ravel()[places], return_index=True)
    of_peak = pieces.ravel()[places[first]]
    several = np.bincount(of_peak, minlength=pieces.max() + 1)

    gland_of = np.arange(len(several)) + len(numbers)  # a piece without a peak has its own number
    gland_of[0] = 0
    gland_of[of_peak] = numbers
    labels = gland_of.astype(np.int32)[pieces]
    boxes = ndi.find_objects(pieces)

    def share_out(piece: int) -> None:
        box = boxes[piece - 1]
        own = pieces[box] == piece
        shares = segmentation.watershed(-depth[box], np.where(own, peaks[box], 0), mask=own)
        np.copyto(labels[box], shares, where=own)

    _on_threads(share_out, np.flatnonzero(several > 1))
    start = np.zeros(len(numbers) + len(several), np.int64)
    start[numbers] = places[first]
    for piece in np.flatnonzero(several[1:] == 0) + 1:
        rows, columns = boxes[piece - 1]
        column = columns.start + int((pieces[rows.start, columns] == piece).argmax())
        start[gland_of[piece]] = rows.start * mask.shape[1] + column
    return _Glands(labels, start)


def _distance(mask: np.ndarray, mpp: tuple[float, float]) -> np.ndarray:
    """Distance to the background in µm, piece by piece: the nearest background lies beside one."""
    touching, _ = ndi.label(mask, _EIGHT)
    distance = np.zeros(mask.shape)

    def measure_piece(found: tuple[int, tuple[slice, slice]]) -> None:
        piece, box = found
        wider = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        own = touching[wider] == piece
        np.copyto(distance[wider], ndi.distance_transform_edt(own, sampling=mpp), where=own)

    _on_threads(measure_piece, list(enumerate(ndi.find_objects(touching), 1)))
    return distance


def _on_threads(work: Callable[[Any], None], items: Iterable[Any]) -> None:
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(work, items))
