"""Glands that a network is sure of become priors."""

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.priors import Priors, from_labels, grow_priors, with_state
from napari_glands.settings import Settings
from napari_glands.slides import Grid

SHAPE, MPP = (120, 200), 1.0
SETTINGS = Settings().updated("priors", ring_width_um=5.0, min_area_um2=100.0)
LEFT, RIGHT = np.s_[20:80, 20:80], np.s_[20:80, 110:180]


def predicted(left=0.99, right=0.99):
    """Two glands, and how sure the network is of each."""
    probability, glands = np.full(SHAPE, 0.02, np.float32), np.zeros(SHAPE, np.int32)
    for number, (place, p) in enumerate(((LEFT, left), (RIGHT, right)), start=1):
        probability[place], glands[place] = p, number
    return probability, glands


def priors_with(**places):
    """Proposed priors at given places, numbered in order."""
    labels = np.zeros(SHAPE, np.int32)
    for number, place in enumerate(places.values(), start=1):
        labels[place] = number
    empty = Priors(
        "s",
        Grid(SHAPE, SHAPE, MPP),
        np.zeros(SHAPE, np.int32),
        (),
        SETTINGS,
        exterior=np.zeros(SHAPE, np.uint8),
    )
    drawn = from_labels(empty, labels)
    return with_state(drawn, [p.id for p in drawn.table], "proposed")


def test_only_glands_that_the_network_is_sure_of_are_proposed():
    grown = grow_priors(priors_with(), *predicted(left=0.99, right=0.9))
    (prior,) = grown.table
    assert prior.state == "proposed"
    assert prior.score == 1
    assert prior.area_um2 == grown.used.sum()
    assert not grown.used[RIGHT].any()


def test_an_interior_leaves_a_ring_width_of_exterior():
    grown = grow_priors(priors_with(), *predicted(right=0))
    ys, xs = np.nonzero(grown.used)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (25, 74, 25, 74)


def test_a_proposed_prior_inside_gives_way():
    grown = grow_priors(priors_with(small=np.s_[40:50, 40:50]), *predicted())
    assert [p.id for p in grown.table] == [2, 3]
    assert (grown.labels[40:50, 40:50] == 2).all()


def consistent(grown):
    """Whether every label has its row and every row its label."""
    return [p.id for p in grown.table] == np.unique(grown.labels[grown.labels > 0]).tolist()


def test_a_proposed_prior_that_reaches_out_of_the_gland_is_taken_as_a_whole_or_left():
    mostly_inside, mostly_outside = np.s_[40:50, 60:88], np.s_[40:50, 60:108]
    grown = grow_priors(priors_with(p=mostly_inside), *predicted(right=0))
    assert [p.id for p in grown.table] == [2]
    assert consistent(grown)
    kept = priors_with(p=mostly_outside)
    grown = grow_priors(kept, *predicted(right=0))
    assert [p.id for p in grown.table] == [1, 2]
    assert (grown.labels[mostly_outside] == 1).all()
    assert consistent(grown)


def test_a_proposed_prior_across_two_glands_stays():
    across = np.s_[30:70, 60:140]
    grown = grow_priors(priors_with(p=across), *predicted())
    assert (grown.labels[across] == 1).all()
    assert len(grown.table) == 3
    assert consistent(grown)


def test_what_is_left_beside_another_prior_is_no_sliver():
    nearly_all = np.s_[25:75, 26:150]  # mostly outside the gland, on nearly all of its interior
    grown = grow_priors(priors_with(p=nearly_all), *predicted(right=0))
    assert [p.id for p in grown.table] == [1]


@pytest.mark.parametrize("state", ["accepted", "edited", "rejected"])
def test_what_the_user_decided_stays_and_nothing_is_proposed_on_it(state):
    decided = with_state(priors_with(drawn=np.s_[30:60, 30:60]), [1], state)
    grown = grow_priors(decided, *predicted())
    assert {p.id: p.state for p in grown.table} == {1: state, 2: "proposed"}
    np.testing.assert_array_equal(grown.labels[LEFT], decided.labels[LEFT])
    assert grown.table[0] == decided.table[0]


def test_a_small_decision_at_the_edge_does_not_stop_the_gland():
    decided = with_state(priors_with(drawn=np.s_[30:32, 30:40]), [1], "accepted")
    grown = grow_priors(decided, *predicted(right=0))
    assert [p.state for p in grown.table] == ["accepted", "proposed"]
    assert (grown.labels[30:32, 30:40] == 1).all()


def test_growing_twice_changes_nothing_more():
    once = grow_priors(priors_with(), *predicted())
    twice = grow_priors(once, *predicted())
    np.testing.assert_array_equal(once.used, twice.used)
    assert len(once.table) == len(twice.table) == 2


def test_a_label_as_large_as_an_image_can_hold_costs_no_memory():
    labels = np.zeros(SHAPE, np.int32)
    labels[100:110, 100:110] = 2**31 - 1
    grown = grow_priors(from_labels(priors_with(), labels), *predicted())
    assert [p.id for p in grown.table] == [1, 2, 2**31 - 1]


def test_a_gland_with_a_doubtful_border_is_not_proposed():
    probability, glands = predicted(right=0)
    probability[20:80, 20:34] = 0.7  # a fifth of the gland
    assert grow_priors(priors_with(), probability, glands).table == ()
    lenient = SETTINGS.updated("priors", grow_score=0.7)
    (prior,) = grow_priors(priors_with(), probability, glands, lenient).table
    assert prior.score == pytest.approx(46 / 60)


def test_a_gland_without_a_sure_interior_is_not_proposed():
    lenient = SETTINGS.updated("priors", grow_score=0.0)
    assert len(grow_priors(priors_with(), *predicted(right=0.92), lenient).table) == 1


def test_the_priors_given_are_left_alone():
    priors = priors_with(small=np.s_[40:50, 40:50])
    before = priors.labels.copy()
    grow_priors(priors, *predicted())
    np.testing.assert_array_equal(priors.labels, before)


def test_a_prediction_at_another_resolution_is_refused():
    with pytest.raises(GlandsError, match=r"\(60, 100\).*\(120, 200\)"):
        grow_priors(priors_with(), np.zeros((60, 100)), np.zeros((60, 100), int))
