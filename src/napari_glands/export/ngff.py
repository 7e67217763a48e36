"""OME-Zarr multiscale images, versions 0.4 (zarr format 2) and 0.5 (zarr format 3).

Written with zarr itself: ome-zarr's writers take no translation of their own and do not scale
the one that they derive, so that overlays at another resolution than the slide would be shifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, BloscShuffle

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Grid
from napari_glands.slides.pixel_size import to_micrometres

if TYPE_CHECKING:
    from napari_glands.segmentation.result import SizeSource

__all__ = [
    "CHUNK",
    "VERSIONS",
    "Version",
    "attributes",
    "check_version",
    "create_group",
    "create_level",
    "finest_first",
    "grid_of",
    "level_grids",
    "multiscale_metadata",
    "open_group",
    "shows_slide",
    "size_source",
    "update_attributes",
    "version_of",
]

Version = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")

CHUNK = 512
"""Side of a chunk in pixels."""

_SLIDE_PIXEL = "slide_pixel_um"
_SIZE_SOURCE = "pixel_size_source"
_SHOWS, _PROBABILITY = "shows", "gland probability"
_MARKED: tuple[SizeSource, ...] = ("estimated", "default")
_ROUNDING = 1e-6  # of pixel sizes that are meant to be the same
_SMALLEST = 512  # levels are added until the longer side is not above this


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


def level_grids(grid: Grid, levels: int | None = None) -> list[Grid]:
    """Return the grids of a pyramid, the finest first; all cover the whole slide.

    Without `levels` there are as many as it takes to come to a small one.
    """
    grids = [grid]
    while len(grids) < levels if levels else max(grids[-1].shape) > _SMALLEST:
        rows, columns = grids[-1].shape
        shape = (max(1, round(rows / 2)), max(1, round(columns / 2)))
        grids.append(Grid(shape, grid.slide_shape, grid.slide_mpp, grid.origin))
    return grids


def create_group(path: str | Path, ngff: Version) -> zarr.Group:
    """Open the group at a path, or make it."""
    return zarr.open_group(str(path), mode="a", zarr_format=2 if ngff == "0.4" else 3)


def open_group(path: str | Path, mode: Literal["r", "r+"] = "r+") -> zarr.Group:
    """Open an existing group, for reading and writing unless said otherwise.

    Raises
    ------
    GlandsError
        When there is none.
    """
    try:
        return zarr.open_group(str(path), mode=mode)
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
    version: Version,
    name: str,
    grids: Sequence[Grid],
    ndim: int,
    mpp_source: SizeSource | None = None,
    *,
    is_probability: bool = False,
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
    mpp_source
        Where the pixel size comes from. One that is estimated or assumed is marked as such in the
        ``metadata``; of one that is not known the axes have no unit.
    is_probability
        Whether it stands for a slide that was not at hand, and is marked as such.
    """
    space = {"type": "space"} | ({} if mpp_source == "unknown" else {"unit": "micrometer"})
    axes = [
        {"name": axis, **({"type": "channel"} if axis == "c" else space)} for axis in _axes(ndim)
    ]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(grid, ndim)}
        for number, grid in enumerate(grids)
    ]
    multiscale: dict[str, Any] = {"name": name, "axes": axes, "datasets": datasets}
    more: dict[str, Any] = {}
    if grids[0].origin != (0, 0):  # from scale and translation alone it could not be told
        more[_SLIDE_PIXEL] = grids[0].slide_mpp
    if mpp_source in _MARKED:
        more[_SIZE_SOURCE] = mpp_source
    if is_probability:
        more[_SHOWS] = _PROBABILITY
    if more:
        multiscale["metadata"] = more
    if version == "0.4":
        multiscale["version"] = "0.4"
    return {"multiscales": [multiscale]}


def finest_first(multiscale: Mapping[str, Any]) -> dict[str, Any]:
    """Return a multiscale with its finest level first, in whatever order the file lists them."""

    def pixel(dataset: Mapping[str, Any]) -> float:
        transforms = dataset.get("coordinateTransformations") or []
        scales = [np.prod(t["scale"][-2:]) for t in transforms if t["type"] == "scale"]
        return float(np.prod(scales))

    return {**multiscale, "datasets": sorted(multiscale["datasets"], key=pixel)}


def shows_slide(multiscale: Mapping[str, Any]) -> bool:
    """Whether an image is of a slide, and not what stands for one that was not at hand."""
    marks = multiscale.get("metadata")
    return not (isinstance(marks, Mapping) and marks.get(_SHOWS) == _PROBABILITY)


def size_source(multiscale: Mapping[str, Any]) -> SizeSource:
    """Return where the pixel size of a multiscale comes from, as far as the file says."""
    axes = [axis for axis in multiscale.get("axes") or [] if isinstance(axis, Mapping)]
    if not all(to_micrometres(1, axis.get("unit") or "") for axis in axes[-2:]) or not axes:
        return "unknown"
    marks = multiscale.get("metadata")
    mark = marks.get(_SIZE_SOURCE) if isinstance(marks, Mapping) else None
    return next((source for source in _MARKED if source == mark), "metadata")


def _axes(ndim: int) -> list[str]:
    return list("cyx")[-ndim:]


def _transformations(grid: Grid, ndim: int) -> list[dict[str, Any]]:
    """Return scale and translation in µm, 1 and 0 for the channel axis."""
    channels = ndim - 2
    return [
        {"type": "scale", "scale": [1.0] * channels + list(grid.mpp)},
        {"type": "translation", "translation": [0.0] * channels + list(grid.translate)},
    ]


def grid_of(
    multiscale: Mapping[str, Any], shape: tuple[int, int], slide_mpp: float | None = None
) -> Grid:
    """Recover the grid of a multiscale's finest level.

    The size of the slide's pixels follows from scale and translation, since array and slide share
    their edges. Labels of other programs without translation lie on a slide of their own shape.

    Parameters
    ----------
    multiscale
        One entry of the metadata ``multiscales``.
    shape
        Rows and columns of its finest level.
    slide_mpp
        µm per level-0 pixel of the slide, where that is known from elsewhere: of labels, from
        their image. Without a translation, the upper left corners of labels and image coincide.

    Raises
    ------
    ValueError
        When scale or translation are no lengths.
    """
    scale, shift = _scale_and_shift(multiscale)
    stated = (multiscale.get("metadata") or {}).get(_SLIDE_PIXEL)
    if stated:
        return _placed(shape, scale, np.zeros(2) if shift is None else shift, float(stated))
    own = _slide_pixel(scale, np.zeros(2) if shift is None else shift)
    if slide_mpp is None or abs(own / slide_mpp - 1) < _ROUNDING:
        rows, columns = (
            max(1, round(size * step / own)) for size, step in zip(shape, scale, strict=True)
        )
        return Grid(shape, (rows, columns), own)
    return _placed(shape, scale, (scale - slide_mpp) / 2 if shift is None else shift, slide_mpp)


def _scale_and_shift(multiscale: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return scale and translation (y, x) in µm of the finest level; None without translation."""
    axes = multiscale.get("axes") or []
    ndim = max(len(axes), 2)
    scale, shift, shifted = np.ones(ndim), np.zeros(ndim), False
    for transform in [
        *(multiscale["datasets"][0].get("coordinateTransformations") or []),
        *(multiscale.get("coordinateTransformations") or []),
    ]:
        if transform["type"] == "scale":
            factors = np.asarray(transform["scale"], float)
            scale, shift = scale * factors, shift * factors
        elif transform["type"] == "translation":
            shift, shifted = shift + np.asarray(transform["translation"], float), True
    units = [
        (to_micrometres(1, axis.get("unit") or "") if isinstance(axis, Mapping) else None) or 1.0
        for axis in axes
    ] or [1.0] * ndim
    scale_um, shift_um = (scale * units)[-2:], (shift * units)[-2:]
    if not (np.isfinite(scale_um).all() and (scale_um > 0).all() and np.isfinite(shift_um).all()):
        raise ValueError("its scale or translation is not a length")
    return scale_um, shift_um if shifted else None


def _placed(shape: tuple[int, int], scale: np.ndarray, shift: np.ndarray, slide_mpp: float) -> Grid:
    """Return the grid of an array with a scale and translation in µm on a slide."""
    origin = (shift - (scale - slide_mpp) / 2) / slide_mpp
    extent = np.array(shape) * scale / slide_mpp
    (height, width), (top, left) = _whole(extent), _whole(origin)
    return Grid(shape, (height, width), slide_mpp, (top, left))


def _whole(values: np.ndarray) -> list[float]:
    """Round what is a whole number but for floating-point error."""
    return [round(v) if abs(v - round(v)) < 1e-6 else v for v in values.tolist()]


def _slide_pixel(scale: np.ndarray, translation: np.ndarray) -> float:
    """Solve translation = (scale − slide pixel) / 2 for the slide pixel, in µm."""
    by_axis = scale - 2 * translation
    if not (by_axis > 0).all():  # a translation that is no half-pixel shift
        by_axis = scale
    return float(np.round(np.sqrt(by_axis.prod()), 9))
