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
from napari_glands.export.units import said_of, unit_of
from napari_glands.measurement import measure
from napari_glands.progress import CancelToken
from napari_glands.slides.watching import watched

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import Prediction

__all__ = ["export_geojson"]

_COLOUR = (0, 158, 115)  # bluish green: told apart from pink and purple by every kind of eye
_DECIMALS = 3  # of a level-0 pixel

# Names of our own, for QuPath computes an "Area µm^2", a "Solidity" and others itself, in its own
# ways, and shows one column per name.
_MEASUREMENTS = {
    "area_um2": "Gland area {unit}²",
    "perimeter_um": "Gland perimeter {unit}",
    "solidity": "Gland solidity",
    "eccentricity": "Gland eccentricity",
    "major_axis_um": "Gland major axis {unit}",
    "minor_axis_um": "Gland minor axis {unit}",
    "mean_probability": "Gland mean probability",
    "touches_border": "Gland touches border",
}
# What a shear of the label image leaves as it is, but for the area, which the pixel's has.
_SHEAR_KEEPS = ("area_um2", "solidity", "mean_probability", "touches_border")


def export_geojson(
    prediction: Prediction,
    path: str | Path,
    *,
    classification: str = "Gland",
    overwrite: bool = False,
    table: pd.DataFrame | None = None,
    placement: np.ndarray | None = None,
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
    placement
        Where the label image lies, when it is turned, sheared or mirrored on its slide, which the
        prediction's grid cannot say: float (3, 3), the matrix that takes (x, y, 1) in its pixels
        (0 is the upper left edge) to level-0 pixels. The grid's pixels must have the same area.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    Path
        The file: a FeatureCollection with one Feature per gland. Outlines follow the edges of
        the pixels, holes are kept, coordinates are (x, y) in pixels of level 0 from the slide's
        upper left corner. The ids are the same each time the same prediction is written. Where
        it is known whence the pixel size comes, a member ``pixel_size`` of the collection says so:
        ``{"um": 0.5, "source": "assumed"}``, the source being file, estimated, assumed or given.

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
        features = _features(prediction, classification, table, placement, cancel)
        for number, feature in enumerate(features):
            file.write(", " if number else "")
            file.write(json.dumps(feature, ensure_ascii=False, allow_nan=False))
        file.write(f"]{_pixel_size(prediction)}}}")
    return path


def _pixel_size(prediction: Prediction) -> str:
    """Return the member of the collection that says whence µm come, as JSON; or nothing."""
    source = prediction.mpp_source
    if source in (None, "unknown"):
        return ""
    size = {"um": prediction.grid.slide_mpp, "source": said_of(source)}
    return f', "pixel_size": {json.dumps(size)}'


def _features(
    prediction: Prediction,
    classification: str,
    table: pd.DataFrame | None,
    placement: np.ndarray | None,
    cancel: CancelToken | None,
) -> Iterator[dict[str, Any]]:
    """Make one feature after the other: all of a whole slide's would not fit in memory."""
    table = measure(prediction, cancel=cancel) if table is None else table
    rows = dict(zip(table["label"], range(len(table)), strict=True))
    unit = unit_of(prediction.mpp_source)
    columns = {
        name.format(unit=unit): table[column].to_numpy()
        for column, name in _MEASUREMENTS.items()
        if placement is None or _is_right_angled(placement) or column in _SHEAR_KEEPS
    }
    glands = watched(prediction.glands, cancel)
    for label, outline in traced(glands, prediction.grid, placement=placement):
        figures = {name: float(column[rows[label]]) for name, column in columns.items()}
        yield _feature(prediction, label, figures, outline, classification)


def _is_right_angled(placement: np.ndarray) -> bool:
    """Whether pixels remain rectangles, so that lengths in them can be told from their sides."""
    x, y = placement[:2, 0], placement[:2, 1]
    return abs(float(x @ y)) < 1e-6 * float(np.linalg.norm(x) * np.linalg.norm(y))


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
                name: figure for name, figure in figures.items() if math.isfinite(figure)
            },
        },
    }
