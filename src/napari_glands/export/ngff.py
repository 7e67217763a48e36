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
    "CHUNK",
    "VERSIONS",
    "Version",
    "attributes",
    "check_version",
    "create_group",
    "create_level",
    "grid_of",
    "level_grids",
    "multiscale_metadata",
    "open_group",
    "update_attributes",
    "version_of",
]

Version = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")

CHUNK = 512
"""Side of a chunk in pixels."""

_SLIDE_PIXEL = "slide_pixel_um"
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


def create_level(
    group: zarr.Group, number: int, shape: tuple[int, ...], dtype: np.dtype
) -> zarr.Array:
    """Make one level of a pyramid, all 0.

    Parameters
    ----------
    group
        Where to make it.
    number
        Which one: 0 is the finest.
    shape
        (y, x) or (c, y, x). Chunks are of 512 × 512 pixels of one channel; several that write at
        once must not share one.
    dtype
        Of its numbers.
    """
    axes = _axes(len(shape))
    chunks = tuple(
        1 if axis == "c" else min(CHUNK, size) for axis, size in zip(axes, shape, strict=True)
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
    return group.create_array(
        str(number), shape=shape, dtype=dtype, chunks=chunks, fill_value=0, **options
    )


def multiscale_metadata(
    version: Version, name: str, grids: Sequence[Grid], ndim: int
) -> dict[str, Any]:
    """Return the metadata ``multiscales`` of a pyramid: its scales, translations and units.

    Parameters
    ----------
    version
        OME-Zarr version.
    name
        Name of the image.
    grids
        How each level lies on the slide. The origin is the centre of the slide's first pixel.
    ndim
        2 for (y, x), 3 for (c, y, x).
    """
    axes = [
        {"name": axis, "type": "channel"}
        if axis == "c"
        else {"name": axis, "type": "space", "unit": "micrometer"}
        for axis in _axes(ndim)
    ]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(grid, ndim)}
        for number, grid in enumerate(grids)
    ]
    multiscale: dict[str, Any] = {"name": name, "axes": axes, "datasets": datasets}
    if grids[0].origin != (0, 0):  # from scale and translation alone it could not be told
        multiscale["metadata"] = {_SLIDE_PIXEL: grids[0].slide_mpp}
    if version == "0.4":
        multiscale["version"] = "0.4"
    return {"multiscales": [multiscale]}


def _axes(ndim: int) -> list[str]:
    return list("cyx")[-ndim:]


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
    slide_mpp = (multiscale.get("metadata") or {}).get(_SLIDE_PIXEL)
    if slide_mpp:
        origin = (translation_um - (scale_um - slide_mpp) / 2) / slide_mpp
        extent = np.array(shape) * scale_um / slide_mpp
        (height, width), (top, left) = _whole(extent), _whole(origin)
        return Grid(shape, (height, width), slide_mpp, (top, left))
    slide_mpp = _slide_pixel(scale_um, translation_um)
    rows, columns = (
        max(1, round(size * step / slide_mpp)) for size, step in zip(shape, scale_um, strict=True)
    )
    return Grid(shape, (rows, columns), slide_mpp)


def _whole(values: np.ndarray) -> list[float]:
    """Round what is a whole number but for floating-point error."""
    return [round(v) if abs(v - round(v)) < 1e-6 else v for v in values.tolist()]


def _slide_pixel(scale: np.ndarray, translation: np.ndarray) -> float:
    """Solve translation = (scale − slide pixel) / 2 for the slide pixel, in µm."""
    by_axis = scale - 2 * translation
    if not (by_axis > 0).all():  # a translation that is no half-pixel shift
        by_axis = scale
    return float(np.round(np.sqrt(by_axis.prod()), 9))
