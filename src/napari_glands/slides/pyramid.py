"""A slide as arrays that are read tile by tile, for viewers."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import count, product
from typing import Any

import numpy as np
from dask import array as da

from napari_glands.slides.sources.cache import PixelCache

__all__ = ["LevelArray", "lazy_levels", "level_arrays"]

_TILE = 512
# Viewers load the coarsest level whole, and graphics cards refuse textures much beyond this.
_COARSEST_SIDE = 4096
_MOST_THREADS = 4

ReadBox = Callable[[tuple[float, float, float, float], tuple[int, int]], np.ndarray]

# What was looked at last is there at once when a viewer comes back to it.
_tiles = PixelCache(512 << 20)
_numbers = count()


def level_arrays(read_box: ReadBox, shapes: Sequence[tuple[int, int]]) -> list[LevelArray]:
    """Return one array per level, and coarser ones while the last is large.

    Parameters
    ----------
    read_box
        ``read_box((top, left, bottom, right), out_shape)`` resamples a level-0 box, given by its
        pixel edges, to uint8 (*out_shape, 3).
    shapes
        Rows and columns of the stored levels, finest first.
    """
    shapes = list(shapes)
    slide_shape = shapes[0]
    while max(shapes[-1]) > _COARSEST_SIDE:
        height, width = shapes[-1]
        shapes.append((math.ceil(height / 4), math.ceil(width / 4)))
    return [LevelArray(read_box, slide_shape, shape) for shape in shapes]


def lazy_levels(levels: Sequence[LevelArray]) -> list[da.Array]:
    """Return levels as dask arrays, uint8 (h, w, 3), whose chunks are read when computed."""
    meta = np.empty((0, 0, 0), np.uint8)
    return [da.from_array(level, chunks=level.chunks, name=False, meta=meta) for level in levels]


class LevelArray:
    """A slide at one size: what is sliced out of it is read then, and kept for a while.

    Attributes
    ----------
    shape, size, dtype, ndim
        uint8 (h, w, 3).
    chunks
        What is read at a time.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(
        self, read_box: ReadBox, slide_shape: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self._read_box = read_box
        self._number = next(_numbers)
        self._downsample = slide_shape[0] / shape[0], slide_shape[1] / shape[1]
        self.shape = (*shape, 3)
        self.size = math.prod(self.shape)
        self.chunks = (min(_TILE, shape[0]), min(_TILE, shape[1]), 3)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        index = index[: index.index(...)] if ... in index else index
        rows, columns, channels = (*index, slice(None), slice(None), slice(None))[:3]
        # Viewers and dask hand on whatever the caller wrote: steps and single rows too.
        y, x = np.arange(self.shape[0])[rows], np.arange(self.shape[1])[columns]
        if 0 in (y.size, x.size):
            return np.empty((*y.shape, *x.shape, 3), np.uint8)[..., channels]
        y0, x0 = int(y.min()), int(x.min())
        pixels = self._window(y0, x0, int(y.max()) + 1, int(x.max()) + 1)
        if y.ndim == x.ndim == 1 and pixels.shape[:2] == (y.size, x.size) and y[0] <= y[-1]:
            return pixels[..., channels]
        picked = np.take(pixels, y - y0, axis=0)
        return np.take(picked, x - x0, axis=y.ndim)[..., channels]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype=dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_number"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _number=next(_numbers))

    def _window(self, y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
        """Read the rectangle between two corners."""
        window = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
        fill = partial(self._fill, window, y0, x0)
        touched = self._touched(y0, x0, y1, x1)
        missing = [place for place in touched if not _tiles.holds((self._number, *place))]
        if len(missing) > 1:
            list(_readers().map(fill, touched))
        else:
            for place in touched:
                fill(place)
        return window

    def _touched(self, y0: int, x0: int, y1: int, x1: int) -> list[tuple[int, int]]:
        rows = range(y0 // _TILE, -(-y1 // _TILE))
        columns = range(x0 // _TILE, -(-x1 // _TILE))
        return list(product(rows, columns))

    def _fill(self, window: np.ndarray, y0: int, x0: int, place: tuple[int, int]) -> None:
        """Copy what a rectangle has of a tile."""
        tile = self._tile(*place)
        top, left = place[0] * _TILE - y0, place[1] * _TILE - x0
        part = tile[max(0, -top) : window.shape[0] - top, max(0, -left) : window.shape[1] - left]
        height, width = part.shape[:2]
        top, left = max(0, top), max(0, left)
        window[top : top + height, left : left + width] = part

    def _tile(self, row: int, column: int) -> np.ndarray:
        return _tiles.get((self._number, row, column), partial(self._read, row, column))

    def _read(self, row: int, column: int) -> np.ndarray:
        y0, x0 = row * _TILE, column * _TILE
        y1, x1 = min(y0 + _TILE, self.shape[0]), min(x0 + _TILE, self.shape[1])
        dy, dx = self._downsample
        return self._read_box((y0 * dy, x0 * dx, y1 * dy, x1 * dx), (y1 - y0, x1 - x0))


@cache
def _readers_of(process: int) -> ThreadPoolExecutor:
    workers = min(_MOST_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(workers, thread_name_prefix="slide tiles")


_making = threading.Lock()


def _readers() -> ThreadPoolExecutor:
    """Return the threads that read tiles; a forked process has none of its parent's."""
    with _making:
        return _readers_of(os.getpid())
