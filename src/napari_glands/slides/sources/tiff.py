"""TIFF and OME-TIFF files, tiled and pyramidal ones without loading them."""

from __future__ import annotations

import logging
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import file_checksum
from napari_glands.slides.limits import check_chunks, check_size, fits_in_memory
from napari_glands.slides.pictures import FilePicture, SeveralPictures, chosen
from napari_glands.slides.sources.base import about
from napari_glands.slides.sources.cache import decoded
from napari_glands.slides.sources.levels import ArrayLevels
from napari_glands.slides.sources.tiff_pictures import TiffPicture, find_pictures
from napari_glands.slides.sources.tiff_sizes import stated_sizes
from napari_glands.slides.sources.tiff_structure import check_structure
from napari_glands.system_errors import raise_if_refused

__all__ = ["TiffSource"]

# Compressions whose decoders leave YCbCr as it is: none, LZW, deflate (two codes), PackBits.
_NOT_COLOR_AWARE = (1, 5, 8, 32946, 32773)


# It reports on every damaged tag, to the terminal when nobody listens; errors are told here.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TiffSource:
    """One picture of a TIFF file with its pyramid.

    Tiled files, and flat ones too large to hold, are read tile by tile as needed; other flat
    files are decoded whole and stay in a bounded cache. The orientation tag is not applied, as
    is usual for microscopy.

    Parameters
    ----------
    path
        The file.
    picture
        Number of the picture, from 1; may be None where there is only one.

    Raises
    ------
    SeveralPictures
        When there are several and none is chosen.
    GlandsError
        When the file is damaged, cut off, or not one brightfield image.
    """

    kind = "tiff"

    def __init__(self, path: Path, picture: int | None = None) -> None:
        self.path = path
        self.picture = picture
        self._lock = threading.Lock()
        self._file: tifffile.TiffFile | None = None
        self._open_levels: ArrayLevels | None = None
        levels = self._levels()
        self.shapes = levels.shapes

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        return self._levels().read(level, y, x, height, width)

    def checksum(self) -> str:
        """Return the checksum of the file."""
        return file_checksum(self.path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = self._open_levels = None

    def __reduce__(self) -> tuple[type[TiffSource], tuple[Path, int | None]]:
        return type(self), (self.path, self.picture)

    def _levels(self) -> ArrayLevels:
        """Return the open levels, opening the file where needed."""
        with self._lock:
            if self._open_levels is None:
                self._open_levels = self._open()
            return self._open_levels

    def _open(self) -> ArrayLevels:
        try:
            check_structure(self.path)
            self._file = _open_file(self.path)
            weakref.finalize(self, self._file.close)  # also when nobody calls close
            picture = self._choose(self._file)
            self.sizes = stated_sizes(self._file, picture.levels[0].keyframe, picture.ome)
            _check_complete(picture)
            return _read_levels(self.path, picture)
        except Exception as error:
            if self._file is not None:
                self._file.close()
            if isinstance(error, SeveralPictures | MemoryError):
                raise
            if isinstance(error, GlandsError):
                raise about(self.path, error) from error
            raise_if_refused(f"Cannot read {self.path}", error)
            raise GlandsError(
                f"{self.path} is damaged or incomplete ({error}): copy or export it again."
            ) from error

    def _choose(self, file: tifffile.TiffFile) -> TiffPicture:
        """Return the picture that is meant."""
        found = find_pictures(file, lambda series: _array(self.path, series))
        listed = [FilePicture(n, p.name, p.shape) for n, p in enumerate(found, start=1)]
        number = chosen(self.path, listed, self.picture).number
        self.picture = number if len(found) > 1 else None
        return found[number - 1]


def _read_levels(path: Path, picture: TiffPicture) -> ArrayLevels:
    """Return what reads a picture's levels."""
    first = picture.levels[0]
    levels = [level for level in picture.levels if _like(level, first)]
    bits = first.keyframe.bitspersample
    return ArrayLevels(
        [_array(path, level) for level in levels],
        first.axes,
        bits=bits if isinstance(bits, int) and bits not in (8, 16, 32, 64) else None,
        **_colors(first.keyframe),
    )


def _like(level: Any, first: Any) -> bool:
    """Tell whether a level stores its pixels as the finest does."""
    return level.axes == first.axes and level.dtype == first.dtype


def _array(path: Path, series: Any) -> Any:
    """Return an array that reads a series of pages, having looked at what that will take."""
    page = series.keyframe
    height, width = int(page.imagelength), int(page.imagewidth)
    check_size(height, width)
    itemsize = int(page.dtype.itemsize)
    bytes_per_pixel = page.samplesperpixel * itemsize
    if not page.is_tiled and fits_in_memory(height, width, bytes_per_pixel):
        return _Flat(path, series)
    samples = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    check_chunks((height, width, samples), (*_chunk(page), samples), "yxs", itemsize)
    return zarr.open_array(series.aszarr(level=0), mode="r")


def _chunk(page: Any) -> tuple[int, int]:
    """Return rows and columns of what is decoded at a time: a tile or a strip."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


class _Flat:
    """A small flat image, decoded as a whole when first touched."""

    def __init__(self, path: Path, series: Any) -> None:
        self._series = series
        stat = path.stat()
        self._key = ("tiff", str(path), stat.st_mtime_ns, stat.st_size, series.keyframe.offset)
        self._lock = threading.Lock()
        self.shape, self.dtype = series.shape, series.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        with self._lock:
            pixels = decoded.get(self._key, self._series.asarray)
        return pixels[index]


def _open_file(path: Path) -> tifffile.TiffFile:
    """Open a TIFF file, also one that is NDPI by its name only."""
    file = tifffile.TiffFile(path)
    if len(file.pages) == 0 and path.suffix.lower() == ".ndpi":
        file.close()
        file = tifffile.TiffFile(path, is_ndpi=False)
    return file


def _colors(page: Any) -> dict[str, Any]:
    """Return what the samples mean, as keyword arguments of `ArrayLevels`."""
    photometric = tifffile.PHOTOMETRIC
    stored = page.photometric
    if stored == photometric.PALETTE and page.colormap is not None:
        return {"model": "palette", "palette": (page.colormap.T >> 8).astype(np.uint8)}
    if stored == photometric.SEPARATED:
        if page.samplesperpixel != 4:
            raise GlandsError(f"it stores {page.samplesperpixel} printing inks: save it as RGB")
        return {"model": "cmyk"}
    if stored in (photometric.CIELAB, photometric.ICCLAB, photometric.ITULAB):
        raise GlandsError("it stores Lab colours: save it as RGB")
    if stored == photometric.YCBCR and page.compression in _NOT_COLOR_AWARE:
        raise GlandsError("it stores uncompressed YCbCr colours: save it as RGB")
    colors: dict[str, Any] = {"inverted": stored == photometric.MINISWHITE}
    extra = tuple(page.extrasamples)
    if stored == photometric.RGB and page.samplesperpixel == 4:
        has_alpha = extra != (tifffile.EXTRASAMPLE.UNSPECIFIED,)
        colors["model"] = "rgba" if has_alpha else "rgb"
    elif page.samplesperpixel == 2 and extra and extra[0] != tifffile.EXTRASAMPLE.UNSPECIFIED:
        colors["model"] = "gray_alpha"
    colors["premultiplied"] = extra == (tifffile.EXTRASAMPLE.ASSOCALPHA,)
    return colors


def _check_complete(picture: TiffPicture) -> None:
    """Refuse a picture whose tiles or strips reach beyond the file's end."""
    for level in picture.levels:
        for page in level.pages:
            if page is None:
                continue
            ends = np.add(page.dataoffsets, page.databytecounts)
            if len(ends) == 0 or ends.max() > page.parent.filehandle.size:
                raise GlandsError("the file is cut off; copy or export it again")
