"""The measurement table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import ellipse

from napari_glands.measurement import COLUMNS, measure
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid


def _prediction(glands: np.ndarray, probability: np.ndarray | None = None, mpp=0.5) -> Prediction:
    """Predict `glands` on a slide of twice their size."""
    grid = Grid(glands.shape, (glands.shape[0] * 2, glands.shape[1] * 2), mpp)
    if probability is None:
        probability = (glands > 0).astype(np.float32)
    return Prediction("s-1", "slide é", grid, probability, glands, "model", Settings())


def test_square_in_micrometres():
    glands = np.zeros((40, 60), np.int32)
    glands[10:20, 20:40] = 7
    probability = np.where(glands > 0, 0.75, 0.1).astype(np.float32)
    (row,) = measure(_prediction(glands, probability)).to_dict("records")
    assert row["slide"] == "slide é"
    assert row["label"] == 7
    assert row["area_um2"] == pytest.approx(200)
    assert row["centroid_y_um"] == pytest.approx(15)
    assert row["centroid_x_um"] == pytest.approx(30)
    assert row["perimeter_um"] == pytest.approx(56)  # between the centres of the outer pixels
    assert row["solidity"] == pytest.approx(1)
    assert row["mean_probability"] == pytest.approx(0.75)
    assert row["touches_border"] is False


def test_ellipse_axes_follow_the_pixel_size():
    glands = np.zeros((100, 160), np.int32)
    glands[ellipse(50, 80, 20, 50)] = 1
    (row,) = measure(_prediction(glands, mpp=1.0)).to_dict("records")
    assert row["major_axis_um"] == pytest.approx(200, rel=0.02)
    assert row["minor_axis_um"] == pytest.approx(80, rel=0.03)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - 0.4**2), abs=0.01)


def test_grid_whose_axes_differ_is_measured():
    glands = np.zeros((30, 50), np.int32)
    glands[5:15, 5:25] = 1
    grid = Grid((30, 50), (61, 99), 0.5)
    prediction = Prediction("s", "s", grid, np.ones((30, 50), np.float32), glands, "m", Settings())
    (row,) = measure(prediction).to_dict("records")
    assert row["area_um2"] == pytest.approx(200 * grid.pixel_area_um2)
    assert row["perimeter_um"] == pytest.approx(56 * grid.pixel_area_um2**0.5)


@pytest.mark.parametrize(
    "gland", [np.s_[:3, 4:8], np.s_[-3:, 4:8], np.s_[4:8, :3], np.s_[4:8, -3:]]
)
def test_touching_each_border_is_told(gland):
    glands = np.zeros((20, 30), np.int32)
    glands[gland] = 1
    glands[10:14, 12:16] = 2
    assert measure(_prediction(glands))["touches_border"].tolist() == [True, False]


def test_no_glands_gives_an_empty_table_of_the_same_kind():
    empty = measure(_prediction(np.zeros((10, 10), np.int32)))
    full = measure(_prediction(np.ones((10, 10), np.int32)))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns) == list(COLUMNS)
    assert empty.dtypes.tolist() == full.dtypes.tolist()


def test_a_single_pixel_and_a_line_are_measured():
    glands = np.zeros((10, 10), np.int32)
    glands[2, 2] = 1
    glands[5, 2:8] = 2
    table = measure(_prediction(glands))
    assert table["area_um2"].tolist() == [1, 6]
    assert table["solidity"].notna().all()


def test_centroids_of_a_region_are_places_on_the_whole_slide():
    glands = np.zeros((40, 60), np.int32)
    glands[10:20, 20:40] = 7
    here = _prediction(glands)
    there = replace(here, grid=replace(here.grid, origin=(100, 300)))
    (before,), (after,) = (measure(p).to_dict("records") for p in (here, there))
    assert after["centroid_y_um"] == pytest.approx(before["centroid_y_um"] + 50)
    assert after["centroid_x_um"] == pytest.approx(before["centroid_x_um"] + 150)
    assert after["touches_border"] is False


def test_a_gland_across_four_parts_is_measured_once():
    glands = np.zeros((64, 64), np.int32)
    glands[ellipse(32, 32, 20, 24)] = 5
    whole = measure(_prediction(glands))
    assert whole["label"].tolist() == [5]
    assert measure(_prediction(glands), side=32).equals(whole)
