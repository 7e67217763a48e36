"""Glands as GeoJSON that QuPath imports."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import shapely

from napari_glands.export.aside import written_aside
from napari_glands.export.polygons import traced
from napari_glands.measurement import measure
from napari_glands.progress import CancelToken
from napari_glands.slides.watching import watched

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import Prediction

__all__ = ["export_geojson"]

_COLOUR = (0, 158, 115)  # bluish green: told apart from pink and purple by every kind of eye
_DECIMALS = 3  # of a level-0 pixel

_MEASUREMENTS = {
    "area_um2": "Area µm^2",
    "perimeter_um": "Perimeter µm",
    "solidity": "Solidity",
    "eccentricity": "Eccentricity",
    "major_axis_um": "Major axis µm",
    "minor_axis_um": "Minor axis µm",
    "mean_probability": "Mean probability",
    "touches_border": "Touches border",
}


def export_geojson(
    prediction: Prediction,
    path: str | Path,
    *,
    classification: str = "Gland",
    overwrite: bool = False,
    table: pd.DataFrame | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Write the glands as annotations that QuPath imports.

    Parameters
    ----------
    prediction
        What to write.
    path
        File to make, by custom with the suffix ``.geojson``.
    classification
        Name of the QuPath class of the glands.
    overwrite
        Whether an existing file may be replaced.
    table
        Measurements of the prediction, from `measure`; they are taken when not given.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    Path
        The file: a FeatureCollection with one Feature per gland. Outlines follow the edges of
        the pixels, holes are kept, coordinates are (x, y) in pixels of level 0 from the slide's
        upper left corner. The ids are the same each time the same prediction is written.

    Raises
    ------
    GlandsError
        When the file exists or cannot be written; nothing half-written is left then.
    """
    path = Path(path)
    with (
        written_aside(path, overwrite=overwrite) as aside,
        aside.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write('{"type": "FeatureCollection", "features": [')
        for number, feature in enumerate(_features(prediction, classification, table, cancel)):
            file.write(", " if number else "")
            file.write(json.dumps(feature, ensure_ascii=False, allow_nan=False))
        file.write("]}")
    return path


def _features(
    prediction: Prediction,
    classification: str,
    table: pd.DataFrame | None,
    cancel: CancelToken | None,
) -> Iterator[dict[str, Any]]:
    """Make one feature after the other: all of a whole slide's would not fit in memory."""
    table = measure(prediction, cancel=cancel) if table is None else table
    rows = dict(zip(table["label"], range(len(table)), strict=True))
    columns = {name: table[name].to_numpy() for name in _MEASUREMENTS}
    for label, outline in traced(watched(prediction.glands, cancel), prediction.grid):
        figures = {name: float(column[rows[label]]) for name, column in columns.items()}
        yield _feature(prediction, label, figures, outline, classification)


def _feature(
    prediction: Prediction,
    label: int,
    figures: dict[str, float],
    outline: shapely.geometry.base.BaseGeometry,
    classification: str,
) -> dict[str, Any]:
    identity = f"napari-glands/{prediction.slide_id}/{prediction.model}/{label}"
    # Equal coordinates stay equal, so that rounding keeps the geometry valid.
    rounded = shapely.transform(outline, lambda xy: np.round(xy, _DECIMALS))
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_URL, identity)),
        "geometry": shapely.geometry.mapping(rounded),
        "properties": {
            "objectType": "annotation",
            "name": f"{classification} {label}",
            "classification": {"name": classification, "color": list(_COLOUR)},
            "isLocked": False,
            # QuPath reads numbers only; a figure that does not exist is left out.
            "measurements": {
                name: figures[column]
                for column, name in _MEASUREMENTS.items()
                if math.isfinite(figures[column])
            },
        },
    }
