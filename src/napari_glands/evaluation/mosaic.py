"""A large slide made of small images, for measuring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile

from napari_glands.errors import GlandsError
from napari_glands.slides import Slide

__all__ = ["write_mosaic"]

_TILE = 512
_UNIT = 256  # what sides of bricks are multiples of: levels divide them down to 1/256
_ROW_STEP = 7  # images by which rows differ


def write_mosaic(path: Path, images: Sequence[Slide], side: int) -> Path:
    """Write a square OME-TIFF pyramid (tiled, JPEG) that repeats small images, and return its path.

    It is written tile by tile: memory does not depend on its size.

    Parameters
    ----------
    path
        The file, ending in ``.ome.tif``.
    images
        What it is made of, side by side, each mirrored so that it fits on its neighbour of the
        same image; all of one pixel size and at least 256 × 256 pixels.
    side
        Rows and columns at level 0.
    """
    bricks = _bricks(images)
    sizes = [side]
    while sizes[-1] > 2 * _TILE:
        sizes.append(-(-sizes[-1] // 2))
    mpp = {f"PhysicalSize{axis}": images[0].mpp for axis in "XY"}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    first = {"subifds": len(sizes) - 1, "metadata": {"axes": "YXS", **mpp, **units}}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        for number, size in enumerate(sizes):
            file.write(
                _tiles([_reduced(brick, 2**number) for brick in bricks], size),
                shape=(size, size, 3),
                dtype=np.uint8,
                tile=(_TILE, _TILE),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 90},
                **(first if number == 0 else {"subfiletype": 1}),
            )
    return path


def _bricks(images: Sequence[Slide]) -> list[np.ndarray]:
    """Cut the images to one size that all levels divide."""
    pixels = [slide.read() for slide in images]
    height, width = (min(p.shape[i] for p in pixels) // _UNIT * _UNIT for i in (0, 1))
    if not (height and width):
        raise GlandsError(f"A mosaic needs images of at least {_UNIT} × {_UNIT} pixels.")
    return [p[:height, :width] for p in pixels]


def _reduced(brick: np.ndarray, step: int) -> np.ndarray:
    """Average squares of pixels."""
    rows, columns = brick.shape[0] // step, brick.shape[1] // step
    squares = brick.reshape(rows, step, columns, step, 3).astype(np.float32)
    return squares.mean(axis=(1, 3)).round().astype(np.uint8)


def _tiles(bricks: Sequence[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Give the tiles of a level, row by row."""
    for y in range(0, size, _TILE):
        for x in range(0, size, _TILE):
            yield _tile(bricks, y, x)


def _tile(bricks: Sequence[np.ndarray], top: int, left: int) -> np.ndarray:
    """Put together one tile from the bricks that reach into it, each mirrored in its turn."""
    tile = np.empty((_TILE, _TILE, 3), np.uint8)
    height, width = bricks[0].shape[:2]
    for row in range(top // height, (top + _TILE - 1) // height + 1):
        for column in range(left // width, (left + _TILE - 1) // width + 1):
            mirrored = slice(None, None, -1 if column % 2 else 1)
            brick = bricks[(row * _ROW_STEP + column) % len(bricks)][:: -1 if row % 2 else 1]
            y, x = row * height - top, column * width - left
            rows = slice(max(0, y), min(_TILE, y + height))
            columns = slice(max(0, x), min(_TILE, x + width))
            part = brick[:, mirrored][rows.start - y : rows.stop - y, columns.start - x :]
            tile[rows, columns] = part[:, : columns.stop - columns.start]
    return tile
