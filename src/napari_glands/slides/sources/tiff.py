"""TIFF and OME-TIFF files, tiled and pyramidal ones without loading them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
import zarr
from tifffile.tifffile import svs_description_metadata

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import file_checksum
from napari_glands.slides.pixel_size import from_resolution, to_micrometres
from napari_glands.slides.sources.cache import decoded
from napari_glands.slides.sources.levels import ArrayLevels
from napari_glands.slides.sources.raster import MAX_FLAT_PIXELS
from napari_glands.system_errors import raise_if_refused

__all__ = ["TiffSource"]

# Compressions whose decoders leave YCbCr as it is: none, LZW, deflate (two codes), PackBits.
_NOT_COLOR_AWARE = (1, 5, 8, 32946, 32773)
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


class TiffSource:
    """The first image of a TIFF file with its pyramid.

    Tiled files, and flat ones too large to hold, are read tile by tile as needed; other flat
    files are decoded whole and stay in a bounded cache. The orientation tag is not applied, as
    is usual for microscopy.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    GlandsError
        When the file is damaged, cut off, or not one brightfield image.
    """

    kind = "tiff"

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def __reduce__(self) -> tuple[type[TiffSource], tuple[Path]]:
        return type(self), (self.path,)

    def _levels(self) -> ArrayLevels:
        """Return the open levels, opening the file where needed."""
        with self._lock:
            if self._open_levels is None:
                self._open_levels = self._open()
            return self._open_levels

    def _open(self) -> ArrayLevels:
        try:
            self._file = _open_file(self.path)
            series = self._file.series[0]
            self.mpp = _stated_mpp(self._file, series)
            _check_complete(series)
            return self._make_levels(series)
        except Exception as error:
            if self._file is not None:
                self._file.close()
            if isinstance(error, MemoryError):
                raise
            if isinstance(error, GlandsError):
                raise GlandsError(f"{self.path}: {error}.") from error
            raise_if_refused(f"Cannot read {self.path}", error)
            raise GlandsError(
                f"{self.path} is damaged or incomplete ({error}): copy or export it again."
            ) from error

    def _make_levels(self, series: Any) -> ArrayLevels:
        page = series.keyframe
        colors = _colors(page)
        flat = not page.is_tiled and len(series.levels) == 1
        arrays: list[Any]
        if flat and page.imagewidth * page.imagelength <= MAX_FLAT_PIXELS:
            arrays = [_Flat(self.path, series)]
        else:
            arrays = [
                zarr.open_array(series.aszarr(level=index), mode="r")
                for index in range(len(series.levels))
            ]
        bits = page.bitspersample
        return ArrayLevels(
            arrays,
            series.axes,
            bits=bits if isinstance(bits, int) and bits not in (8, 16, 32, 64) else None,
            **colors,
        )


class _Flat:
    """A small flat image, decoded as a whole when first touched."""

    def __init__(self, path: Path, series: Any) -> None:
        self._series = series
        stat = path.stat()
        self._key = ("tiff", str(path), stat.st_mtime_ns, stat.st_size)
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


def _check_complete(series: Any) -> None:
    """Refuse a file whose tiles or strips reach beyond its end."""
    for level in series.levels:
        for page in level.pages:
            if page is None:
                continue
            ends = np.add(page.dataoffsets, page.databytecounts)
            if len(ends) == 0 or ends.max() > page.parent.filehandle.size:
                raise GlandsError("the file is cut off; copy or export it again")


def _stated_mpp(file: tifffile.TiffFile, series: Any) -> tuple[float, float] | None:
    """Return µm per pixel (y, x), None where the file says nothing or nothing sensible."""
    try:
        if file.is_ome and file.ome_metadata:
            return _ome_mpp(file.ome_metadata)
        if file.is_svs:
            mpp = float(svs_description_metadata(series.keyframe.description)["MPP"])
            return mpp, mpp
        return _tag_mpp(file, series.keyframe)
    except (ElementTree.ParseError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _tag_mpp(file: tifffile.TiffFile, page: Any) -> tuple[float, float] | None:
    """Return µm per pixel (y, x) from the resolution tags, in ImageJ's unit where it wrote one."""
    unit = _RESOLUTION_UNITS.get(int(page.resolutionunit or 0))
    if file.is_imagej and file.imagej_metadata:
        unit = str(file.imagej_metadata.get("unit", "")) or unit
    if unit is None or "XResolution" not in page.tags or "YResolution" not in page.tags:
        return None
    pixels_x, pixels_y = page.resolution
    mpp = from_resolution(pixels_y, unit), from_resolution(pixels_x, unit)
    return None if mpp[0] is None or mpp[1] is None else (mpp[0], mpp[1])


def _ome_mpp(xml: str) -> tuple[float, float] | None:
    """Return µm per pixel (y, x) of the first image in OME-XML."""
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None
    mpp = []
    for axis in "YX":
        size = pixels.get(f"PhysicalSize{axis}")
        if size is None:
            return None
        mpp.append(to_micrometres(float(size), pixels.get(f"PhysicalSize{axis}Unit", "µm")))
    return None if None in mpp else (mpp[0], mpp[1])  # type: ignore[return-value]
