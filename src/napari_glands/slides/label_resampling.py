"""Bringing label images to other sizes without inventing values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_glands.slides.blocks import blocks
from napari_glands.slides.grid import Window
from napari_glands.slides.objects import ArrayLike, block_side

__all__ = ["nearest", "nearest_parts", "nearest_within"]


def nearest(labels: ArrayLike, shape: tuple[int, int]) -> np.ndarray:
    """Resample a (y, x) array so that its edges stay where they are.

    Each new pixel takes the value at its centre.

    Parameters
    ----------
    labels
        (y, x) of any dtype, numpy or zarr.
    shape
        Rows and columns to bring it to.
    """
    resampled = np.empty(shape, labels.dtype)
    for _, window, values in nearest_parts(labels, [shape]):
        resampled[window.slices] = values
    return resampled


def nearest_within(labels: np.ndarray, shape: tuple[int, int], window: Window) -> np.ndarray:
    """Return a window of what `nearest` gives, without the rest.

    Parameters
    ----------
    labels, shape
        As for `nearest`.
    window
        Which part, in pixels of the result.
    """
    down, right = (_centres(old, new) for old, new in zip(labels.shape, shape, strict=True))
    rows, columns = window.slices
    return labels[np.ix_(down[rows], right[columns])]


def nearest_parts(
    labels: ArrayLike, shapes: Sequence[tuple[int, int]], side: int | None = None
) -> Iterator[tuple[int, Window, np.ndarray]]:
    """Resample an array to several sizes at once, part by part, reading each pixel once.

    Parameters
    ----------
    labels
        (y, x) of any dtype, numpy or zarr.
    shapes
        Rows and columns to bring it to.
    side
        Side in pixels of what is read at a time; without it, what fits in memory is one.

    Yields
    ------
    number
        Which of `shapes`.
    window
        Which part of it.
    values
        What belongs there.
    """
    rows, columns = labels.shape
    centres = [(_centres(rows, new[0]), _centres(columns, new[1])) for new in shapes]
    for block in blocks((rows, columns), side or block_side(labels.shape), 0):
        core = block.core
        part = np.asarray(labels[core.slices])
        for number, (down, right) in enumerate(centres):
            top, bottom = np.searchsorted(down, [core.y, core.bottom]).tolist()
            first, last = np.searchsorted(right, [core.x, core.right]).tolist()
            window = Window(top, first, bottom - top, last - first)
            if window.height and window.width:
                yield (
                    number,
                    window,
                    part[np.ix_(down[top:bottom] - core.y, right[first:last] - core.x)],
                )


def _centres(old: int, new: int) -> np.ndarray:
    """Return which old pixel lies at the centre of each new one, along one axis."""
    return np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
