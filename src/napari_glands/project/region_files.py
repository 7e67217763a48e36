"""Regions of a slide from files of other programs."""

from __future__ import annotations

import gzip
import json
import math
import warnings
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import shapely

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Region
from napari_glands.system_errors import refusal

__all__ = ["read_regions"]

# Some hundred thousand annotations; read, they take about ten times as much memory.
_MOST_BYTES = 100_000_000
_GZIP = b"\x1f\x8b"
_FARTHEST = 1e9  # in pixels; no slide is as wide

_NO_AREA, _NO_ANNOTATION, _OUTSIDE = "without area", "not an annotation", "outside the slide"
_Box = tuple[float, float, float, float]


def read_regions(path: str | Path, slide_shape: tuple[int, int]) -> list[Region]:
    """Read the annotations of a GeoJSON file, as QuPath exports them, as regions.

    Parameters
    ----------
    path
        The file, compressed with gzip or not: a FeatureCollection, a list of features, one
        feature, or one geometry. Objects that are no annotations (detections, cells), or have no
        area (points, lines), are passed over.
    slide_shape
        Rows and columns of the slide at level 0.

    Returns
    -------
    list of Region
        The rectangle around each annotation, as far as it is inside the slide.

    Raises
    ------
    GlandsError
        When the file cannot be read, or holds no annotation on the slide.

    Warns
    -----
    UserWarning
        When objects were passed over, with how many and why.
    """
    path = Path(path)
    objects = _objects(_parsed(_text(path), path), path)
    regions: list[Region] = []
    passed: Counter[str] = Counter()
    for number, item in enumerate(objects, start=1):
        found = _region(item, slide_shape, path, number)
        if isinstance(found, Region):
            regions.append(found)
        else:
            passed[found] += 1
    why = ", ".join(f"{count} {reason}" for reason, count in passed.items())
    if not regions:
        raise GlandsError(
            f"{path} holds no annotation that lies on the slide{f' ({why})' if why else ''}."
        )
    if why:
        total = passed.total()
        warnings.warn(
            f"{path.name}: {total} {'object was' if total == 1 else 'objects were'} passed over "
            f"({why}).",
            UserWarning,
            stacklevel=2,
        )
    return regions


def _text(path: Path) -> str:
    """Read a file, compressed or not, as far as its size is bounded."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GlandsError(f"{path} is damaged ({error}): export it again.") from error
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read {path}", error)) from error
    if len(content) > _MOST_BYTES:
        raise GlandsError(
            f"{path} has more than {_MOST_BYTES // 1_000_000} MB: export only the annotations that "
            "are to become regions."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, "it is not UTF-8 text", error)


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        _refuse(path, "too much is nested in it", error)
    except ValueError as error:
        _refuse(path, str(error), error)


def _objects(data: Any, path: Path) -> list[Any]:
    """Return the objects of a collection, a list, or one object."""
    if isinstance(data, dict):
        data = data.get("features") if data.get("type") == "FeatureCollection" else [data]
    if not isinstance(data, list):
        _refuse(path, "it has no list of features")
    return data


def _region(item: Any, slide_shape: tuple[int, int], path: Path, number: int) -> Region | str:
    """Return the region of an object, or why it is passed over."""
    if not isinstance(item, dict) or not {"geometry", "coordinates", "geometries"} & item.keys():
        _refuse(path, f"object {number} is no feature")
    if not _is_annotation(item):
        return _NO_ANNOTATION
    box = _box(item.get("geometry", item), path, number)
    if box is None:
        return _NO_AREA
    region = _inside(box, slide_shape)
    return region if region.height > 0 and region.width > 0 else _OUTSIDE


def _is_annotation(item: dict[str, Any]) -> bool:
    """Whether QuPath, or whoever wrote it, would call an object an annotation."""
    properties = item.get("properties")
    kind = properties.get("objectType") if isinstance(properties, dict) else None
    return kind is None or str(kind).lower() == "annotation"


def _box(geometry: Any, path: Path, number: int) -> _Box | None:
    """Return the box around the parts of a geometry that have an area; None without any."""
    if geometry is None:
        return None
    try:
        parts = shapely.get_parts(_flat(shapely.geometry.shape(geometry)))
        areas = parts[shapely.get_dimensions(parts) == 2]
        edges = shapely.bounds(areas)
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError,
        shapely.errors.ShapelyError,
    ) as error:  # fmt: skip
        _refuse(path, f"object {number} has no geometry that can be read", error)
    if not (np.abs(edges[~shapely.is_empty(areas)]) <= _FARTHEST).all():  # NaN is not, either
        _refuse(path, f"object {number} has coordinates that are no place on a slide")
    edges = edges[shapely.area(areas) > 0]
    if not len(edges):
        return None
    (left, top), (right, bottom) = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _flat(geometry: shapely.geometry.base.BaseGeometry) -> list[Any]:
    """Return the parts of a geometry; of collections in collections, those of the innermost."""
    parts: list[Any] = [geometry]
    while any(part.geom_type == "GeometryCollection" for part in parts):
        parts = shapely.get_parts(parts).tolist()
    return parts


def _inside(box: _Box, slide_shape: tuple[int, int]) -> Region:
    """Return the whole pixels of a slide that a box touches."""
    (height, width), (left, top, right, bottom) = slide_shape, box
    y0, x0 = max(0, math.floor(top)), max(0, math.floor(left))
    y1, x1 = min(height, math.ceil(bottom)), min(width, math.ceil(right))
    return Region(y0, x0, y1 - y0, x1 - x0)


def _refuse(path: Path, why: str, error: Exception | None = None) -> NoReturn:
    raise GlandsError(
        f"{path} is not GeoJSON with annotations ({why}): export them from QuPath with "
        "File > Export objects as GeoJSON."
    ) from error
