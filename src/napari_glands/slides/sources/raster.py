"""Flat image files that are decoded as a whole: PNG, JPEG, BMP and what else Pillow reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import file_checksum
from napari_glands.slides.conversion import PixelFormat, full_scale, to_rgb
from napari_glands.slides.limits import check_flat
from napari_glands.slides.pixel_size import StatedSize, from_resolution
from napari_glands.slides.sources.base import about
from napari_glands.slides.sources.cache import decoded
from napari_glands.system_errors import raise_if_refused

__all__ = ["RasterSource"]

# Of what Pillow knows: what images of tissue are stored in. Others would start programs (EPS) or
# fetch what is elsewhere.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "JPEG2000", "PPM", "TGA", "AVIF")
# Rows that are turned into RGB at a time, so that a large image is in memory twice, not four times.
_BAND = 512
_SWITCH = threading.Lock()


class RasterSource:
    """One flat image file.

    The file is decoded once on opening, which finds damage early; the pixels stay in a bounded
    cache and are decoded again when they have been let go.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    GlandsError
        When the file is damaged, too large or not an image.
    """

    kind = "raster"
    picture: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        stat = path.stat()
        self._key = str(path), stat.st_mtime_ns, stat.st_size
        self.sizes = self._header()
        self.shapes: tuple[tuple[int, int], ...] = (self._pixels().shape[:2],)

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle."""
        return self._pixels()[y : y + height, x : x + width]

    def checksum(self) -> str:
        """Return the checksum of the file."""
        return file_checksum(self.path)

    def close(self) -> None:
        """Let the decoded pixels go."""
        decoded.drop(self._key)

    def __reduce__(self) -> tuple[type[RasterSource], tuple[Path]]:
        return type(self), (self.path,)

    def _pixels(self) -> np.ndarray:
        with self._lock:
            return decoded.get(self._key, lambda: _decode(self.path))

    def _header(self) -> tuple[StatedSize, ...]:
        """Check the image's size before anything is decoded, and return its pixel size."""
        with _opened(self.path) as image:
            width, height = image.size
            try:
                check_flat(height, width, _bytes_per_pixel(image, self.path))
            except GlandsError as error:
                raise about(self.path, error) from error
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                raise GlandsError(
                    f"{self.path} holds {image.n_frames} frames: save the one you need as PNG."  # type: ignore[attr-defined]
                )
            dpi = image.info.get("dpi")
            sideways = image.getexif().get(0x0112, 1) >= 5
        if not isinstance(dpi, tuple) or len(dpi) != 2:
            return ()
        across, down = reversed(dpi) if sideways else dpi
        return tuple(from_resolution(across, down, "inch"))


@cache
def _formats() -> tuple[str, ...]:
    """Return which of the formats this build of Pillow knows."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open with Pillow under our own size limit, turning its errors into ours."""
    try:
        with _SWITCH:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(path, formats=_formats())
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        with image:
            yield image
    except UnidentifiedImageError as error:
        raise GlandsError(
            f"{path} is not an image in a format that can be read, whatever its name says."
        ) from error
    except (GlandsError, MemoryError):
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, …
        raise_if_refused(f"Cannot read {path}", error)
        raise GlandsError(
            f"{path} is damaged or incomplete ({error}): copy or export it again."
        ) from error


def _decode(path: Path) -> np.ndarray:
    """Decode a file to uint8 (y, x, 3)."""
    with _opened(path) as image:
        if image.format == "PNG" and _png_bit_depth(path) == 16:
            return _decode_png16(path)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return _to_rgb_array(np.asarray(image), path)
        if image.mode == "LAB":
            raise GlandsError(f"{path} stores Lab colours: save it as RGB.")
        width, height = image.size
        return _by_bands((height, width), lambda y, stop: _to_rgb(image.crop((0, y, width, stop))))


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Convert any of Pillow's modes of 8 bits."""
    if image.mode in ("RGB", "CMYK", "YCbCr", "HSV", "RGBX") and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"))
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L").convert("RGB"))
    return to_rgb(np.asarray(image.convert("RGBA")), PixelFormat("rgba"))


def _bytes_per_pixel(image: Image.Image, path: Path) -> int:
    """Return how much an image takes in memory as it is decoded."""
    if image.mode in ("I", "F"):
        return 4
    deep = image.format == "PNG" and _png_bit_depth(path) == 16
    return len(image.getbands()) * (2 if deep or image.mode.startswith("I;16") else 1)


def _png_bit_depth(path: Path) -> int:
    """Return the bits per channel that a PNG header states."""
    with path.open("rb") as file:
        return file.read(25)[24]


def _decode_png16(path: Path) -> np.ndarray:
    """Decode a 16-bit PNG, of which Pillow would keep 8 bits of each colour only."""
    try:
        pixels = imagecodecs.png_decode(path.read_bytes())
    except imagecodecs.PngError as error:
        raise ValueError(str(error)) from error
    return _to_rgb_array(pixels, path)


def _to_rgb_array(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Convert an array with 1 to 4 channels: gray, gray and alpha, RGB, RGBA."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    has_alpha = channels in (2, 4)
    color = pixels[..., :-1] if has_alpha else pixels
    try:
        white = full_scale(pixels.dtype, [(color.min(), color.max())])
    except GlandsError as error:
        raise GlandsError(f"{path}: {error}.") from error
    model = {1: "gray", 2: "gray_alpha", 3: "rgb", 4: "rgba"}[channels]
    opaque = float(np.iinfo(pixels.dtype).max) if has_alpha else 255
    stored = PixelFormat(model, white=white, alpha_white=opaque)  # type: ignore[arg-type]
    return _by_bands(pixels.shape[:2], lambda y, stop: to_rgb(pixels[y:stop], stored))


def _by_bands(shape: tuple[int, int], convert: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Put an RGB image together from bands of rows."""
    rgb = np.empty((*shape, 3), np.uint8)
    for y in range(0, shape[0], _BAND):
        stop = min(y + _BAND, shape[0])
        rgb[y:stop] = convert(y, stop)
    return rgb
