"""The glands as a label image and as a picture to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from napari_glands.export.aside import written_aside
from napari_glands.export.source import Pixels, overview, picture
from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import blocks, is_large
from napari_glands.slides.grid import Grid
from napari_glands.slides.label_resampling import nearest
from napari_glands.slides.objects import ArrayLike, label_values
from napari_glands.slides.outlines import draw_outlines
from napari_glands.slides.watching import watched

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["PngFiles", "export_png", "file_name"]

_TILE = 512


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
        pixels at most.

    Raises
    ------
    GlandsError
        When a file exists or cannot be written, or the slide is another one.
    """
    folder, name = Path(folder), file_name(name or slide.name)
    labels, large = watched(prediction.glands, cancel), is_large(prediction.grid)
    pixels, grid = overview(prediction, slide) if large else picture(prediction, slide)
    glands = nearest(labels, grid.shape)
    fits = max(label_values(labels), default=0) <= np.iinfo(np.uint16).max
    labels_path = folder / f"{name}_labels.{'png' if fits and not large else 'tif'}"
    overlay_path = folder / f"{name}_overlay.png"
    with written_aside(labels_path, overwrite=overwrite) as aside:
        if large:
            _write_tiles(aside, labels, prediction.grid, np.dtype(np.uint16 if fits else np.uint32))
        elif fits:
            Image.fromarray(glands.astype(np.uint16)).save(aside)
        else:
            tifffile.imwrite(aside, glands.astype(np.uint32), compression="zlib")
    with written_aside(overlay_path, overwrite=overwrite) as aside:
        Image.fromarray(draw_outlines(pixels, glands)).save(aside)
    return PngFiles(labels_path, overlay_path)


def _write_tiles(path: Path, labels: ArrayLike, grid: Grid, dtype: np.dtype) -> None:
    """Write the glands as a tiled TIFF that states its pixel size, a tile at a time."""
    tiles = (
        np.asarray(labels[block.core.slices]).astype(dtype)
        for block in blocks(grid.shape, _TILE, 0)
    )
    per_cm = [1e4 / um for um in reversed(grid.mpp)]
    tifffile.imwrite(
        path,
        tiles,
        shape=grid.shape,
        dtype=dtype,
        tile=(_TILE, _TILE),
        bigtiff=True,
        photometric="minisblack",
        compression="zlib",
        resolution=(per_cm[0], per_cm[1]),
        resolutionunit="CENTIMETER",
    )


def file_name(name: str) -> str:
    """Leave out of a slide's name what no file system takes."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "-", name).strip(" .") or "slide"
