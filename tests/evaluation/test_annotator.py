"""The simulated user: what each kind of mistake costs."""

import numpy as np
import pytest

from napari_glands.evaluation.annotator import FROM_SCRATCH, Candidate, correct, paint

GOAL = 1.0


@pytest.fixture
def truth():
    """Three glands in a row; the second and the third touch."""
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 2:12], labels[5:15, 20:30], labels[5:15, 30:40] = 1, 2, 3
    return labels


def rows(*masks, scores=None, doubtful=()):
    scores = scores or [0.5 + 0.1 * n for n in range(len(masks))]
    return [
        Candidate(m, s, n in doubtful) for n, (m, s) in enumerate(zip(masks, scores, strict=True))
    ]


def test_what_is_right_costs_nothing(truth):
    effort = correct(rows(truth == 1, truth == 2, truth == 3), truth, GOAL)
    assert (effort.before, effort.after, effort.total) == (1, 1, 0)


def test_what_is_no_gland_is_rejected(truth):
    wrong = np.zeros(truth.shape, bool)
    wrong[16:19, 45:55] = True
    effort = correct(rows(wrong, truth == 1, truth == 2, truth == 3), truth, GOAL)
    assert effort.actions == {"reject": 1}
    assert effort.before == pytest.approx(6 / 7)
    assert effort.after == 1


def test_every_row_on_the_way_costs_a_key(truth):
    wrong = np.zeros(truth.shape, bool)
    wrong[16:19, 45:55] = True
    candidates = rows(truth == 1, truth == 2, truth == 3, wrong, scores=[0.1, 0.2, 0.9, 0.3])
    assert correct(candidates, truth, GOAL).actions == {"accept": 2, "reject": 1}


def test_glands_in_one_are_split_by_a_stroke(truth):
    effort = correct(rows(truth >= 2, truth == 1), truth, GOAL)
    assert effort.actions == {"key of split": 1, "split": 1}
    assert effort.after == 1


def test_fragments_are_joined_by_a_stroke(truth):
    top, bottom = truth == 1, truth == 1
    top[9:], bottom[:11] = False, False
    effort = correct(rows(top, bottom, truth == 2, truth == 3), truth, GOAL)
    assert effort.actions == {"key of merge": 1, "merge": 1}
    assert effort.after == 1


def test_what_is_missing_is_drawn_and_the_tool_is_taken_up_once(truth):
    effort = correct(rows(truth == 1), truth, GOAL)
    assert effort.actions == {"accept": 1, "key of draw": 1, "draw": 2}
    assert effort.after == 1


def test_a_doubtful_row_counts_once_it_is_accepted(truth):
    effort = correct(rows(truth == 1, truth == 2, truth == 3, doubtful={0}), truth, GOAL)
    assert effort.before == pytest.approx(4 / 5)
    assert effort.actions == {"accept": 1}


def test_the_user_stops_at_the_goal(truth):
    effort = correct(rows(truth == 1, truth == 2), truth, 0.8)
    assert effort.total == 0
    effort = paint(truth, 0.8, FROM_SCRATCH["encircle"])
    assert effort.after == pytest.approx(4 / 5)
    assert effort.actions == {"new labels layer": 1, "choose the brush": 1, "paint": 4}
