"""A prediction as an OME-Zarr image with its glands as labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.export import ngff as zarr_ngff
from napari_glands.export.aside import written_aside
from napari_glands.export.labels import put_labels
from napari_glands.export.pyramids import write_pyramid
from napari_glands.export.source import Pixels, SlidePixels, picture_grid
from napari_glands.export.units import in_known_units
from napari_glands.measurement import measure
from napari_glands.progress import CancelToken
from napari_glands.slides.grid import Grid
from napari_glands.slides.objects import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import Prediction, SizeSource

__all__ = ["export_ome_zarr", "write_image"]


def export_ome_zarr(
    prediction: Prediction,
    path: str | Path,
    *,
    ngff: str = "0.4",
    slide: Pixels | None = None,
    overwrite: bool = False,
    table: pd.DataFrame | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Write an OME-Zarr image with the glands as ``labels/glands``.

    Scale and translation of image and labels are in µm from the centre of the slide's first
    pixel, so that they lie on each other, and on the slide, whatever their resolutions. They have
    as many levels as each other. The labels carry a colour and the measurements of each gland as
    properties. A pixel size that is only estimated or assumed is marked as such.

    Parameters
    ----------
    prediction
        What to write.
    path
        Folder to make, by custom with the suffix ``.zarr``.
    ngff
        OME-Zarr version: ``"0.4"`` (zarr format 2) or ``"0.5"`` (zarr format 3).
    slide
        The slide of the prediction: its pixels, at level 0 up to 8192² pixels and else at the
        working resolution, become the image. Without it, the gland probability does.
    overwrite
        Whether an existing OME-Zarr folder may be replaced.
    table
        Measurements of the prediction, from `measure`; they are taken when not given.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GlandsError
        When the folder exists or cannot be written (nothing half-written is left then), the
        version is not known, or the slide is another one.
    """
    path = Path(path)
    version = zarr_ngff.check_version(ngff)
    image: ArrayLike = prediction.probability
    grid = prediction.grid
    if slide is not None:
        grid = picture_grid(prediction, slide)
        image = SlidePixels(slide, grid)
    table = measure(prediction, cancel=cancel) if table is None else table
    source = prediction.mpp_source
    levels = _levels(grid, prediction.grid)
    look = _Look(prediction.slide_name, source, levels, is_probability=slide is None)
    with written_aside(path, overwrite=overwrite) as aside:
        _write_image(aside, image, grid, look, version, cancel)
        put_labels(
            aside,
            "glands",
            prediction.glands,
            prediction.grid,
            _properties(in_known_units(table, source)),
            version,
            mpp_source=source,
            cancel=cancel,
        )
    return path


def write_image(
    path: str | Path,
    pixels: np.ndarray | SlidePixels,
    grid: Grid,
    *,
    name: str,
    ngff: str = "0.4",
    overwrite: bool = False,
    mpp_source: SizeSource | None = None,
) -> None:
    """Write an OME-Zarr image with a pyramid.

    Parameters
    ----------
    path
        Folder of the image, which is made.
    pixels
        (y, x, 3) RGB, stored as channels (c, y, x) named and coloured red, green and blue; or
        (y, x). Or a slide's pixels, which are read block by block.
    grid
        How `pixels` lie on the slide.
    name
        Name of the image.
    ngff
        ``"0.4"`` or ``"0.5"``.
    overwrite
        Whether an existing OME-Zarr folder may be replaced.
    mpp_source
        Where the pixel size of `grid` comes from; None where nobody says.

    Raises
    ------
    GlandsError
        When the folder exists or cannot be written, or the version is not known.
    """
    version = zarr_ngff.check_version(ngff)
    with written_aside(path, overwrite=overwrite) as aside:
        planes: ArrayLike = pixels
        if isinstance(pixels, np.ndarray) and pixels.ndim == 3:
            planes = np.moveaxis(pixels, -1, 0)
        _write_image(aside, planes, grid, _Look(name, mpp_source), version)


@dataclass(frozen=True)
class _Look:
    """What is said about an image, and the number of its levels, as many as needed for None."""

    name: str
    mpp_source: SizeSource | None
    levels: int | None = None
    is_probability: bool = False


def _levels(*grids: Grid) -> int:
    """Return how many levels it takes until all of several pyramids end with a small one."""
    return max(len(zarr_ngff.level_grids(grid)) for grid in grids)


def _write_image(
    path: Path,
    pixels: ArrayLike,
    grid: Grid,
    look: _Look,
    version: zarr_ngff.Version,
    cancel: CancelToken | None = None,
) -> None:
    """Write (y, x) or (c, y, x) pixels with their pyramid and metadata."""
    group, ndim = zarr_ngff.create_group(path, version), len(pixels.shape)
    grids = write_pyramid(group, pixels, grid, "image", levels=look.levels, cancel=cancel)
    zarr_ngff.update_attributes(
        group,
        {
            **zarr_ngff.multiscale_metadata(
                version,
                look.name,
                grids,
                ndim,
                look.mpp_source,
                is_probability=look.is_probability,
            ),
            "omero": {"channels": _channels(ndim, pixels.dtype)},
        },
    )


def _channels(ndim: int, dtype: np.dtype) -> list[dict[str, Any]]:
    """Tell viewers how to show the channels: RGB as such, a probability from 0 to 1."""
    shades = {"Gray": "FFFFFF"}
    if ndim == 3:
        shades = {"Red": "FF0000", "Green": "00FF00", "Blue": "0000FF"}
    highest = float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0
    window = {"min": 0.0, "max": highest, "start": 0.0, "end": highest}
    return [
        {"label": label, "color": colour, "window": dict(window), "active": True}
        for label, colour in shades.items()
    ]


def _properties(table: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Return the measurements by label."""
    rows = table.drop(columns="slide").to_dict("records")
    return {int(row["label"]): {str(k): v for k, v in row.items() if k != "label"} for row in rows}
