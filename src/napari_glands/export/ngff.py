"""OME-Zarr multiscale images, versions 0.4 (zarr format 2) and 0.5 (zarr format 3).

Written with zarr itself: ome-zarr's writers take no translation of their own and do not scale
the one that they derive, so that overlays at another resolution than the slide would be shifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, BloscShuffle

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Grid

__all__ = [
    "VERSIONS",
    "Version",
    "attributes",
    "check_version",
    "create_group",
    "grid_of",
    "level_grids",
    "open_group",
    "update_attributes",
    "version_of",
    "write_multiscale",
]

Version = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")

_CHUNK = 512
_SMALLEST = 512  # levels are added until the longer side is not above this
_TO_UM = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}


def check_version(ngff: str) -> Version:
    """Return a version that can be written.

    Raises
    ------
    GlandsError
        When it is none of `VERSIONS`.
    """
    for version in VERSIONS:
        if ngff == version:
            return version
    raise GlandsError(f"OME-Zarr version {ngff!r} is not known: choose {' or '.join(VERSIONS)}.")


def level_grids(grid: Grid) -> list[Grid]:
    """Return the grids of a pyramid, the finest first; all cover the whole slide."""
    grids = [grid]
    while max(grids[-1].shape) > _SMALLEST:
        rows, columns = grids[-1].shape
        shape = (max(1, round(rows / 2)), max(1, round(columns / 2)))
        grids.append(Grid(shape, grid.slide_shape, grid.slide_mpp, grid.origin))
    return grids


def create_group(path: str | Path, ngff: Version) -> zarr.Group:
    """Open the group at a path, or make it."""
    return zarr.open_group(str(path), mode="a", zarr_format=2 if ngff == "0.4" else 3)


def open_group(path: str | Path) -> zarr.Group:
    """Open an existing group for reading and writing.

    Raises
    ------
    GlandsError
        When there is none.
    """
    try:
        return zarr.open_group(str(path), mode="r+")
    except (FileNotFoundError, ValueError, NotADirectoryError) as error:
        raise GlandsError(f"{path} is not an OME-Zarr folder.") from error


def version_of(group: zarr.Group) -> Version:
    """Return the OME-Zarr version that a group's zarr format stands for."""
    return "0.4" if group.metadata.zarr_format == 2 else "0.5"


def attributes(group: zarr.Group) -> dict[str, Any]:
    """Return the OME metadata of a group of either version."""
    stored: dict[str, Any] = group.attrs.asdict()
    return dict(stored if version_of(group) == "0.4" else stored.get("ome", {}))


def update_attributes(group: zarr.Group, new: Mapping[str, Any]) -> None:
    """Set OME metadata of a group in the place where its version has it."""
    if version_of(group) == "0.4":
        group.attrs.update(dict(new))
    else:
        group.attrs["ome"] = {"version": "0.5", **attributes(group), **new}


def write_multiscale(
    group: zarr.Group, name: str, levels: Sequence[np.ndarray], grids: Sequence[Grid]
) -> None:
    """Write a pyramid with its scale, translation and units into a group.

    Parameters
    ----------
    group
        Where to write; arrays 0, 1, … are made in it.
    name
        Name of the image.
    levels
        The finest first, (y, x) or (c, y, x).
    grids
        How each level lies on the slide. The origin is the centre of the slide's first pixel.
    """
    axes: list[dict[str, str]] = [
        {"name": name, "type": "space", "unit": "micrometer"} for name in "yx"
    ]
    if levels[0].ndim == 3:
        axes.insert(0, {"name": "c", "type": "channel"})
    datasets = []
    for number, (level, grid) in enumerate(zip(levels, grids, strict=True)):
        _write_array(group, str(number), level, [axis["name"] for axis in axes])
        datasets.append(
            {"path": str(number), "coordinateTransformations": _transformations(grid, level.ndim)}
        )
    multiscale: dict[str, Any] = {"name": name, "axes": axes, "datasets": datasets}
    if version_of(group) == "0.4":
        multiscale["version"] = "0.4"
    update_attributes(group, {"multiscales": [multiscale]})


def _write_array(group: zarr.Group, name: str, data: np.ndarray, axes: list[str]) -> None:
    chunks = tuple(
        1 if axis == "c" else min(_CHUNK, size) for axis, size in zip(axes, data.shape, strict=True)
    )
    # Blosc is what readers in other languages support in both formats.
    options: dict[str, Any]
    if version_of(group) == "0.4":
        options = {
            "compressors": numcodecs.Blosc(cname="zstd", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    else:
        options = {
            "compressors": BloscCodec(cname="zstd", clevel=5, shuffle=BloscShuffle.shuffle),
            "dimension_names": axes,
        }
    array = group.create_array(
        name, shape=data.shape, dtype=data.dtype, chunks=chunks, fill_value=0, **options
    )
    array[...] = data


def _transformations(grid: Grid, ndim: int) -> list[dict[str, Any]]:
    """Return scale and translation in µm, 1 and 0 for the channel axis."""
    channels = ndim - 2
    return [
        {"type": "scale", "scale": [1.0] * channels + list(grid.mpp)},
        {"type": "translation", "translation": [0.0] * channels + list(grid.translate)},
    ]


def grid_of(multiscale: Mapping[str, Any], shape: tuple[int, int]) -> Grid:
    """Recover the grid of a multiscale's finest level.

    The size of the slide's pixels follows from scale and translation, since array and slide share
    their edges. Labels of other programs without translation lie on a slide of their own shape.

    Parameters
    ----------
    multiscale
        One entry of the metadata ``multiscales``.
    shape
        Rows and columns of its finest level.
    """
    axes = multiscale.get("axes", [])
    ndim = max(len(axes), 2)
    scale, translation = np.ones(ndim), np.zeros(ndim)
    for transform in [
        *multiscale["datasets"][0].get("coordinateTransformations", []),
        *multiscale.get("coordinateTransformations", []),
    ]:
        if transform["type"] == "scale":
            scale, translation = scale * transform["scale"], translation * transform["scale"]
        elif transform["type"] == "translation":
            translation = translation + transform["translation"]
    units = [_TO_UM.get(axis.get("unit"), 1.0) for axis in axes] or [1.0] * ndim
    scale_um, translation_um = (scale * units)[-2:], (translation * units)[-2:]
    slide_mpp = _slide_pixel(scale_um, translation_um)
    rows, columns = (
        max(1, round(size * step / slide_mpp)) for size, step in zip(shape, scale_um, strict=True)
    )
    return Grid(shape, (rows, columns), slide_mpp)


def _slide_pixel(scale: np.ndarray, translation: np.ndarray) -> float:
    """Solve translation = (scale − slide pixel) / 2 for the slide pixel, in µm."""
    by_axis = scale - 2 * translation
    if not (by_axis > 0).all():  # a translation that is no half-pixel shift
        by_axis = scale
    return float(np.round(np.sqrt(by_axis.prod()), 9))
