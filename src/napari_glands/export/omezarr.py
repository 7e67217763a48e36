"""A prediction as an OME-Zarr image with its glands as labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.transform import resize_local_mean

from napari_glands.export import ngff as zarr_ngff
from napari_glands.export.aside import written_aside
from napari_glands.export.labels import put_labels
from napari_glands.export.source import Pixels, picture
from napari_glands.measurement import measure
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["export_ome_zarr", "write_image"]


def export_ome_zarr(
    prediction: Prediction,
    path: str | Path,
    *,
    ngff: str = "0.4",
    slide: Pixels | None = None,
    overwrite: bool = False,
) -> Path:
    """Write an OME-Zarr image with the glands as ``labels/glands``.

    Scale and translation of image and labels are in µm from the centre of the slide's first
    pixel, so that they lie on each other, and on the slide, whatever their resolutions. The
    labels carry a colour and the measurements of each gland as properties.

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
    if slide is None:
        pixels, grid = prediction.probability, prediction.grid
    else:
        pixels, grid = picture(prediction, slide)
    properties = _properties(prediction)
    with written_aside(path, overwrite=overwrite) as aside:
        _write_image(aside, pixels, grid, prediction.slide_name, version)
        put_labels(aside, "glands", prediction.glands, prediction.grid, properties, version)
    return path


def write_image(
    path: str | Path,
    pixels: np.ndarray,
    grid: Grid,
    *,
    name: str,
    ngff: str = "0.4",
    overwrite: bool = False,
) -> None:
    """Write an OME-Zarr image with a pyramid.

    Parameters
    ----------
    path
        Folder of the image, which is made.
    pixels
        (y, x, 3) RGB, stored as channels (c, y, x) named and coloured red, green and blue; or
        (y, x).
    grid
        How `pixels` lie on the slide.
    name
        Name of the image.
    ngff
        ``"0.4"`` or ``"0.5"``.
    overwrite
        Whether an existing OME-Zarr folder may be replaced.

    Raises
    ------
    GlandsError
        When the folder exists or cannot be written, or the version is not known.
    """
    version = zarr_ngff.check_version(ngff)
    with written_aside(path, overwrite=overwrite) as aside:
        _write_image(aside, pixels, grid, name, version)


def _write_image(
    path: Path, pixels: np.ndarray, grid: Grid, name: str, version: zarr_ngff.Version
) -> None:
    group = zarr_ngff.create_group(path, version)
    grids = zarr_ngff.level_grids(grid)
    levels = [pixels if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)]
    for level in grids[1:]:
        levels.append(_averaged(levels[-1], level.shape))
    zarr_ngff.write_multiscale(group, name, levels, grids)
    zarr_ngff.update_attributes(group, {"omero": {"channels": _channels(pixels)}})


def _averaged(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Average (y, x) or (c, y, x) pixels down to a smaller shape, keeping the dtype."""
    if plane.ndim == 3:
        return np.stack([_averaged(channel, shape) for channel in plane])
    small = resize_local_mean(plane.astype(np.float32), shape, preserve_range=True)
    if plane.dtype.kind in "ui":
        small = np.rint(small)
    return small.astype(plane.dtype)


def _channels(pixels: np.ndarray) -> list[dict[str, Any]]:
    """Tell viewers how to show the channels: RGB as such, a probability from 0 to 1."""
    shades = {"Gray": "FFFFFF"}
    if pixels.ndim == 3:
        shades = {"Red": "FF0000", "Green": "00FF00", "Blue": "0000FF"}
    highest = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else 1.0
    window = {"min": 0.0, "max": highest, "start": 0.0, "end": highest}
    return [
        {"label": label, "color": colour, "window": dict(window), "active": True}
        for label, colour in shades.items()
    ]


def _properties(prediction: Prediction) -> dict[int, dict[str, Any]]:
    """Return the measurements by label."""
    rows = measure(prediction).drop(columns="slide").to_dict("records")
    return {int(row["label"]): {str(k): v for k, v in row.items() if k != "label"} for row in rows}
