"""Arrays of one image at several resolutions, with named axes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.conversion import ColorModel, PixelFormat, full_scale, to_rgb
from napari_glands.slides.limits import check_size

__all__ = ["ArrayLevels", "is_smaller_copy"]

_SCAN = 4096
# Blocks of the coarsest level that are looked at to learn what is white.
_MOST_SCANNED = 64
# Level sizes are rounded up or down, anew at each level.
_ROUNDING = 2


def is_smaller_copy(small: tuple[int, int], large: tuple[int, int]) -> bool:
    """Tell whether rows and columns can be those of an image after shrinking both alike."""
    if small == large or not all(0 < m <= n for m, n in zip(small, large, strict=True)):
        return False
    least = max(n / (m + _ROUNDING) for m, n in zip(small, large, strict=True))
    most = min(n / max(m - _ROUNDING, 0.1) for m, n in zip(small, large, strict=True))
    return least <= most and most > 1.1


class ArrayLevels:
    """Reads RGB rectangles from array-likes (numpy, dask, zarr) whose axes are named.

    Parameters
    ----------
    arrays
        One per level, finest first; anything with ``shape``, ``dtype`` and slicing.
    axes
        One letter per array axis: ``y`` and ``x``, optionally ``c`` (separate channels) or ``s``
        (samples of a colour), and others (``t``, ``z``, …) that must have length 1.
    model
        What the channels mean; None tells it from their number.
    palette, inverted, premultiplied
        See `PixelFormat`.
    bits
        Significant bits, where known; otherwise the pixels tell.

    Raises
    ------
    GlandsError
        When the arrays are not one image; the message is for the caller to prefix with a name.
    """

    def __init__(
        self,
        arrays: Sequence[Any],
        axes: str,
        *,
        model: ColorModel | None = None,
        palette: np.ndarray | None = None,
        inverted: bool = False,
        premultiplied: bool = False,
        bits: int | None = None,
    ) -> None:
        self.arrays = list(arrays)
        self.axes = axes.lower()
        self._palette, self._inverted, self._bits = palette, inverted, bits
        self._premultiplied = premultiplied
        self._format: PixelFormat | None = None
        self._lock = threading.Lock()
        for array in self.arrays:
            self._check_axes(array)
        row, column = self.axes.index("y"), self.axes.index("x")
        self.shapes = tuple((int(a.shape[row]), int(a.shape[column])) for a in self.arrays)
        self._check_levels()
        self.model = model or self._model()

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        return to_rgb(self._raw(level, y, x, height, width), self._pixel_format())

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _check_axes(self, array: Any) -> None:
        """Refuse what is not one two-dimensional image."""
        if len(array.shape) != len(self.axes) or not {"y", "x"} <= set(self.axes):
            raise GlandsError(
                f"an array of shape {tuple(array.shape)} is not an image: "
                "give (rows, columns) or (rows, columns, 3 or 4 channels)"
            )
        if 0 in array.shape:
            raise GlandsError(f"the image is empty (shape {tuple(array.shape)})")
        for axis, size in zip(self.axes, array.shape, strict=True):
            if axis not in "yxcs" and size != 1:
                raise GlandsError(
                    f"it is a stack of {size} planes (axis {axis!r}), not one image: "
                    "save the plane you need on its own"
                )
        if {"c", "s"} <= set(self.axes):
            extra = array.shape[self.axes.index("c")]
            if extra != 1:
                raise GlandsError(f"it holds {extra} colour images: save the one you need")

    def _check_levels(self) -> None:
        """Refuse levels that are not one image at smaller and smaller sizes."""
        check_size(*self.shapes[0])
        first = self.arrays[0]
        others = [i for i, axis in enumerate(self.axes) if axis not in "yx"]
        for array, (finer, shape) in zip(self.arrays[1:], pairwise(self.shapes), strict=True):
            same = all(array.shape[i] == first.shape[i] for i in others)
            if not (same and np.dtype(array.dtype) == np.dtype(first.dtype)):
                raise GlandsError(
                    f"its levels do not belong together ({tuple(first.shape)} {first.dtype} and "
                    f"{tuple(array.shape)} {array.dtype}): export it again"
                )
            if not is_smaller_copy(shape, finer):
                sizes = ", ".join(f"{width} × {height}" for height, width in self.shapes)
                raise GlandsError(
                    f"its levels are not one image at smaller and smaller sizes ({sizes}): "
                    "export it again"
                )

    def _channel_axis(self) -> str | None:
        """Return the axis that holds the colours."""
        return "s" if "s" in self.axes else "c" if "c" in self.axes else None

    def _model(self) -> ColorModel:
        """Tell the colour model from the number of channels."""
        axis = self._channel_axis()
        channels = 1 if axis is None else int(self.arrays[0].shape[self.axes.index(axis)])
        if channels == 4 and axis == "c" and self.axes[-1] != "c":
            raise GlandsError(
                "it has 4 separate channels, as fluorescence images have: "
                "a brightfield RGB image is needed"
            )
        models: dict[int, ColorModel] = {1: "gray", 3: "rgb", 4: "rgba"}
        if channels not in models:
            raise GlandsError(
                f"it has {channels} channels: a brightfield image with 1 (gray), 3 (RGB) or "
                "4 (RGBA) channels is needed"
            )
        return models[channels]

    def _raw(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return the stored (y, x[, channel]) of a rectangle."""
        axis = self._channel_axis()
        picks: dict[str, Any] = {"y": slice(y, y + height), "x": slice(x, x + width)}
        if axis is not None:
            picks[axis] = slice(None)
        pixels = np.asarray(self.arrays[level][tuple(picks.get(a, 0) for a in self.axes)])
        left = [a for a in self.axes if a in picks]
        order = [left.index(a) for a in ("y", "x", axis) if a is not None]
        return pixels.transpose(order)

    def _pixel_format(self) -> PixelFormat:
        """Settle, once for the whole image, how numbers become colours."""
        with self._lock:
            if self._format is None:
                self._format = self._find_format()
            return self._format

    def _find_format(self) -> PixelFormat:
        dtype = np.dtype(self.arrays[0].dtype)
        if self.model == "palette":
            return PixelFormat("palette", palette=self._palette)
        has_alpha = self.model in ("rgba", "gray_alpha")
        color = slice(None, -1) if has_alpha else slice(None)
        if self._bits is not None and dtype.kind in "ui" and 1 <= self._bits <= 16:
            white = alpha_white = float(2**self._bits - 1)
        else:
            white = full_scale(dtype, self._extremes(color))
            alpha_white = 255.0
            if has_alpha:
                alpha_white = full_scale(dtype, self._extremes(slice(-1, None)))
        return PixelFormat(
            self.model,
            white=white,
            alpha_white=alpha_white,
            inverted=self._inverted,
            premultiplied=self._premultiplied,
        )

    def _extremes(self, channels: slice) -> Iterator[tuple[float, float]]:
        """Yield smallest and largest value of the coarsest level, block by block.

        That is the whole image where there is one level, and quick where there are more; the
        bright background of a slide survives averaging.
        """
        level = len(self.arrays) - 1
        height, width = self.shapes[level]
        corners = [(y, x) for y in range(0, height, _SCAN) for x in range(0, width, _SCAN)]
        if len(corners) > _MOST_SCANNED:  # a large image without smaller levels
            picks = np.linspace(0, len(corners) - 1, _MOST_SCANNED).astype(int)
            corners = [corners[index] for index in picks.tolist()]
        for y, x in corners:
            pixels = self._raw(level, y, x, min(_SCAN, height - y), min(_SCAN, width - x))
            if pixels.ndim == 3:
                pixels = pixels[..., channels]
            yield pixels.min(), pixels.max()
