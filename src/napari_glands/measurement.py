"""One row of measurements per gland, in µm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

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
    "label": "label",
    "area": "area_um2",
    "solidity": "solidity",
    "eccentricity": "eccentricity",
    "axis_major_length": "major_axis_um",
    "axis_minor_length": "minor_axis_um",
    "intensity_mean": "mean_probability",
}


def measure(prediction: Prediction) -> pd.DataFrame:
    """Measure every gland of a prediction.

    Parameters
    ----------
    prediction
        Gland instances, probability and grid of one slide.

    Returns
    -------
    pandas.DataFrame
        One row per gland, sorted by label, with the columns and dtypes of `COLUMNS`; no rows,
        but the same columns and dtypes, when there is no gland.

    Notes
    -----
    Centroids are distances in µm from the slide's upper left corner. Major and minor axis are
    those of the ellipse with the same second moments. `touches_border` says that the gland lies
    at the edge of the slide, where it may be cut off.

    The two axes of a grid may differ in µm per pixel by less than one pixel over the whole
    slide. All columns take this into account except the perimeter, whose estimator (a
    4-neighbourhood contour, `skimage.measure.perimeter`) is defined for square pixels only: it
    is measured in pixels and scaled by the geometric mean of the two.
    """
    glands, grid = prediction.glands, prediction.grid
    shape = regionprops_table(
        glands,
        prediction.probability,
        properties=[*_SHAPE, "centroid", "bbox"],
        spacing=grid.mpp,
    )
    perimeter = regionprops_table(glands, properties=["perimeter"])["perimeter"]
    (my, mx), (rows, columns) = grid.mpp, glands.shape
    table = pd.DataFrame({new: shape[old] for old, new in _SHAPE.items()})
    table["slide"] = prediction.slide_name
    table["centroid_y_um"] = shape["centroid-0"] + my / 2
    table["centroid_x_um"] = shape["centroid-1"] + mx / 2
    table["perimeter_um"] = perimeter * np.sqrt(grid.pixel_area_um2)
    table["touches_border"] = (
        (shape["bbox-0"] == 0)
        | (shape["bbox-1"] == 0)
        | (shape["bbox-2"] == rows)
        | (shape["bbox-3"] == columns)
    )
    return table[list(COLUMNS)].astype(COLUMNS)
