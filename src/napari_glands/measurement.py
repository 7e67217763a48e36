"""One row of measurements per gland, in µm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from skimage.measure import perimeter, regionprops

from napari_glands.progress import CancelToken
from napari_glands.slides.grid import Grid, Window
from napari_glands.slides.objects import object_boxes, objects_in, owned_windows
from napari_glands.slides.watching import watched

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["COLUMNS", "measure"]

COLUMNS: dict[str, str] = {
    "slide": "str",
    "label": "int64",
    "centroid_y_um": "float64",
    "centroid_x_um": "float64",
    "area_um2": "float64",
    "perimeter_um": "float64",
    "solidity": "float64",
    "eccentricity": "float64",
    "major_axis_um": "float64",
    "minor_axis_um": "float64",
    "mean_probability": "float64",
    "touches_border": "bool",
}
"""Columns of the table and their dtypes; the units are part of the names."""

_SHAPE = {
    "area": "area_um2",
    "solidity": "solidity",
    "eccentricity": "eccentricity",
    "axis_major_length": "major_axis_um",
    "axis_minor_length": "minor_axis_um",
    "intensity_mean": "mean_probability",
}


def measure(
    prediction: Prediction, *, cancel: CancelToken | None = None, side: int | None = None
) -> pd.DataFrame:
    """Measure every gland of a prediction.

    Parameters
    ----------
    prediction
        Gland instances, probability and grid of one slide; the arrays may be zarr arrays, which
        are read part by part.
    cancel
        Cancel request, looked at between the parts.
    side
        Side in pixels of the parts; without it, what fits in memory is one. The table is the same
        whatever they are.

    Returns
    -------
    pandas.DataFrame
        One row per gland, sorted by label, with the columns and dtypes of `COLUMNS`; no rows,
        but the same columns and dtypes, when there is no gland. Labels beyond int64 make the
        column `label` uint64.

    Notes
    -----
    Centroids are distances in µm from the upper left corner of the whole slide, also where the
    prediction is of a region. Major and minor axis are those of the ellipse with the same second
    moments. `touches_border` says that the gland lies at the edge of what was predicted, where
    it may be cut off.

    The two axes of a grid may differ in µm per pixel by less than one pixel over the whole
    slide. All columns take this into account except the perimeter, whose estimator (a
    4-neighbourhood contour, `skimage.measure.perimeter`) is defined for square pixels only: it
    is measured in pixels and scaled by the geometric mean of the two.
    """
    glands, probability = (
        watched(array, cancel) for array in (prediction.glands, prediction.probability)
    )
    shape = (glands.shape[0], glands.shape[1])
    objects = object_boxes(glands, side)
    rows: list[dict[str, Any]] = []
    for window, index in owned_windows(objects, shape, side):
        numbers = objects_in(glands, window, objects.labels[index])
        certainty = np.asarray(probability[window.slices]).astype(np.float32, copy=False)
        rows += _measured(numbers, certainty, objects.labels[index], window, prediction.grid)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("label", ignore_index=True)
    table["slide"] = prediction.slide_name
    table["touches_border"] = objects.touching(shape)
    return table.astype(COLUMNS | {"label": _label_dtype(objects.labels)})


def _label_dtype(labels: np.ndarray) -> str:
    """Return the dtype of the column of labels: the usual one, unless a value needs a wider one."""
    fits = not len(labels) or int(labels[-1]) <= np.iinfo(np.int64).max
    return COLUMNS["label"] if fits else "uint64"


def _measured(
    numbers: np.ndarray, probability: np.ndarray, labels: np.ndarray, window: Window, grid: Grid
) -> Iterator[dict[str, Any]]:
    """Measure the glands 1, 2, … of a window that holds them whole, under their own labels."""
    side_um = np.sqrt(grid.pixel_area_um2)
    regions = regionprops(numbers, probability, spacing=grid.mpp, offset=(window.y, window.x))
    for label, region in zip(labels, regions, strict=True):
        y, x = (np.array(grid.origin) * grid.slide_mpp) + _centre(region.coords, grid.mpp)
        yield {
            "label": label,
            "centroid_y_um": y,
            "centroid_x_um": x,
            "perimeter_um": perimeter(region.image) * side_um,
            **{column: region[name] for name, column in _SHAPE.items()},
        }


def _centre(pixels: np.ndarray, mpp: tuple[float, float]) -> np.ndarray:
    """Return the centroid in µm from the array's upper left corner."""
    # Of the pixels' places in the whole array, so that no window shows in the rounding.
    return (pixels * mpp).mean(axis=0) + np.array(mpp) / 2
