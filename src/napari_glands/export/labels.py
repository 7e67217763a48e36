"""Label images in OME-Zarr groups: written whole, replaced whole, read back for editing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_glands.atomic import recover_folder
from napari_glands.errors import GlandsError
from napari_glands.export import ngff as zarr_ngff
from napari_glands.export.aside import written_aside
from napari_glands.export.colours import RGBA, label_colours
from napari_glands.export.pyramids import add_levels, write_pyramid
from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import is_large
from napari_glands.slides.grid import Grid
from napari_glands.slides.objects import ArrayLike, label_values
from napari_glands.slides.watching import watched
from napari_glands.system_errors import raise_if_refused

if TYPE_CHECKING:
    from napari_glands.segmentation.result import SizeSource

__all__ = [
    "StoredLabels",
    "build_label_pyramid",
    "put_labels",
    "read_labels",
    "write_labels",
]


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """A label image that was read back.

    Attributes
    ----------
    labels
        (y, x) of the stored integer dtype; an array in memory, free to edit, unless the image is
        too large for that: then the stored array, read-only.
    levels
        The stored levels of such a large image, the finest first; else none.
    grid
        How it lies on its slide.
    properties
        Properties of each label value.
    colours
        Colour of each label value.
    mpp_source
        Where the pixel size comes from, as their image says, where there is one:
        ``"metadata"``, or ``"estimated"`` or ``"default"`` where the file says so; ``"unknown"``
        where its lengths have no unit: the grid's, which speak of µm, are the file's numbers then.
    of_slide
        Whether it is known how large the pixels of their slide are: not, where the image beside
        the labels only stands for the slide, and has the pixels of the labels.
    """

    labels: ArrayLike
    grid: Grid
    properties: dict[int, dict[str, Any]]
    colours: dict[int, RGBA]
    levels: tuple[zarr.Array, ...] = ()
    mpp_source: SizeSource = "metadata"
    of_slide: bool = True


def write_labels(
    group: str | Path,
    name: str,
    labels: ArrayLike,
    grid: Grid,
    *,
    properties: Mapping[int, Mapping[str, Any]] | None = None,
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    ngff: str | None = None,
    mpp_source: SizeSource | None = None,
) -> None:
    """Write a label image into an OME-Zarr group, as ``labels/<name>`` with a pyramid.

    It has as many levels as the group's image, where there is one, as the specification asks. A
    label image of that name is replaced: readers see the old or the new one, never a mixture.

    Parameters
    ----------
    group
        Folder of the group, which is made if need be.
    name
        Name of the label image.
    labels
        (y, x) of an integer dtype (kept) or bool (becomes uint8), numpy or zarr: 0 background.
    grid
        How `labels` lies on the slide; its shape is that of `labels`.
    properties
        What to say about a label value, by name: numbers, text, booleans, None.
    colors
        Red, green, blue and alpha, 0..255, of label values; others get a colour of their own.
        Colours and properties are written for the same values: all that occur anywhere.
    ngff
        ``"0.4"`` or ``"0.5"``; without it that of the group, or 0.4 for a new one.
    mpp_source
        Where the pixel size of `grid` comes from; None where nobody says.

    Raises
    ------
    GlandsError
        When the array is not a label image, the name cannot be a folder's, the group has the
        other version, or the folder cannot be written.
    """
    group = Path(group)
    values = _checked(labels, name, grid)
    version = _version_for(group, ngff)
    with written_aside(group / "labels" / name, overwrite=True) as aside:
        zarr_ngff.create_group(group, version)
        container = zarr_ngff.create_group(group / "labels", version)
        look = _Look(name, values, properties or {}, colors or {}, mpp_source)
        _write(aside, labels, grid, look, version, levels=_image_levels(group))
    _list(container, name)


def put_labels(
    group: Path,
    name: str,
    labels: ArrayLike,
    grid: Grid,
    properties: Mapping[int, Mapping[str, Any]],
    version: zarr_ngff.Version,
    *,
    mpp_source: SizeSource | None = None,
    cancel: CancelToken | None = None,
) -> None:
    """Write labels into a group that nobody reads yet: like `write_labels`, but in place."""
    container = zarr_ngff.create_group(group / "labels", version)
    values = _checked(watched(labels, cancel), name, grid)
    look = _Look(name, values, properties, {}, mpp_source)
    levels = _image_levels(group)
    _write(group / "labels" / name, labels, grid, look, version, levels=levels, cancel=cancel)
    _list(container, name)


def build_label_pyramid(
    folder: str | Path,
    grid: Grid,
    *,
    properties: Mapping[int, Mapping[str, Any]] | None = None,
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    cancel: CancelToken | None = None,
    side: int | None = None,
) -> None:
    """Make a label image complete whose finest level has been written block by block.

    Adds the coarser levels and all metadata, holding no more than a block at a time.

    Parameters
    ----------
    folder
        A zarr group with the finest level, ``0`` (y, x); its name becomes that of the label image.
    grid, properties, colors
        As for `write_labels`.
    cancel
        Cancel request, looked at between blocks.
    side
        Side in pixels of what is read at a time; without it, what fits in memory is one.
    """
    folder = Path(folder)
    group = zarr_ngff.open_group(folder)
    labels = group["0"]
    assert isinstance(labels, zarr.Array)
    values = _checked(watched(labels, cancel), folder.name, grid, side)
    grids = add_levels(group, grid, "labels", cancel=cancel, side=side)
    _describe(group, grids, _Look(folder.name, values, properties or {}, colors or {}))


@dataclass(frozen=True, eq=False)
class _Look:
    """What is said about a label image in which these values occur."""

    name: str
    values: np.ndarray
    properties: Mapping[int, Mapping[str, Any]]
    colors: Mapping[int, tuple[int, int, int, int]]
    mpp_source: SizeSource | None = None


def _write(
    folder: Path,
    labels: ArrayLike,
    grid: Grid,
    look: _Look,
    version: zarr_ngff.Version,
    *,
    levels: int | None = None,
    cancel: CancelToken | None = None,
) -> None:
    """Write pyramid and metadata of one label image."""
    group = zarr_ngff.create_group(folder, version)
    grids = write_pyramid(group, labels, grid, "labels", levels=levels, cancel=cancel)
    _describe(group, grids, look)


def _describe(group: zarr.Group, grids: list[Grid], look: _Look) -> None:
    """Write the metadata of a label image whose levels lie on these grids."""
    version = zarr_ngff.version_of(group)
    named = sorted({int(v) for v in look.values if v} | {*look.properties} | {*look.colors})
    zarr_ngff.update_attributes(
        group,
        {
            **zarr_ngff.multiscale_metadata(version, look.name, grids, 2, look.mpp_source),
            "image-label": _image_label(named, look.properties, look.colors, version),
        },
    )


def _image_of(group: Path) -> dict[str, Any] | None:
    """Return the multiscale of the image in a group; None where there is no image."""
    if not any((group / mark).exists() for mark in (".zgroup", "zarr.json")):
        return None
    multiscales = zarr_ngff.attributes(zarr_ngff.open_group(group, "r")).get("multiscales")
    try:
        return zarr_ngff.finest_first(multiscales[0]) if multiscales else None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise GlandsError(
            f"The image in {group} is damaged (its 'multiscales' are none): export it again."
        ) from error


def _image_levels(group: Path) -> int | None:
    image = _image_of(group)
    return len(image["datasets"]) if image else None


def _list(container: zarr.Group, name: str) -> None:
    """Add a label image to the list of a ``labels`` group."""
    listed = zarr_ngff.attributes(container).get("labels", [])
    if name not in listed:
        zarr_ngff.update_attributes(container, {"labels": [*listed, name]})


def read_labels(group: str | Path, name: str = "glands") -> StoredLabels:
    """Read a label image for looking at or editing.

    Parameters
    ----------
    group
        Folder of the OME-Zarr group that has ``labels/<name>``.
    name
        Name of the label image.

    Raises
    ------
    GlandsError
        When there is no such label image, or it is not a single plane.
    """
    folder = Path(group) / "labels" / name
    recover_folder(folder)
    if not folder.is_dir():
        raise GlandsError(f"{group} has no labels {name!r}{_instead(Path(group))}.")
    try:
        return _stored(folder)
    except Exception as error:  # whatever zarr and its codecs raise on damaged files
        raise_if_refused(f"Cannot read {folder}", error)
        raise GlandsError(
            f"{folder} is damaged or not an OME-Zarr label image: {error}."
        ) from error


def _stored(folder: Path) -> StoredLabels:
    """Read the label image in a folder."""
    group = zarr.open_group(str(folder), mode="r")
    metadata = zarr_ngff.attributes(group)
    multiscale = zarr_ngff.finest_first(metadata["multiscales"][0])
    image_label = metadata.get("image-label", {})
    levels: list[Any] = [group[dataset["path"]] for dataset in multiscale["datasets"]]
    large = len(levels[0].shape) == 2 and is_large(levels[0].shape)
    labels = levels[0] if large else _plane(np.asarray(levels[0][...]))
    image = _image_of(folder.parent.parent)
    slide_mpp = None if image is None else _image_pixel(folder.parent.parent, image)
    grid = zarr_ngff.grid_of(multiscale, (labels.shape[0], labels.shape[1]), slide_mpp)
    return StoredLabels(
        labels=labels,
        levels=tuple(levels) if large else (),
        grid=grid,
        properties={
            entry["label-value"]: {k: v for k, v in entry.items() if k != "label-value"}
            for entry in image_label.get("properties") or []
        },
        colours={
            entry["label-value"]: tuple(entry["rgba"])
            for entry in image_label.get("colors") or []
            if entry.get("rgba")
        },
        mpp_source=zarr_ngff.size_source(image or multiscale),
        of_slide=image is None or zarr_ngff.shows_slide(image) or grid.downsample != (1, 1),
    )


def _image_pixel(group: Path, image: Mapping[str, Any]) -> float:
    """Return µm per level-0 pixel of the slide that the image of a group shows."""
    array = zarr_ngff.open_group(group, "r")[image["datasets"][0]["path"]]
    assert isinstance(array, zarr.Array)
    return zarr_ngff.grid_of(image, (array.shape[-2], array.shape[-1])).slide_mpp


def _checked(labels: ArrayLike, name: str, grid: Grid, side: int | None = None) -> np.ndarray:
    """Check array and name; return the values that occur."""
    if not name or Path(name).name != name or name.startswith("."):
        raise GlandsError(f"{name!r} cannot be the name of a label image.")
    if len(labels.shape) != 2 or labels.dtype.kind not in "bui":
        raise GlandsError(
            f"Labels {name!r} are a {len(labels.shape)}-D array of {labels.dtype}: a label image "
            "has two dimensions and whole numbers."
        )
    if labels.shape != grid.shape:
        raise GlandsError(
            f"Labels {name!r} have the shape {labels.shape}, their grid {grid.shape}."
        )
    values = label_values(labels, side)
    if values.size and values[0] < 0:
        raise GlandsError(f"Labels {name!r} have negative values.")
    return values


def _version_for(group: Path, ngff: str | None) -> zarr_ngff.Version:
    """Return the version to write, which an existing group decides."""
    wanted = None if ngff is None else zarr_ngff.check_version(ngff)
    if not any((group / mark).exists() for mark in (".zgroup", "zarr.json")):
        return wanted or "0.4"
    there = zarr_ngff.version_of(zarr_ngff.open_group(group))
    if wanted and wanted != there:
        raise GlandsError(f"{group} is OME-Zarr {there}: labels of version {wanted} do not fit in.")
    return there


def _image_label(
    values: list[int],
    properties: Mapping[int, Mapping[str, Any]],
    colors: Mapping[int, tuple[int, int, int, int]],
    version: zarr_ngff.Version,
) -> dict[str, Any]:
    """Return the metadata ``image-label``; viewers want colours and properties of all values."""
    shown = label_colours(values) | dict(colors)
    return {
        "version": version,
        "source": {"image": "../../"},
        "colors": [
            {"label-value": value, "rgba": [int(c) for c in shown[value]]} for value in values
        ],
        "properties": [
            {
                "label-value": value,
                **{key: _plain(item) for key, item in properties.get(value, {}).items()},
            }
            for value in values
        ],
    }


def _plain(item: Any) -> Any:
    """Turn numpy scalars into Python's; JSON has no NaN, so that it becomes None."""
    if isinstance(item, np.generic):
        item = item.item()
    return None if isinstance(item, float) and not math.isfinite(item) else item


def _plane(array: np.ndarray) -> np.ndarray:
    """Drop axes of length 1 before y and x."""
    if array.ndim < 2 or math.prod(array.shape[:-2]) != 1 or array.dtype.kind not in "ui":
        raise GlandsError(f"it is an array of {array.dtype} of shape {array.shape}, not one plane")
    return array.reshape(array.shape[-2:])


def _instead(group: Path) -> str:
    """Name the labels that there are."""
    container = group / "labels"
    if not container.is_dir():
        return ""
    names = [p.name for p in sorted(container.iterdir()) if p.is_dir() and p.name[0] != "."]
    return f" (it has {', '.join(names)})" if names else ""
