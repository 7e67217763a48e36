"""Which pages of a TIFF file are pictures, and which only smaller copies of one, or labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tifffile

from napari_glands.errors import GlandsError
from napari_glands.slides.pictures import is_extra
from napari_glands.slides.sources.levels import is_smaller_copy
from napari_glands.slides.sources.ome_xml import OmeImage, ome_images

__all__ = ["TiffPicture", "find_pictures"]

OpenArray = Callable[[Any], Any]

# Formats of which the library knows what each page is; in all others, pages are looked at.
_LOOSE = ("generic", "uniform")
_MOST_COMPARED = 64
# Bits of a page's NewSubfileType.
_SMALLER, _MASK = 1, 4
# Windows in which two pages are compared: along each side, and their size in the larger page.
_WINDOWS, _WINDOW = 4, 512
_LIKENESS = 0.8


@dataclass
class TiffPicture:
    """One picture of a TIFF file.

    Attributes
    ----------
    levels
        What `tifffile` can read of it, finest first.
    name
        What the file calls it.
    reduced
        Whether the file marks it as a smaller version of something, or as a mask.
    ome
        What OME-XML says of it.
    """

    levels: list[Any]
    name: str = ""
    reduced: bool = False
    ome: OmeImage | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the finest level."""
        return _shape(self.levels[0])


def find_pictures(file: tifffile.TiffFile, open_array: OpenArray) -> list[TiffPicture]:
    """Return the full pictures of a file, at least one, in the file's order.

    Labels, macros and thumbnails are left out, by what the file marks or calls them. Pages that
    are smaller copies of another become its levels, whatever their order; without a mark they are
    told by how they look.

    Parameters
    ----------
    file
        The open file.
    open_array
        Returns an array that reads a series of pages.

    Raises
    ------
    GlandsError
        When the file holds no picture.
    """
    found = _listed(file)
    if not found:
        raise GlandsError("it holds no image; copy or export it again")
    found = [picture for picture in found if not is_extra(picture.name)] or found
    found = _joined(found, open_array)
    return [picture for picture in found if not picture.reduced] or [max(found, key=_area)]


def _listed(file: tifffile.TiffFile) -> list[TiffPicture]:
    """Return every series of pages that belong together for sure."""
    series = list(file.series)
    loose = len(series) > 1 or len(series[0].levels) > 1 if series else False
    images = ome_images(file.ome_metadata) if file.is_ome and file.ome_metadata else []
    pictures = []
    for index, one in enumerate(series):
        if one.kind in _LOOSE and loose:
            pages = (page for level in one.levels for page in level.pages)
            pictures += [_of_page(page) for page in pages if page is not None]
        else:
            levels = _shrinking(one.levels)
            reduced = all(_is_reduced(level.keyframe) for level in levels)
            ome = _of_ome(images, index, len(series), _shape(levels[0]))
            name = (ome.name if ome else "") or _series_name(one)
            pictures.append(TiffPicture(levels, name, reduced, ome))
    return sorted(pictures, key=_place) if loose and not images else pictures


def _shrinking(levels: list[Any]) -> list[Any]:
    """Return levels finest first, without those that are no smaller copies by their size."""
    first, *others = sorted(levels, key=lambda level: _pixels(_shape(level)), reverse=True)
    kept = [first]
    for level in others:
        if is_smaller_copy(_shape(level), _shape(kept[-1])):
            kept.append(level)
    return kept


def _series_name(series: Any) -> str:
    """Return the name of a series, where the file and not the library has given it."""
    name = str(series.name or "")
    return "" if name in ("Baseline", f"series {series.index}") else name


def _of_page(page: Any) -> TiffPicture:
    page = page.aspage()
    series = tifffile.TiffPageSeries([page], page.shape, page.dtype, page.axes, kind="generic")
    words = str(page.description or "").strip().splitlines()
    name = words[0][:60] if words and len(words[0]) <= 60 and words[0][0] not in "{<" else ""
    return TiffPicture([series], name, _is_reduced(page))


def _of_ome(
    images: list[OmeImage], index: int, number: int, shape: tuple[int, int]
) -> OmeImage | None:
    """Return what OME-XML says of a series: it may leave out images whose pages are missing."""
    if len(images) == number:
        return images[index]
    return next((image for image in images if image.shape == shape), None)


def _joined(pictures: list[TiffPicture], open_array: OpenArray) -> list[TiffPicture]:
    """Make levels of the pictures that are smaller copies of another."""
    if len(pictures) > _MOST_COMPARED:
        return pictures
    kept: list[TiffPicture] = []
    for picture in sorted(pictures, key=_area, reverse=True):
        whole = next((large for large in kept if _is_copy(picture, large, open_array)), None)
        if whole is None:
            kept.append(picture)
        else:
            whole.levels = _shrinking([*whole.levels, *picture.levels])
            whole.reduced = whole.reduced and picture.reduced
    return [picture for picture in pictures if any(picture is one for one in kept)]


def _is_copy(small: TiffPicture, large: TiffPicture, open_array: OpenArray) -> bool:
    """Tell whether a picture is another one, smaller."""
    one, other = small.levels[0], large.levels[0]
    if not is_smaller_copy(_shape(one), _shape(large.levels[-1])):
        return False
    if (one.axes, one.dtype) != (other.axes, other.dtype) or _colors(one) != _colors(other):
        return False
    try:
        return _look_alike(one, other, open_array)
    except (GlandsError, ValueError, OSError, RuntimeError):  # damage, told when it is opened
        return False


def _look_alike(small: Any, large: Any, open_array: OpenArray) -> bool:
    """Compare some windows of two pages, of which one may be the other one shrunk."""
    height, width = _shape(small)
    factor = _shape(large)[0] / height
    side = max(4, round(_WINDOW / factor))
    arrays = open_array(small), open_array(large)
    seen: list[np.ndarray] = []
    expected: list[np.ndarray] = []
    picked: list[np.ndarray] = []
    for y in np.linspace(0, max(0, height - side), _WINDOWS).astype(int).tolist():
        for x in np.linspace(0, max(0, width - side), _WINDOWS).astype(int).tolist():
            seen.append(_window(arrays[0], small.axes, y, x, side, side))
            rows, columns = seen[-1].shape[:2]
            box = [round(edge * factor) for edge in (y, x, rows, columns)]
            pixels = _window(arrays[1], large.axes, *box)
            means, corners = _shrunk(pixels, rows, columns)
            expected.append(means)
            picked.append(corners)
    return max(_likeness(seen, expected), _likeness(seen, picked)) >= _LIKENESS


def _window(array: Any, axes: str, y: int, x: int, height: int, width: int) -> np.ndarray:
    """Return float (y, x) of a rectangle: the sum over its colours."""
    picks = {"Y": slice(y, y + height), "X": slice(x, x + width)}
    pixels = np.asarray(array[tuple(picks.get(axis, slice(None)) for axis in axes)], float)
    kept = [index for index, axis in enumerate(axes) if axis in "YX"]
    pixels = pixels.sum(axis=tuple(i for i in range(len(axes)) if i not in kept))
    return pixels if axes.index("Y") < axes.index("X") else pixels.T


def _shrunk(pixels: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Shrink a window in the two ways in use: by means, and by picking pixels."""
    y = np.linspace(0, pixels.shape[0], rows, endpoint=False).astype(int)
    x = np.linspace(0, pixels.shape[1], columns, endpoint=False).astype(int)
    counts = np.diff(y, append=pixels.shape[0])[:, None] * np.diff(x, append=pixels.shape[1])
    sums = np.add.reduceat(np.add.reduceat(pixels, y, axis=0), x, axis=1)
    return sums / np.maximum(counts, 1), pixels[np.ix_(y, x)]


def _likeness(seen: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Return the correlation of what is seen with what is expected; 1 where both are blank."""
    one = np.concatenate([window.ravel() for window in seen])
    other = np.concatenate([window.ravel() for window in expected])
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    if spread == 0:
        return float(not one.any() and not other.any())
    return float((one * other).sum() / spread)


def _place(picture: TiffPicture) -> tuple[int, ...]:
    """Return where in the file a picture is: its page, and its smaller page."""
    index = picture.levels[0].keyframe.index
    return tuple(index) if isinstance(index, tuple) else (int(index),)


def _is_reduced(page: Any) -> bool:
    """Tell whether a page is marked as a smaller version (also in the old way) or as a mask."""
    kind, old_kind = int(page.subfiletype or 0), int(page.tags.valueof(255, default=0) or 0)
    return bool(kind & (_SMALLER | _MASK)) or old_kind == 2


def _colors(series: Any) -> tuple[Any, ...]:
    page = series.keyframe
    return page.photometric, page.samplesperpixel, page.planarconfig


def _shape(series: Any) -> tuple[int, int]:
    """Return rows and columns of a series of pages."""
    axes = series.axes
    if "Y" not in axes or "X" not in axes:
        return 0, 0
    return int(series.shape[axes.index("Y")]), int(series.shape[axes.index("X")])


def _pixels(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]


def _area(picture: TiffPicture) -> int:
    return _pixels(picture.shape)
