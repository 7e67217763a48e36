"""Whole-slide formats that OpenSlide reads: SVS, NDPI, MRXS, SCN, BIF, CZI, DICOM and others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import file_checksum, folder_checksum
from napari_glands.slides.conversion import composite_on_white
from napari_glands.slides.limits import check_size
from napari_glands.slides.pixel_size import StatedSize, both_axes, from_magnification, number
from napari_glands.slides.sources.base import about
from napari_glands.system_errors import raise_if_refused

__all__ = ["OpenSlideSource", "open_with_openslide"]

_NOT_OURS = (None, "generic-tiff")
_MOST_FILES_COMPARED = 64


def open_with_openslide(path: Path) -> OpenSlideSource | None:
    """Open a file or DICOM folder when OpenSlide is there and knows it, else return None.

    Plain tiled TIFF, which OpenSlide knows too, is left to the TIFF source: that one converts
    more kinds of pixels.

    Raises
    ------
    GlandsError
        When OpenSlide knows the format but cannot open this file.
    """
    try:
        import openslide
    except (ImportError, OSError):  # no library for this platform
        return None
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    known = [f for f in files if openslide.OpenSlide.detect_format(f) not in _NOT_OURS]
    if len(known) > 1:
        _check_one_series(path, known)
    return OpenSlideSource(path, known[0]) if known else None


def _check_one_series(folder: Path, files: list[Path]) -> None:
    """Refuse a folder in which the DICOM files of several slides lie side by side."""
    series: dict[str, Path] = {}
    for file in files[:_MOST_FILES_COMPARED]:
        source = OpenSlideSource(folder, file)
        series.setdefault(source.properties.get("dicom.SeriesInstanceUID", ""), file)
        source.close()
    if len(series) > 1:
        names = ", ".join(sorted(file.name for file in series.values()))
        raise GlandsError(
            f"{folder} holds {len(series)} slides: give one file of the one you need ({names})."
        )


class OpenSlideSource:
    """One slide opened by OpenSlide, cut to its non-empty bounds where it states them.

    Colours are those stored; colour profiles are not applied.

    Parameters
    ----------
    path
        The file or folder that the user named.
    file
        The file to hand to OpenSlide.

    Raises
    ------
    GlandsError
        When the slide cannot be opened.
    """

    kind = "openslide"
    picture: int | None = None

    def __init__(self, path: Path, file: Path) -> None:
        self.path = path
        self._file = file
        self._lock = threading.Lock()
        self._slide: Any = None
        slide = self._open()
        properties = slide.properties
        self.sizes = _stated_sizes(properties)
        self._top, self._left, height, width = _bounds(properties, slide.dimensions)
        try:
            check_size(height, width)
        except GlandsError as error:
            self.close()
            raise about(path, error) from error
        self._downsamples = slide.level_downsamples
        self.shapes: tuple[tuple[int, int], ...] = tuple(
            (max(1, int(height / d)), max(1, int(width / d))) for d in self._downsamples
        )
        if (height, width) == slide.dimensions[::-1]:
            self.shapes = tuple((h, w) for w, h in slide.level_dimensions)

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        downsample = self._downsamples[level]
        corner = self._left + round(x * downsample), self._top + round(y * downsample)
        pixels = np.asarray(self._open().read_region(corner, level, (width, height)))
        return composite_on_white(pixels[..., :3], pixels[..., 3:])

    def checksum(self) -> str:
        """Return the checksum of the file, or of the folder's files."""
        return file_checksum(self.path) if self.path.is_file() else folder_checksum(self.path)

    def close(self) -> None:
        """Close the slide."""
        with self._lock:
            if self._slide is not None:
                self._slide.close()
            self._slide = None

    def __reduce__(self) -> tuple[type[OpenSlideSource], tuple[Path, Path]]:
        return type(self), (self.path, self._file)

    @property
    def properties(self) -> dict[str, str]:
        """What OpenSlide knows about the slide, by its names."""
        return dict(self._open().properties)

    def _open(self) -> Any:
        """Return the open slide; OpenSlide's handles may be used by several threads."""
        import openslide

        with self._lock:
            if self._slide is None:
                try:
                    self._slide = openslide.OpenSlide(self._file)
                except (openslide.OpenSlideError, OSError) as error:
                    raise_if_refused(f"Cannot read {self.path}", error)
                    raise GlandsError(
                        f"{self.path} is damaged or incomplete ({error}): copy or export it again."
                    ) from error
            return self._slide


def _stated_sizes(properties: Any) -> tuple[StatedSize, ...]:
    """Return what the slide states: µm per pixel, or else its magnification."""
    y, x = (number(properties.get(f"openslide.mpp-{axis}")) for axis in "yx")
    return (
        *both_axes(y, x, "openslide.mpp"),
        *from_magnification(properties.get("openslide.objective-power")),
    )


def _bounds(properties: Any, dimensions: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the scanned part, at level 0.

    Scanners that stitch (MIRAX) state it; other viewers cut to it too, so that coordinates agree.
    """
    try:
        left, top, width, height = (
            int(properties[f"openslide.bounds-{key}"]) for key in ("x", "y", "width", "height")
        )
    except (KeyError, ValueError):
        return 0, 0, dimensions[1], dimensions[0]
    inside = 0 <= top < top + height <= dimensions[1] and 0 <= left < left + width <= dimensions[0]
    return (top, left, height, width) if inside else (0, 0, dimensions[1], dimensions[0])
