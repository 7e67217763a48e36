"""What a hand draws on an image, as pixels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from skimage import draw

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Box, box_around

__all__ = ["as_stroke", "length_of", "lengthened", "stroke_line", "stroke_mask"]


def as_stroke(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the points of a stroke, float (n, 2), moved into the image.

    Raises
    ------
    GlandsError
        When there is no point.
    """
    stroke = np.asarray(points, float).reshape(-1, 2)
    if not len(stroke):
        raise GlandsError("Nothing was drawn.")
    return np.clip(stroke, 0, np.array(shape[:2]) - 1)


def length_of(stroke: np.ndarray) -> float:
    """Return the length of a stroke in pixels."""
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum())


def lengthened(stroke: np.ndarray, by: float) -> np.ndarray:
    """Return a stroke that goes on straight at both ends, by a length in pixels."""
    if len(stroke) < 2 or by <= 0:
        return stroke
    ends = []
    for points in (stroke, stroke[::-1]):
        steps = points[0] - points[1:]
        far = np.hypot(*steps.T)
        # The direction over some pixels: the last two points of a hand-drawn stroke may lie.
        index = int(np.argmax(far >= min(5.0, far.max())))
        direction = steps[index] / max(far[index], 1e-9)
        ends.append(points[0] + by * direction)
    return np.vstack([ends[0], stroke, ends[1]])


def stroke_line(stroke: np.ndarray, box: Box) -> np.ndarray:
    """Return the pixels of a box, bool, on a stroke; its pixels touch at least by corners."""
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    line = np.zeros(shape, bool)
    points = np.rint(stroke - (box[0].start, box[1].start)).astype(int)
    for start, stop in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        rows, columns = draw.line(*start, *stop)
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        line[rows[inside], columns[inside]] = True
    return line


def stroke_mask(
    stroke: np.ndarray, radius: float, shape: tuple[int, ...]
) -> tuple[Box, np.ndarray]:
    """Return what a round brush paints along a stroke.

    Parameters
    ----------
    stroke
        float (n, 2): rows and columns.
    radius
        Of the brush, in pixels; what a brush of less than a pixel meets is painted too.
    shape
        Of the image.

    Returns
    -------
    box : tuple of slice
        Holds what is painted.
    mask : ndarray
        bool (height, width) of the box.
    """
    box = box_around(stroke, radius + 1, shape)
    line = stroke_line(stroke, box)
    return box, ndi.distance_transform_edt(~line) <= radius
