"""GeoJSON: what QuPath expects, in level-0 pixels, with the very shape of the glands."""

from __future__ import annotations

import json
import time
import tracemalloc
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from napari_glands.errors import GlandsError
from napari_glands.export import export_geojson, gland_polygons
from napari_glands.slides.grid import Grid


def _features(path):
    collection = json.loads(path.read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    return collection["features"]


def _rasterised(geometry, grid):
    """Which pixel centres of a grid a geometry in level-0 coordinates contains."""
    down, right = grid.downsample
    rows, columns = np.indices(grid.shape)
    return shapely.contains_xy(geometry, (columns + 0.5) * right, (rows + 0.5) * down)


def test_outlines_come_back_as_the_glands(tmp_path, prediction):
    features = _features(export_geojson(prediction, tmp_path / "a.geojson"))
    assert len(features) == 4
    down, right = prediction.grid.downsample
    for feature, label in zip(features, (1, 2, 3, 7), strict=True):
        geometry = shape(feature["geometry"])
        mask = prediction.glands == label
        assert shapely.is_valid(geometry)
        assert (_rasterised(geometry, prediction.grid) == mask).all()
        assert geometry.area == pytest.approx(mask.sum() * down * right, rel=1e-4)


def test_coordinates_are_x_y_of_level_0(tmp_path, prediction):
    feature = _features(export_geojson(prediction, tmp_path / "a.geojson"))[1]
    down, right = prediction.grid.downsample
    bounds = shape(feature["geometry"]).bounds  # gland 2: rows 70..100, columns 90..120
    expected = (90 * right, 70 * down, 120 * right, 100 * down)
    assert bounds == pytest.approx(expected, abs=1e-3)


def test_holes_and_parts_are_kept(tmp_path, prediction):
    features = _features(export_geojson(prediction, tmp_path / "a.geojson"))
    ring, *_, parts = (shape(feature["geometry"]) for feature in features)
    assert ring.geom_type == "Polygon"
    assert len(ring.interiors) == 1
    assert parts.geom_type == "MultiPolygon"
    assert len(parts.geoms) == 2


def test_straight_edges_have_no_vertices_in_between(prediction):
    square = gland_polygons(prediction.glands, prediction.grid)[2]
    assert len(square.exterior.coords) == 5
    assert square.exterior.is_ccw


def test_properties_are_those_of_qupath(tmp_path, prediction):
    path = export_geojson(prediction, tmp_path / "a.geojson", classification="Crypt")
    feature = _features(path)[1]
    assert feature["type"] == "Feature"
    assert UUID(feature["id"]).version == 5
    properties = feature["properties"]
    assert properties["objectType"] == "annotation"
    assert properties["name"] == "Crypt 2"
    assert properties["classification"]["name"] == "Crypt"
    assert len(properties["classification"]["color"]) == 3
    assert properties["isLocked"] is False
    area = 900 * prediction.grid.pixel_area_um2
    assert properties["measurements"]["Gland area µm²"] == pytest.approx(area)
    assert all(isinstance(v, float) for v in properties["measurements"].values())


def test_ids_differ_by_gland_and_slide_and_stay(tmp_path, prediction, predict):
    first = export_geojson(prediction, tmp_path / "a.geojson")
    again = export_geojson(prediction, tmp_path / "b.geojson")
    assert first.read_bytes() == again.read_bytes()
    other = export_geojson(predict(prediction.glands, slide_id="other"), tmp_path / "c.geojson")
    ids = [f["id"] for path in (first, other) for f in _features(path)]
    assert len(set(ids)) == 8


def test_corner_touching_pixels_give_valid_outlines():
    rng = np.random.default_rng(0)
    labels = (rng.random((60, 60)) < 0.5).astype(np.int32)
    grid = Grid((60, 60), (121, 119), 0.5)
    polygon = gland_polygons(labels, grid)[1]
    assert shapely.is_valid(polygon)
    assert (_rasterised(polygon, grid) == (labels == 1)).all()


def test_no_glands_give_an_empty_collection(tmp_path, predict):
    path = export_geojson(predict(np.zeros((20, 30), np.int32)), tmp_path / "a.geojson")
    assert _features(path) == []


def test_many_glands_are_traced_quickly():
    labels = np.zeros((2000, 2000), np.int32)
    y, x = np.mgrid[-65:65, -65:65]
    disc = np.hypot(y, x) < 60 + 4 * np.sin(9 * np.arctan2(y, x))
    for number in range(196):
        top, left = number // 14 * 140, number % 14 * 140
        labels[top : top + 130, left : left + 130][disc] = number + 1
    start = time.perf_counter()
    polygons = gland_polygons(labels, Grid((2000, 2000), (4000, 4000), 0.5))
    assert len(polygons) == 196
    assert time.perf_counter() - start < 10


def test_existing_file_is_kept_unless_overwriting(tmp_path, prediction):
    path = tmp_path / "a.geojson"
    path.write_text("mine")
    with pytest.raises(GlandsError, match="exists already"):
        export_geojson(prediction, path)
    assert path.read_text() == "mine"
    export_geojson(prediction, path, overwrite=True)
    assert len(_features(path)) == 4


# What QuPath computes itself, in its own way, and shows in a column of that name.
QUPATHS = {
    "Area µm^2", "Area px^2", "Length µm", "Length px", "Perimeter µm", "Perimeter px",
    "Circularity", "Solidity", "Max diameter µm", "Min diameter µm", "Max diameter px",
    "Min diameter px", "Num points", "Num Detections", "Centroid X µm", "Centroid Y µm",
}  # fmt: skip


@pytest.mark.parametrize("source", [None, "default", "unknown"])
def test_measurements_have_names_that_qupath_does_not_use(tmp_path, prediction, source):
    path = export_geojson(replace(prediction, mpp_source=source), tmp_path / "a.geojson")
    names = set(_features(path)[0]["properties"]["measurements"])
    assert len(names) == 8
    assert not names & QUPATHS
    assert {name for name in names if "µ" in name or "px" in name} == {
        f"Gland {what}".replace("µm", "px" if source == "unknown" else "µm")
        for what in ("area µm²", "perimeter µm", "major axis µm", "minor axis µm")
    }


def test_an_assumed_pixel_size_is_told(tmp_path, prediction):
    path = export_geojson(replace(prediction, mpp_source="default"), tmp_path / "a.geojson")
    told = json.loads(path.read_text(encoding="utf-8"))["pixel_size"]
    assert told == {"um": 0.62, "source": "assumed"}
    path = export_geojson(prediction, tmp_path / "b.geojson")
    assert "pixel_size" not in json.loads(path.read_text(encoding="utf-8"))


def test_time_and_memory_do_not_grow_with_the_label_values():
    labels = np.zeros((400, 400), np.uint32)
    for n, value in enumerate((1, 3_000_000_000, 2**32 - 1)):
        labels[100 * n : 100 * n + 50, 20:70] = value
    tracemalloc.start()
    polygons = gland_polygons(labels, Grid((400, 400), (400, 400), 0.5))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(polygons) == [1, 3_000_000_000, 2**32 - 1]
    assert all(polygon.area == 2500 for polygon in polygons.values())
    assert peak < 20_000_000
