"""Reading any part of a level pyramid at any scale, without seams."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

__all__ = ["best_level", "read_scaled"]

# Source pixels held at a time, which bounds the memory of a read that shrinks a lot.
_BLOCK_PIXELS = 32_000_000

ReadPixels = Callable[[int, int, int, int], np.ndarray]


def best_level(downsamples: list[float], wanted: float) -> int:
    """Return the coarsest level that is still at least as fine as wanted.

    Parameters
    ----------
    downsamples
        Level-0 pixels per pixel of each level.
    wanted
        Level-0 pixels per pixel of the result. Half a per cent of slack keeps rounded level
        sizes from losing their level.
    """
    fine_enough = [i for i, d in enumerate(downsamples) if d <= wanted * 1.005]
    return max(fine_enough, key=lambda i: downsamples[i], default=0)


def read_scaled(
    read: ReadPixels,
    shape: tuple[int, int],
    box: tuple[float, float, float, float],
    out_shape: tuple[int, int],
) -> np.ndarray:
    """Resample a rectangle of an image that is read block by block.

    Shrinking averages over each result pixel's footprint (Hamming window, which does not alias
    and does not ring), enlarging interpolates linearly. Pixels around the box take part, so that
    parts read one by one fit together like the whole.

    Parameters
    ----------
    read
        ``read(y, x, height, width)`` returns uint8 (height, width, 3).
    shape
        Rows and columns of the image that `read` reads from.
    box
        Top, left, bottom, right of the rectangle in pixel edges; may be fractional.
    out_shape
        Rows and columns of the result.

    Returns
    -------
    numpy.ndarray
        uint8 (*out_shape, 3).
    """
    top, left, bottom, right = (_snap(edge) for edge in box)
    scale_y, scale_x = (bottom - top) / out_shape[0], (right - left) / out_shape[1]
    x0, x1 = _span(left, right, scale_x, shape[1])
    rows = max(1, int(_BLOCK_PIXELS / ((x1 - x0) * scale_y) - 2))
    out = np.empty((*out_shape, 3), np.uint8)
    for start in range(0, out_shape[0], rows):
        stop = min(start + rows, out_shape[0])
        part_top, part_bottom = top + start * scale_y, top + stop * scale_y
        y0, y1 = _span(part_top, part_bottom, scale_y, shape[0])
        pixels = read(y0, x0, y1 - y0, x1 - x0)
        part_box = (left - x0, part_top - y0, right - x0, part_bottom - y0)
        out[start:stop] = _resize(pixels, part_box, (stop - start, out_shape[1]))
    return out


def _snap(edge: float) -> float:
    """Round what is a whole number but for floating-point error."""
    whole = round(edge)
    return float(whole) if abs(edge - whole) < 1e-6 else edge


def _span(start: float, stop: float, scale: float, size: int) -> tuple[int, int]:
    """Return the whole pixels that resampling [start, stop] looks at."""
    margin = max(scale, 1.0) + 1
    return max(0, math.floor(start - margin)), min(size, math.ceil(stop + margin))


def _resize(
    pixels: np.ndarray, box: tuple[float, float, float, float], out_shape: tuple[int, int]
) -> np.ndarray:
    """Resample the part of `pixels` inside box (left, top, right, bottom)."""
    height, width = out_shape
    left, top, right, bottom = box
    # The last part's edge may lie a rounding error beyond the last pixel.
    right, bottom = min(right, pixels.shape[1]), min(bottom, pixels.shape[0])
    if (right - left, bottom - top) == (width, height) and left == int(left) and top == int(top):
        return pixels[int(top) : int(top) + height, int(left) : int(left) + width]
    shrinks = right - left > width or bottom - top > height
    method = Image.Resampling.HAMMING if shrinks else Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), method, box=(left, top, right, bottom)))
