"""Label images as files, which napari's own readers show as nearly black pictures."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides.blocks import LARGEST_WHOLE
from napari_glands.slides.pairing import bare_name, is_mark, pairing_key
from napari_glands.slides.pixel_size import from_resolution

__all__ = ["LabelFile", "is_label_file", "read_label_file"]

_ENDINGS = {".png", ".tif", ".tiff", ".bmp"}
_TIFF = {".tif", ".tiff"}
# Pillow's words for planes of whole numbers, a palette's indices among them.
_PLANES = {"1", "L", "P", "I", "I;16", "I;16B", "I;16L"}
_MOST_FLAT_PIXELS = 16_384 * 16_384  # a flat image is decoded whole


def is_label_file(path: Path) -> bool:
    """Tell whether a file is a label image: by its name, and by its one channel of whole numbers.

    A TIFF of 32-bit whole numbers is one whatever its name, for no camera makes those.
    """
    if path.suffix.lower() not in _ENDINGS:
        return False
    named = _is_named_so(path)
    try:
        if path.suffix.lower() in _TIFF:
            with tifffile.TiffFile(path) as tiff:
                dtype, is_plane = tiff.series[0].dtype, _is_plane(tiff)
            return is_plane and (named or (dtype.kind in "ui" and dtype.itemsize >= 4))
        with _opened(path) as image:
            return named and image.mode in _PLANES
    except Exception:  # whatever decoders raise; what is damaged is told when it is read as image
        return False


def _is_named_so(path: Path) -> bool:
    bare = bare_name(path)
    return pairing_key(path) != bare or is_mark(bare)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label image that was read.

    Attributes
    ----------
    levels
        (y, x) of the stored integers, the finest first: one array in memory, or the stored arrays,
        where the image is too large for that.
    mpp
        µm per pixel (y, x) as the file states it; None where it does not.
    note
        Its comment.
    """

    levels: Sequence[Any]
    mpp: tuple[float, float] | None
    note: str


def read_label_file(path: Path) -> LabelFile:
    """Read a label image.

    Parameters
    ----------
    path
        One that `is_label_file`.

    Raises
    ------
    GlandsError
        When the file is damaged, has negative values, or is too large.
    """
    try:
        read = _of_tiff(path) if path.suffix.lower() in _TIFF else _of_flat(path)
    except GlandsError:
        raise
    except Exception as error:  # each decoder has its own kinds
        raise GlandsError(f"Cannot read the label image {path}: {error}.") from error
    finest = read.levels[0]
    if isinstance(finest, np.ndarray) and finest.dtype.kind == "i" and finest.min(initial=0) < 0:
        raise GlandsError(f"{path} has negative values: a label image has 0 and above.")
    return read


def _is_plane(tiff: tifffile.TiffFile) -> bool:
    """Whether the first series of a TIFF is one plane of whole numbers."""
    series = tiff.series[0]
    return series.dtype.kind in "bui" and len([size for size in series.shape if size != 1]) == 2


def _of_tiff(path: Path) -> LabelFile:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        rows, columns = (size for size in series.shape if size != 1)
        said = _resolution(series.keyframe), series.keyframe.description
        if rows * columns <= LARGEST_WHOLE:
            return LabelFile([series.asarray().reshape(rows, columns)], *said)
        numbers = range(len(series.levels))
    levels = []
    for number in numbers:
        store = tifffile.imread(path, aszarr=True, level=number)
        levels.append(zarr.open_array(store, mode="r"))
        weakref.finalize(levels[-1], store.close)  # nobody closes a layer's data
    return LabelFile(levels, *said)


def _resolution(page: Any) -> tuple[float, float] | None:
    """Return µm per pixel (y, x) from a TIFF's tags; None where they say nothing of the kind."""
    unit = {2: "inch", 3: "cm"}.get(int(page.resolutionunit or 0))
    return None if unit is None else _um(page.resolution, unit)


def _of_flat(path: Path) -> LabelFile:
    with _opened(path) as image:
        width, height = image.size
        if width * height > _MOST_FLAT_PIXELS:
            raise GlandsError(
                f"{path} has {width} × {height} pixels, too many for a flat image: convert it to a "
                "tiled TIFF."
            )
        labels = np.asarray(image)
        per_inch, note = image.info.get("dpi"), image.info.get("Comment")
    mpp = _um(per_inch, "inch") if per_inch else None
    return LabelFile([labels], mpp, note if isinstance(note, str) else "")


def _um(per_unit: tuple[float, float], unit: str) -> tuple[float, float] | None:
    """Return µm per pixel (y, x) from pixels per unit (x, y)."""
    stated = [size for size in from_resolution(*per_unit, unit) if size.plausible]
    return stated[0].mpp if stated else None


def _opened(path: Path) -> Image.Image:
    """Open with Pillow under our own limit of size."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        return Image.open(path)
    finally:
        Image.MAX_IMAGE_PIXELS = limit
