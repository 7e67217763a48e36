"""Regions of a slide from files of other programs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import shapely

from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Region
from napari_glands.system_errors import refusal

__all__ = ["read_regions"]


def read_regions(path: str | Path, slide_shape: tuple[int, int]) -> list[Region]:
    """Read the annotations of a GeoJSON file, as QuPath exports them, as regions.

    Parameters
    ----------
    path
        The file: a FeatureCollection, a list of features, or one feature.
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
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        boxes = [shapely.geometry.shape(f["geometry"]).bounds for f in _features(data)]
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read {path}", error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise GlandsError(
            f"{path} is not GeoJSON with annotations ({error}): export them from QuPath with "
            "File > Export objects as GeoJSON."
        ) from error
    regions = [_region(box, slide_shape) for box in boxes if len(box) == 4]
    found = [region for region in regions if region.height > 0 and region.width > 0]
    if not found:
        raise GlandsError(f"{path} holds no annotation that lies on the slide.")
    return found


def _features(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return list(data["features"]) if data.get("type") == "FeatureCollection" else [data]
    return list(data)


def _region(box: tuple[float, float, float, float], slide_shape: tuple[int, int]) -> Region:
    (height, width), (left, top, right, bottom) = slide_shape, box
    y0, x0 = max(0, math.floor(top)), max(0, math.floor(left))
    y1, x1 = min(height, math.ceil(bottom)), min(width, math.ceil(right))
    return Region(y0, x0, y1 - y0, x1 - x0)
