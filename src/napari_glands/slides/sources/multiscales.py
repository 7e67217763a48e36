"""What the metadata of OME-Zarr say about an image, checked before any of it is followed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from napari_glands.errors import GlandsError
from napari_glands.slides.pixel_size import MppSource, StatedSize, to_micrometres

__all__ = ["Multiscale", "multiscales", "series_paths"]

_FIVE_AXES = "tczyx"
_LETTERS = {"channel": "c", "time": "t"}
_MOST_LEVELS, _MOST_AXES, _MOST_PICTURES = 64, 8, 1000


@dataclass(frozen=True)
class Multiscale:
    """One entry of ``multiscales``.

    Attributes
    ----------
    name
        Name of the image; empty where it has none.
    paths
        Where each level is, below the group of the image.
    axes
        One letter per axis and the unit of each; None in drafts, which name no axes.
    scales
        Of each level along each axis; None where none is stated.
    mark
        Where the program that wrote it has the pixel size from.
    """

    name: str
    paths: tuple[str, ...]
    axes: tuple[tuple[str, str], ...] | None
    scales: tuple[tuple[float, ...] | None, ...]
    mark: MppSource

    def letters(self, dimensions: int) -> str:
        """Return one letter per axis."""
        if self.axes is None:
            return _FIVE_AXES[-dimensions:]
        return "".join(letter for letter, _ in self.axes)

    def size(self, level: int) -> tuple[StatedSize, ...]:
        """Return what is stated of the pixel size of a level, in units of length only."""
        scale = self.scales[level]
        if self.axes is None or scale is None or len(scale) != len(self.axes):
            return ()
        factors = dict(zip(self.letters(len(scale)), scale, strict=True))
        units = dict(self.axes)
        # Where one axis lacks its unit, it has that of the other.
        y = to_micrometres(factors["y"], units["y"] or units["x"])
        x = to_micrometres(factors["x"], units["x"] or units["y"])
        if y is None or x is None:
            return ()
        remark = ""
        if self.mark in ("default", "estimated"):
            how = "assumed" if self.mark == "default" else "estimated from the magnification"
            remark = (
                f"has a pixel size that was {how} when it was written ({x:.4g} µm/px): "
                "state the right one with --mpp (in Python: mpp=)."
            )
        where = "its OME-Zarr metadata"
        return (StatedSize((y, x), where, self.mark, remark=remark),)


def multiscales(attributes: dict[str, Any]) -> list[Multiscale]:
    """Return the images that a group's attributes describe, none where it is no image.

    Raises
    ------
    GlandsError
        When it is a plate, or what is written there cannot be; the message is for the caller to
        prefix with a name.
    """
    attributes = _inner(attributes)
    if "plate" in attributes or "well" in attributes:
        raise GlandsError(
            "it is a plate or well with many fields of view (HCS), not one image: give the folder "
            "of one field, such as A/1/0 below the plate"
        )
    entries = attributes.get("multiscales")
    if entries is None:
        return []
    if not isinstance(entries, list) or len(entries) > _MOST_PICTURES:
        raise _wrong("multiscales", "a list of images")
    return [_multiscale(entry) for entry in entries]


def series_paths(attributes: dict[str, Any]) -> list[str]:
    """Return the images that the group ``OME`` of a collection lists, none where it lists none."""
    series = _inner(attributes).get("series")
    if not isinstance(series, list) or len(series) > _MOST_PICTURES:
        return []
    return [_path(path) for path in series]


def _inner(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes themselves, which version 0.5 puts one level deeper."""
    inner = attributes.get("ome", attributes)
    return inner if isinstance(inner, dict) else attributes


def _multiscale(entry: Any) -> Multiscale:
    if not isinstance(entry, dict):
        raise _wrong("multiscales", "a list of objects")
    datasets = entry.get("datasets")
    if not isinstance(datasets, list) or not 1 <= len(datasets) <= _MOST_LEVELS:
        raise _wrong("datasets", f"a list of 1 to {_MOST_LEVELS} levels")
    if not all(isinstance(dataset, dict) for dataset in datasets):
        raise _wrong("datasets", "a list of objects")
    common = _scale(entry)
    scales = [_times(_scale(dataset), common) for dataset in datasets]
    name = entry.get("name")
    return Multiscale(
        name=name[:200] if isinstance(name, str) else "",
        paths=tuple(_path(dataset.get("path")) for dataset in datasets),
        axes=_axes(entry.get("axes")),
        scales=tuple(scales),
        mark=_mark(entry.get("metadata")),
    )


def _mark(metadata: Any) -> MppSource:
    """Return where a pixel size is from: what a user gave is, once written down, the file's."""
    mark = metadata.get("pixel_size_source") if isinstance(metadata, dict) else None
    return mark if mark in ("estimated", "default") else "metadata"


def _path(path: Any) -> str:
    """Return a path that stays below the folder in which it is written."""
    if not isinstance(path, str) or len(path) > 1000:
        raise _wrong("path", "a name of a folder")
    parts = path.strip("/").split("/")
    leaves = path.startswith("/") or any(part in ("", ".", "..") for part in parts)
    if leaves or any(sign in path for sign in "\\:\0"):
        raise GlandsError(
            f"its metadata point to {path[:60]!r}, which is not a folder inside of it: export it "
            "again"
        )
    return "/".join(parts)


def _axes(axes: Any) -> tuple[tuple[str, str], ...] | None:
    """Return a letter and a unit per axis; drafts give names only, or nothing."""
    if axes is None:
        return None
    if not isinstance(axes, list) or not 2 <= len(axes) <= _MOST_AXES:
        raise _wrong("axes", f"a list of 2 to {_MOST_AXES} axes")
    found = []
    for axis in axes:
        axis = {"name": axis} if isinstance(axis, str) else axis
        name = axis.get("name") if isinstance(axis, dict) else None
        if not isinstance(name, str) or not name:
            raise _wrong("axes", "a list of axes with names")
        kind = axis.get("type")
        letter = _LETTERS.get(kind, name.lower()) if isinstance(kind, str) else name.lower()
        unit = axis.get("unit")
        found.append((_LETTERS.get(letter, letter), unit if isinstance(unit, str) else ""))
    letters = [letter for letter, _ in found]
    unique = len(set(letters)) == len(letters) and all(len(letter) == 1 for letter in letters)
    if not unique or not {"y", "x"} <= set(letters):
        raise GlandsError(
            f"its axes are {', '.join(letters)}: an image of y and x, with channels or without, is "
            "needed"
        )
    return tuple(found)


def _scale(holder: dict[str, Any]) -> tuple[float, ...] | None:
    """Return the product of the scales among the transformations of a level or an image."""
    transformations = holder.get("coordinateTransformations") or []
    if not isinstance(transformations, list):
        raise _wrong("coordinateTransformations", "a list")
    scale: tuple[float, ...] | None = None
    for transformation in transformations[:_MOST_AXES]:
        if not isinstance(transformation, dict):
            raise _wrong("coordinateTransformations", "a list of objects")
        if transformation.get("type") == "scale" and "scale" in transformation:
            scale = _times(_numbers(transformation["scale"]), scale)
    return scale


def _numbers(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) > _MOST_AXES:
        raise _wrong("scale", "a list of numbers")
    numbers = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong("scale", "a list of numbers")
        # JSON knows integers of any length, floats do not.
        numbers.append(float(value) if abs(value) < 1e300 else math.inf)
    return tuple(numbers)


def _times(
    one: tuple[float, ...] | None, other: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    if one is None or other is None:
        return one or other
    if len(one) != len(other):
        raise _wrong("scale", "one number per axis")
    return tuple(a * b for a, b in zip(one, other, strict=True))


def _wrong(name: str, expected: str) -> GlandsError:
    return GlandsError(
        f"its OME-Zarr metadata are damaged ({name!r} is not {expected}): export it again"
    )
