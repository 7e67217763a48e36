"""The simulated user: what each kind of mistake costs."""

import numpy as np
import pytest

from napari_glands.evaluation.annotator import FROM_SCRATCH, Candidate, correct, paint
from napari_glands.evaluation.effort import effort_table, efforts, times_fewer
from napari_glands.priors.gland import Gland, Glands
from napari_glands.settings import Settings
from napari_glands.slides import Grid

GOAL = 1.0


@pytest.fixture
def truth():
    """Three glands in a row; the second and the third touch."""
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 2:12], labels[5:15, 20:30], labels[5:15, 30:40] = 1, 2, 3
    return labels


def corrections(candidates, truth, goal=GOAL):
    """What the user does to a slide once it is on show."""
    actions = correct(candidates, truth, goal).actions
    assert actions.pop("next slide") == 1
    return actions


def rows(*masks, scores=None, doubtful=()):
    scores = scores or [0.5 + 0.1 * n for n in range(len(masks))]
    return [
        Candidate(m, s, n in doubtful) for n, (m, s) in enumerate(zip(masks, scores, strict=True))
    ]


def test_what_is_right_costs_nothing(truth):
    effort = correct(rows(truth == 1, truth == 2, truth == 3), truth, GOAL)
    assert (effort.before, effort.after, effort.total) == (1, 1, 1)
    assert effort.actions == {"next slide": 1}


def test_what_is_no_gland_is_rejected(truth):
    wrong = np.zeros(truth.shape, bool)
    wrong[16:19, 45:55] = True
    effort = correct(rows(wrong, truth == 1, truth == 2, truth == 3), truth, GOAL)
    assert effort.actions == {"next slide": 1, "reject": 1}
    assert effort.before == pytest.approx(6 / 7)
    assert effort.after == 1


def test_every_row_on_the_way_costs_a_key(truth):
    wrong = np.zeros(truth.shape, bool)
    wrong[16:19, 45:55] = True
    candidates = rows(truth == 1, truth == 2, truth == 3, wrong, scores=[0.1, 0.2, 0.9, 0.3])
    assert corrections(candidates, truth) == {"accept": 2, "reject": 1}


def test_glands_in_one_are_split_by_a_stroke(truth):
    assert corrections(rows(truth >= 2, truth == 1), truth) == {"key of split": 1, "split": 1}
    assert correct(rows(truth >= 2, truth == 1), truth, GOAL).after == 1


def test_fragments_are_joined_by_a_stroke(truth):
    top, bottom = truth == 1, truth == 1
    top[9:], bottom[:11] = False, False
    assert corrections(rows(top, bottom, truth == 2, truth == 3), truth) == {
        "key of merge": 1,
        "merge": 1,
    }
    assert correct(rows(top, bottom, truth == 2, truth == 3), truth, GOAL).after == 1


def test_what_is_missing_is_drawn_and_the_tool_is_taken_up_once(truth):
    assert corrections(rows(truth == 1), truth) == {"accept": 1, "key of draw": 1, "draw": 2}
    assert correct(rows(truth == 1), truth, GOAL).after == 1


def test_a_doubtful_row_counts_once_it_is_accepted(truth):
    effort = correct(rows(truth == 1, truth == 2, truth == 3, doubtful={0}), truth, GOAL)
    assert effort.before == pytest.approx(4 / 5)
    assert effort.actions == {"next slide": 1, "accept": 1}


def test_the_user_stops_at_the_goal(truth):
    effort = correct(rows(truth == 1, truth == 2), truth, 0.8)
    assert effort.actions == {"next slide": 1}
    effort = paint(truth, 0.8, FROM_SCRATCH["encircle"])
    assert effort.after == pytest.approx(4 / 5)
    assert effort.actions == {
        "open the image": 1,
        "new labels layer": 1,
        "choose the brush": 1,
        "paint": 4,
    }


def test_a_row_that_reaches_into_another_gland_is_cut_and_the_rest_joined(truth):
    reaching, rest = (truth == 1) | (truth == 2), truth == 2
    reaching[:, 26:30], rest[:, :26] = False, False  # of the second gland
    effort = correct(rows(reaching, rest, truth == 3), truth, GOAL)
    assert effort.after == 1
    assert (effort.actions["split"], effort.actions["merge"]) == (1, 1)


def test_the_table_of_efforts_says_how_many_times_fewer(truth):
    grid = Grid(truth.shape, truth.shape, 1.0)
    table = (Gland(1, "proposed", 0.5, 100.0), Gland(2, "doubtful", 0.4, 200.0))
    labels = np.where(truth == 1, 1, np.where(truth > 1, 2, 0)).astype(np.int32)
    empty = np.zeros(truth.shape, np.uint8)
    glands = Glands(
        "s", grid, labels, table, Settings(), probability=empty, model="m", slide_name="s"
    )
    found = {"s": efforts(glands, truth, GOAL)}
    row, total = effort_table(found)
    assert row["review"] == total["review"] == 3, "next slide, the key of the tool, one cut"
    assert row["encircle"] == 3 + 3 * 2
    assert times_fewer(found)["encircle"] == 3
    assert times_fewer(found, shared=6)["encircle"] == 1
