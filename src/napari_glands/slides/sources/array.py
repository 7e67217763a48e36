"""Arrays that are already in memory or lazily loaded by somebody else."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import array_checksum
from napari_glands.slides.pixel_size import StatedSize
from napari_glands.slides.sources.levels import ArrayLevels

__all__ = ["ArraySource", "guess_axes", "is_array"]


class ArraySource:
    """A numpy, dask or zarr array, or a list of them, finest level first.

    The array is not copied; its checksum is taken once.

    Parameters
    ----------
    data
        (y, x), (y, x, 1|3|4) or (3|4, y, x), with further axes of length 1 in front; or a list
        of such arrays.
    sizes
        What is known of the pixel size of the finest level.
    """

    kind = "array"
    picture: int | None = None

    def __init__(self, data: Any, sizes: tuple[StatedSize, ...] = ()) -> None:
        arrays = list(data) if not is_array(data) else [data]
        if not arrays:
            raise GlandsError("the list of levels is empty")
        self._data = arrays[0]
        self._levels = ArrayLevels(arrays, guess_axes(arrays[0].shape))
        self.shapes = self._levels.shapes
        self.sizes = sizes

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        return self._levels.read(level, y, x, height, width)

    def checksum(self) -> str:
        """Return the checksum of the finest level."""
        return array_checksum(self._data)

    def close(self) -> None:
        """Do nothing: the array belongs to the caller."""


def is_array(data: Any) -> bool:
    """Tell whether something looks like one array."""
    return all(hasattr(data, name) for name in ("shape", "dtype", "__getitem__"))


def guess_axes(shape: tuple[int, ...]) -> str:
    """Name the axes of an unlabelled array by their lengths."""
    lead = 0
    while len(shape) - lead > 3 and shape[lead] == 1:
        lead += 1
    rest = shape[lead:]
    if len(rest) == 2:
        return "yx"
    if len(rest) != 3:
        raise GlandsError(
            f"an array of shape {shape} is not an image: "
            "give (rows, columns) or (rows, columns, 3 or 4 channels)"
        )
    front = "tzqwv"[:lead] if lead <= 5 else ""
    if rest[2] in (1, 3, 4):
        return front + "yxs"
    if rest[0] in (1, 3, 4):
        return front + "syx"
    if rest[2] < 32 <= rest[0]:
        return front + "yxs"  # refused later, with the number of channels
    return front + "zyx"  # refused later, as a stack
