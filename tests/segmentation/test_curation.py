"""What becomes of a prediction, and of the decisions on the one before."""

from dataclasses import replace

import numpy as np
import pytest

from napari_glands.priors import from_labels, with_state
from napari_glands.segmentation.curation import carry_over, curated_glands
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import Grid

SHAPE = (80, 120)
SETTINGS = Settings().updated("predict", min_gland_um2=30, max_hole_um2=10)


def predicted(*boxes, half_seen=()):
    """A prediction with square glands at (y, x, side), sure or half seen."""
    probability = np.full(SHAPE, 0.05, np.float32)
    glands = np.zeros(SHAPE, np.int32)
    for n, (y, x, side) in enumerate(boxes, 1):
        glands[y : y + side, x : x + side] = n
        probability[y : y + side, x : x + side] = 0.95
    for y, x, side in half_seen:
        probability[y : y + side, x : x + side] = 0.4
    return Prediction("s", "slide", Grid(SHAPE, SHAPE, 1.0), probability, glands, "m@1", SETTINGS)


def states(glands):
    return {row.id: row.state for row in glands.table}


def test_found_glands_are_proposed_under_their_numbers():
    prediction = predicted((5, 5, 20), (40, 60, 30))
    glands = curated_glands(prediction)
    np.testing.assert_array_equal(glands.labels, prediction.glands)
    assert states(glands) == {1: "proposed", 2: "proposed"}
    assert [row.area_um2 for row in glands.table] == [400.0, 900.0]
    assert glands.probability.dtype == np.uint8
    assert all(0.6 < row.score < 0.8 for row in glands.table)


def test_half_seen_glands_are_doubtful_and_do_not_count():
    prediction = predicted((5, 5, 20), half_seen=[(40, 40, 20), (70, 5, 3), (5, 25, 10)])
    glands = curated_glands(prediction)
    assert states(glands) == {1: "proposed", 2: "doubtful"}, "not the speck, not the rim"
    np.testing.assert_array_equal(glands.used, prediction.glands > 0)
    assert glands.table[1].score < glands.table[0].score
    assert with_state(glands, [2], "accepted").used[50, 50]


def test_small_holes_of_a_half_seen_gland_are_filled():
    prediction = predicted(half_seen=[(10, 10, 40), (10, 60, 40)])
    prediction.probability[20:23, 20:23] = prediction.probability[20:25, 70:75] = 0.1
    glands = curated_glands(prediction)
    assert [row.area_um2 for row in glands.table] == [1600, 1575], "10 µm² are a hole to fill"


def test_little_around_a_gland_is_no_hole():
    wide = SETTINGS.updated("predict", max_hole_um2=20_000)
    prediction = replace(predicted((5, 5, 20)), settings=wide)
    assert states(curated_glands(prediction)) == {1: "proposed"}


def test_models_that_disagree_lower_the_score():
    prediction = predicted((5, 5, 20))
    (alone,) = curated_glands(prediction).table
    (both,) = curated_glands(prediction, [1 - prediction.probability]).table
    assert both.score < alone.score


@pytest.mark.parametrize("state", ["accepted", "edited", "rejected"])
def test_decisions_stay_when_predicting_again(state):
    former = with_state(curated_glands(predicted((5, 5, 20), (40, 60, 30))), [2], state)
    again = carry_over(curated_glands(predicted((42, 62, 30), (5, 90, 20))), former)
    np.testing.assert_array_equal(again.labels == 2, former.labels == 2)
    assert states(again) == {2: state, 3: "proposed"}
    assert not again.labels[71, 91], "the new gland there is dropped as a whole"


def test_without_decisions_nothing_is_carried_over():
    former = curated_glands(predicted((5, 5, 20)))
    fresh = curated_glands(predicted((5, 5, 25)))
    assert carry_over(fresh, former) is fresh


def test_a_new_gland_keeps_what_lies_outside_of_a_decided_one():
    former = with_state(curated_glands(predicted((20, 20, 20))), [1], "rejected")
    again = carry_over(curated_glands(predicted((10, 15, 40))), former)
    assert states(again) == {1: "rejected", 2: "proposed"}
    assert again.labels[12, 17] == 2
    assert again.labels[30, 30] == 1
    assert again.table[1].area_um2 == 1200.0


def test_a_gland_cut_in_two_becomes_two_and_crumbs_go():
    labels = np.zeros(SHAPE, np.int32)
    labels[:, 57:60] = 9
    former = from_labels(curated_glands(predicted()), labels)
    again = carry_over(curated_glands(predicted((15, 20, 60), (2, 55, 7))), former)
    assert states(again) == {1: "proposed", 3: "proposed", 9: "edited"}
    assert {again.labels[40, 30], again.labels[40, 70]} == {1, 3}
    assert (again.labels == 9).sum() == (labels == 9).sum()


def test_decisions_survive_another_resolution():
    former = with_state(curated_glands(predicted((20, 20, 20))), [1], "accepted")
    coarse = predicted((60, 100, 10))
    grid = Grid((40, 60), SHAPE, 1.0)
    coarse = replace(
        coarse, grid=grid, glands=coarse.glands[::2, ::2], probability=coarse.probability[::2, ::2]
    )
    again = carry_over(curated_glands(coarse), former)
    assert states(again)[1] == "accepted"
    assert again.used[15, 15]
    assert again.table[0].area_um2 == pytest.approx(400)


def test_the_largest_label_costs_no_memory():
    """A list as long as the largest label would have 16 GB."""
    prediction = predicted((5, 5, 20), (40, 60, 30))
    labels = np.where(prediction.glands == 2, 2_000_000_000, prediction.glands).astype(np.int32)
    glands = curated_glands(replace(prediction, glands=labels))
    assert states(glands) == {1: "proposed", 2_000_000_000: "proposed"}
