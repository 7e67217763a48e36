"""A slide as lazily read dask arrays, for viewers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from dask import array as da

__all__ = ["lazy_levels"]

_CHUNK = 1024
# Viewers load the coarsest level whole, and graphics cards refuse textures much beyond this.
_COARSEST_SIDE = 4096

ReadBox = Callable[[tuple[float, float, float, float], tuple[int, int]], np.ndarray]


def lazy_levels(read_box: ReadBox, shapes: Sequence[tuple[int, int]]) -> list[da.Array]:
    """Return one dask array per level, and coarser ones while the last is large.

    Parameters
    ----------
    read_box
        ``read_box((top, left, bottom, right), out_shape)`` resamples a level-0 box, given by its
        pixel edges, to uint8 (*out_shape, 3).
    shapes
        Rows and columns of the stored levels, finest first.

    Returns
    -------
    list of dask.array.Array
        uint8 (h, w, 3) in chunks of 1024 × 1024, read when computed.
    """
    shapes = list(shapes)
    slide_shape = shapes[0]
    while max(shapes[-1]) > _COARSEST_SIDE:
        height, width = shapes[-1]
        shapes.append((math.ceil(height / 4), math.ceil(width / 4)))
    return [
        da.from_array(
            _LevelArray(read_box, slide_shape, shape),
            chunks=(_CHUNK, _CHUNK, 3),
            name=False,
            meta=np.empty((0, 0, 0), np.uint8),
        )
        for shape in shapes
    ]


class _LevelArray:
    """A slide at one size as something that dask can slice."""

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(
        self, read_box: ReadBox, slide_shape: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self._read_box = read_box
        self._downsample = slide_shape[0] / shape[0], slide_shape[1] / shape[1]
        self.shape = (*shape, 3)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        rows, columns, channels = (*index, slice(None), slice(None))[:3]
        # dask hands on whatever the caller wrote: steps and single rows too.
        y, x = np.arange(self.shape[0])[rows], np.arange(self.shape[1])[columns]
        if 0 in (y.size, x.size):
            return np.empty((*y.shape, *x.shape, 3), np.uint8)[..., channels]
        y0, x0 = int(y.min()), int(x.min())
        pixels = self._window(y0, x0, int(y.max()) + 1, int(x.max()) + 1)
        picked = np.take(pixels, y - y0, axis=0)
        return np.take(picked, x - x0, axis=y.ndim)[..., channels]

    def _window(self, y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
        """Read the rectangle between two corners."""
        dy, dx = self._downsample
        return self._read_box((y0 * dy, x0 * dx, y1 * dy, x1 * dx), (y1 - y0, x1 - x0))
