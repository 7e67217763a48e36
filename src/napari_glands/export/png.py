"""The glands as a label image and as a picture to look at."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from napari_glands.errors import GlandsError
from napari_glands.export.aside import written_aside
from napari_glands.export.names import file_name
from napari_glands.export.notes import note_on
from napari_glands.export.source import Pixels, overview, picture
from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import blocks, is_large
from napari_glands.slides.grid import Grid
from napari_glands.slides.label_resampling import nearest
from napari_glands.slides.objects import ArrayLike, label_values
from napari_glands.slides.outlines import draw_outlines
from napari_glands.slides.watching import watched

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction, SizeSource

__all__ = ["PngFiles", "export_png"]

_TILE = 512
_UM_PER_INCH = 25400
_UM_PER_CM = 10000


class PngFiles(NamedTuple):
    """What the PNG export wrote.

    Attributes
    ----------
    labels
        The label image.
    overlay
        The picture.
    """

    labels: Path
    overlay: Path


def export_png(
    prediction: Prediction,
    folder: str | Path,
    slide: Pixels,
    *,
    name: str | None = None,
    overwrite: bool = False,
    cancel: CancelToken | None = None,
) -> PngFiles:
    """Write a label image and a picture with outlined glands.

    Parameters
    ----------
    prediction
        What to write.
    folder
        Where to write; it is made if need be.
    slide
        The slide of the prediction.
    name
        What the files' names start with; the slide's name when not given.
    overwrite
        Whether existing files may be replaced.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    PngFiles
        ``<name>_labels.png`` is a uint16 label image of the slide's level-0 size (nearest
        pixel); with more than 65,535 glands it is ``<name>_labels.tif``, uint32.
        ``<name>_overlay.png`` shows the slide with the glands' outlines. Slides of more than
        8192² pixels are written at the working resolution, both. Where even that is more than
        4096 × 4096 pixels, the label image is a tiled TIFF, and the overlay an overview of 4096
        pixels at most. All state their pixel size, by which ImageJ and others show them to scale;
        one that is only assumed is told in words instead, for readers would take it for known.

    Raises
    ------
    GlandsError
        When a file exists or cannot be written, or the slide is another one; none of the two
        files is left then.

    Warns
    -----
    UserWarning
        When labels are too large for 32 bits: the glands are numbered anew, from 1.
    """
    folder, name = Path(folder), file_name(name or slide.name)
    labels, large = watched(prediction.glands, cancel), is_large(prediction.grid)
    pixels, grid = overview(prediction, slide) if large else picture(prediction, slide)
    values = label_values(labels)
    dtype, labels = _fitting(labels, values, name)
    glands = nearest(labels, grid.shape)
    as_png = dtype == np.uint16 and not large
    labels_path = folder / f"{name}_labels.{'png' if as_png else 'tif'}"
    overlay_path = folder / f"{name}_overlay.png"
    source = prediction.mpp_source
    with (
        written_aside(labels_path, overwrite=overwrite) as labels_aside,
        written_aside(overlay_path, overwrite=overwrite) as overlay_aside,
    ):
        if large:
            _write_tiles(labels_aside, labels, prediction.grid, dtype, source)
        elif as_png:
            _write_png(labels_aside, glands.astype(dtype), grid, source)
        else:
            _write_tiff(labels_aside, glands.astype(dtype), grid, source)
        _write_png(overlay_aside, draw_outlines(pixels, glands), grid, source)
    return PngFiles(labels_path, overlay_path)


def _fitting(
    labels: ArrayLike, values: np.ndarray, name: str
) -> tuple[np.dtype[np.unsignedinteger[Any]], ArrayLike]:
    """Return the dtype to store labels in, and the labels; numbered anew where none holds them."""
    if values.size and values[0] < 0:
        raise GlandsError(
            f"The glands of {name} have negative values: 0 is background, and glands have positive "
            "numbers. Set the negative pixels to 0 first."
        )
    most = int(values[-1]) if values.size else 0
    if most > np.iinfo(np.uint32).max:
        warnings.warn(
            f"The glands of {name} have numbers up to {most}, too large for a label image: they "
            "are numbered anew there, from 1, in the same order.",
            UserWarning,
            stacklevel=3,
        )
        values = values[values > 0]
        most, labels = len(values), _Renumbered(labels, values)
    return np.dtype(np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32), labels


class _Renumbered:
    """A label image whose objects are 1 for the first of some values, 2 for the second, …."""

    def __init__(self, labels: ArrayLike, values: np.ndarray) -> None:
        self.shape, self.dtype = labels.shape, np.dtype(np.uint32)
        self._labels, self._values = labels, values

    def __getitem__(self, key: Any) -> np.ndarray:
        part = np.asarray(self._labels[key])
        numbers = np.searchsorted(self._values, part) + 1
        return np.where(part > 0, numbers, 0).astype(self.dtype)


def _write_png(path: Path, pixels: np.ndarray, grid: Grid, source: SizeSource | None) -> None:
    """Write a PNG with its pixel size, in the pixels per metre that the format has."""
    if source == "unknown":
        Image.fromarray(pixels).save(path)
        return
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", note_on(grid, source))
    y, x = (_UM_PER_INCH / um for um in grid.mpp)
    size: dict[str, Any] = {} if source == "default" else {"dpi": (x, y)}
    Image.fromarray(pixels).save(path, pnginfo=text, **size)


def _write_tiff(path: Path, labels: np.ndarray, grid: Grid, source: SizeSource | None) -> None:
    tifffile.imwrite(path, labels, compression="zlib", **_tiff_size(grid, source))


def _write_tiles(
    path: Path, labels: ArrayLike, grid: Grid, dtype: np.dtype, source: SizeSource | None
) -> None:
    """Write the glands as a tiled TIFF, a tile at a time."""
    tiles = (
        np.asarray(labels[block.core.slices]).astype(dtype)
        for block in blocks(grid.shape, _TILE, 0)
    )
    tifffile.imwrite(
        path,
        tiles,
        shape=grid.shape,
        dtype=dtype,
        tile=(_TILE, _TILE),
        bigtiff=True,
        photometric="minisblack",
        compression="zlib",
        **_tiff_size(grid, source),
    )


def _tiff_size(grid: Grid, source: SizeSource | None) -> dict[str, Any]:
    """Return what a TIFF says about its pixel size."""
    if source == "unknown":
        return {}
    y, x = grid.mpp
    known = {"resolution": (_UM_PER_CM / x, _UM_PER_CM / y), "resolutionunit": "CENTIMETER"}
    # A description in place of tifffile's own, which is of no use in a plane of numbers. ASCII.
    said = {"description": note_on(grid, source).replace("µ", "u"), "metadata": None}
    return said if source == "default" else known | said
