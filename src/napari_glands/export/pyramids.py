"""Writing OME-Zarr pyramids of any size, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import zarr

from napari_glands.export import ngff
from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import blocks
from napari_glands.slides.grid import Grid, Window
from napari_glands.slides.label_resampling import nearest_parts
from napari_glands.slides.objects import ArrayLike, block_side
from napari_glands.slides.watching import watched

__all__ = ["add_levels", "averaged", "write_pyramid"]

Kind = Literal["labels", "image"]


def write_pyramid(
    group: zarr.Group,
    level0: ArrayLike,
    grid: Grid,
    kind: Kind,
    *,
    levels: int | None = None,
    cancel: CancelToken | None = None,
    side: int | None = None,
) -> list[Grid]:
    """Write an array and coarser levels of it into a group.

    No more than a block is held at a time.

    Parameters
    ----------
    group
        Where to write; arrays 0, 1, … are made in it.
    level0
        (y, x) or (c, y, x), numpy, zarr, or whatever gives parts when cut with slices.
    grid
        How it lies on the slide.
    kind
        ``"labels"``: coarser levels take the value at the centre of each pixel; ``"image"``: they
        are averaged.
    levels
        How many levels to write; without it, as many as it takes to come to a small one.
    cancel
        Cancel request, looked at between blocks.
    side
        Side in pixels of the blocks, a multiple of 512; without it, what fits in memory is one.

    Returns
    -------
    list of Grid
        How each level lies on the slide.
    """
    finest = ngff.create_level(group, 0, level0.shape, _stored(level0.dtype))
    source = watched(level0, cancel)
    for block in blocks(grid.shape, side or block_side(grid.shape), 0):
        place = (..., *block.core.slices)
        finest[place] = np.asarray(source[place])
    return add_levels(group, grid, kind, levels=levels, cancel=cancel, side=side)


def add_levels(
    group: zarr.Group,
    grid: Grid,
    kind: Kind,
    *,
    levels: int | None = None,
    cancel: CancelToken | None = None,
    side: int | None = None,
) -> list[Grid]:
    """Add the coarser levels of a pyramid to a group that has the finest one, ``0``.

    Parameters
    ----------
    group, grid, kind, levels, cancel, side
        As for `write_pyramid`.

    Returns
    -------
    list of Grid
        How each level lies on the slide, that of the finest first.
    """
    grids = ngff.level_grids(grid, levels)
    arrays = [_array(group, 0)]
    for number, level in enumerate(grids[1:], start=1):
        shape = (*arrays[0].shape[:-2], *level.shape)
        arrays.append(ngff.create_level(group, number, shape, arrays[0].dtype))
    if kind == "labels":
        _take_nearest(arrays, cancel, side)
    else:
        _average(arrays, cancel, side)
    return grids


def _take_nearest(
    levels: Sequence[zarr.Array], cancel: CancelToken | None, side: int | None
) -> None:
    """Fill all coarser levels from the finest, whose values they hold at their centres."""
    shapes = [(level.shape[0], level.shape[1]) for level in levels[1:]]
    for number, window, values in nearest_parts(watched(levels[0], cancel), shapes, side):
        levels[number + 1][window.slices] = values


def _average(levels: Sequence[zarr.Array], cancel: CancelToken | None, side: int | None) -> None:
    """Fill each coarser level from the one before."""
    for fine, coarse in pairwise(levels):
        shape = (coarse.shape[-2], coarse.shape[-1])
        half = ((side or block_side(fine.shape)) + 1) // 2
        for block in blocks(shape, half, 0):
            coarse[(..., *block.core.slices)] = averaged(watched(fine, cancel), shape, block.core)


def averaged(array: ArrayLike, shape: tuple[int, int], window: Window) -> np.ndarray:
    """Return a part of an array that is averaged down to a smaller shape.

    Each new pixel is the mean of what it covers, as in `skimage.transform.resize_local_mean`.

    Parameters
    ----------
    array
        (y, x) or (c, y, x).
    shape
        Rows and columns to bring all of it to.
    window
        Which part of the result to return.

    Returns
    -------
    numpy.ndarray
        (height, width) or (c, height, width) of the array's dtype; whole numbers are rounded.
    """
    down, across = (np.linspace(0, n, m + 1) for n, m in zip(array.shape[-2:], shape, strict=True))
    down, across = down[window.y : window.bottom + 1], across[window.x : window.right + 1]
    rows, columns = _covered(down, array.shape[-2]), _covered(across, array.shape[-1])
    part = np.asarray(array[..., rows, columns])
    small = _mean_between(_mean_between(part, down - rows.start, -2), across - columns.start, -1)
    if array.dtype.kind in "ui":
        small = np.rint(small)
    return small.astype(array.dtype)


def _covered(edges: np.ndarray, size: int) -> slice:
    """Return the pixels that lie between the first and the last of some edges."""
    return slice(int(edges[0]), min(size, int(np.ceil(edges[-1]))))


def _mean_between(values: np.ndarray, edges: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of values between each two of some edges along an axis, float64.

    The sum of all values before an edge, of which a part of a pixel may be the last, is taken off
    the sum before the next edge.
    """
    moved = np.moveaxis(values, axis, 0)
    before = np.zeros((len(moved) + 1, *moved.shape[1:]))
    np.cumsum(moved, axis=0, out=before[1:])
    whole = np.minimum(edges.astype(np.intp), len(moved) - 1)
    share = (edges - whole).reshape(-1, *[1] * (moved.ndim - 1))
    sums = before[whole] + share * moved[whole]
    widths = np.diff(edges).reshape(-1, *[1] * (moved.ndim - 1))
    return np.moveaxis(np.diff(sums, axis=0) / widths, 0, axis)


def _array(group: zarr.Group, number: int) -> zarr.Array:
    array = group[str(number)]
    assert isinstance(array, zarr.Array)
    return array


def _stored(dtype: np.dtype) -> np.dtype:
    """Return a dtype that other programs read: few know half precision, none booleans."""
    if dtype == np.float16:
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if dtype == np.bool_ else dtype
