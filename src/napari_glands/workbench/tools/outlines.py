"""Paths that show, in the world of a layer, what a tool is about to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage import measure

__all__ = ["brush_outline", "mask_outlines", "to_data", "to_world"]


def to_data(layer: Any, points: np.ndarray) -> np.ndarray:
    """Return points of the world as rows and columns of a layer, float (n, 2)."""
    return np.array([layer.world_to_data(point) for point in points])


def to_world(layer: Any, points: np.ndarray) -> np.ndarray:
    """Return rows and columns of a layer as points of the world, float (n, 2)."""
    return np.array([layer.data_to_world(point) for point in points])


def mask_outlines(layer: Any, box: tuple[slice, slice], mask: np.ndarray) -> list[np.ndarray]:
    """Return the outlines, in the world, of a mask in a box of a layer's pixels."""
    corner = np.array([box[0].start, box[1].start]) - 1
    paths = measure.find_contours(np.pad(mask, 1).astype(np.float32), 0.5)
    return [to_world(layer, path + corner) for path in paths]


def brush_outline(points: np.ndarray, width: float) -> list[np.ndarray]:
    """Return the outlines of what a round brush paints along points of the world."""
    import shapely

    line = shapely.LineString(points) if len(points) > 1 else shapely.Point(points[0])
    painted = line.simplify(width / 20).buffer(width / 2, quad_segs=6)
    parts = getattr(painted, "geoms", [painted])
    return [np.asarray(ring.coords) for part in parts for ring in (part.exterior, *part.interiors)]
