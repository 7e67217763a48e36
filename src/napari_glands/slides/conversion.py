"""From whatever an image stores to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from napari_glands.errors import GlandsError

__all__ = ["ColorModel", "PixelFormat", "composite_on_white", "full_scale", "to_rgb"]

ColorModel = Literal["gray", "gray_alpha", "rgb", "rgba", "cmyk", "palette"]

# Cameras deliver these bit depths inside 16-bit words.
_BIT_DEPTHS = (8, 10, 12, 14, 16)


@dataclass(frozen=True)
class PixelFormat:
    """How stored numbers are to be read as colours, the same for the whole image.

    Attributes
    ----------
    model
        What the channels mean.
    white
        Stored value that becomes 255.
    alpha_white
        Stored alpha value that is fully opaque.
    inverted
        Whether 0 is white (grayscale only).
    premultiplied
        Whether the colours are already multiplied with alpha.
    palette
        uint8 (n, 3): the colours that a palette image's numbers stand for.
    """

    model: ColorModel
    white: float = 255
    alpha_white: float = 255
    inverted: bool = False
    premultiplied: bool = False
    palette: np.ndarray | None = None


def to_rgb(pixels: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    """Turn stored pixels into RGB.

    Parameters
    ----------
    pixels
        (y, x) or (y, x, channel) of any real dtype.
    pixel_format
        How the numbers are to be read.

    Returns
    -------
    numpy.ndarray
        uint8 (y, x, 3). Gray is repeated, alpha is composited on white, CMYK is converted
        without a colour profile; RGB with a fourth channel that is not alpha loses it.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixel_format.model == "palette":
        palette = pixel_format.palette
        assert palette is not None
        return palette[np.minimum(pixels[..., 0], len(palette) - 1)]
    if pixel_format.model in ("gray_alpha", "rgba"):
        color = _to_uint8(pixels[..., :-1], pixel_format.white)
        alpha = _to_uint8(pixels[..., -1:], pixel_format.alpha_white)
        if pixel_format.inverted:
            color = 255 - color
        color = np.broadcast_to(color, (*color.shape[:2], 3))
        return composite_on_white(color, alpha, premultiplied=pixel_format.premultiplied)
    if pixel_format.model == "rgb":
        pixels = pixels[..., :3]
    color = _to_uint8(pixels, pixel_format.white)
    if pixel_format.model == "cmyk":
        return np.asarray(
            Image.frombytes("CMYK", color.shape[1::-1], color.tobytes()).convert("RGB")
        )
    if pixel_format.inverted:
        color = 255 - color
    if color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    return np.ascontiguousarray(color)


def composite_on_white(
    color: np.ndarray, alpha: np.ndarray, *, premultiplied: bool = False
) -> np.ndarray:
    """Lay uint8 (y, x, 3) over a white ground with uint8 (y, x, 1) opacity."""
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(color)
    if premultiplied:
        return np.minimum(color + (255 - alpha.astype(np.uint16)), 255).astype(np.uint8)
    weighted = color.astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16))
    return ((weighted + 127) // 255).astype(np.uint8)


def full_scale(dtype: np.dtype, extremes: Iterable[tuple[float, float]]) -> float:
    """Return the stored value that stands for white.

    8-bit and boolean values need no look at the pixels. Wider integers are taken to have the
    smallest of 8, 10, 12, 14 or 16 bits that holds the whole image's largest value, so 12-bit
    camera data in 16-bit words keeps its brightness. Floats are taken to run from 0 to 1, or
    from 0 to 255 when one is clearly larger than 1.

    Parameters
    ----------
    dtype
        The pixels' dtype.
    extremes
        Smallest and largest value of each block of the image; only consumed where needed.

    Raises
    ------
    GlandsError
        When the values are negative, not finite, too large or not numbers.
    """
    if dtype.kind == "b":
        return 1
    if dtype == np.uint8:
        return 255
    if dtype.kind not in "uif":
        raise GlandsError(f"pixels of type {dtype} are not an image; save it as 8-bit RGB")
    lows, highs = zip(*extremes, strict=True)
    low, high = float(np.min(lows)), float(np.max(highs))
    if not np.isfinite([low, high]).all():
        raise GlandsError("it holds values that are not finite (NaN); save it as 8-bit RGB")
    if low < (-0.01 if dtype.kind == "f" else 0):
        raise GlandsError(f"it holds negative values (down to {low:g}); save it as 8-bit RGB")
    if dtype.kind == "f" and high <= 1.01:
        return 1
    if dtype.kind == "f":
        depths: tuple[int, ...] = (8,)
    else:
        depths = _BIT_DEPTHS
    for bits in depths:
        if high < 2**bits:
            return 2**bits - 1
    raise GlandsError(
        f"it holds values up to {high:g}, beyond the {depths[-1]}-bit range; save it as 8-bit RGB"
    )


def _to_uint8(values: np.ndarray, white: float) -> np.ndarray:
    """Scale so that `white` becomes 255, rounding to the nearest and clipping."""
    if values.dtype == np.uint8 and white == 255:
        return values
    scaled = values.astype(np.float32) * np.float32(255 / white)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
