"""What each round is taught, and by which slides."""

import numpy as np
import pytest

from napari_glands.priors import Prior, Priors, with_state
from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, IGNORE, INTERIOR
from napari_glands.segmentation.targets import first_pseudo_mask, next_pseudo_mask, teaching
from napari_glands.settings import Settings
from napari_glands.slides import Grid

TRAIN = Settings().train  # sure gland above 0.6, sure background below 0.4


def priors_of(labels, **states):
    table = tuple(
        Prior(int(i), states.get(f"p{i}", "proposed"), 1, 1, 1, 1, 1, 0.2, 0.0)
        for i in np.unique(labels[labels > 0])
    )
    grid = Grid(labels.shape, labels.shape, 1.24)
    return Priors("s", grid, labels, table, np.zeros(labels.shape, np.uint8), Settings())


def test_exterior_and_interior_are_gland_in_round_one():
    proposal = np.array([[BACKGROUND, EXTERIOR, INTERIOR, IGNORE]], np.uint8)
    mask = first_pseudo_mask(proposal)
    assert mask.tolist() == [[0, 1, 1, 255]]
    assert mask.dtype == np.uint8


def test_sure_answers_teach_and_doubt_is_ignored():
    probability = np.array([[0.0, 0.39, 0.4, 0.5, 0.6, 0.61, 1.0]])
    nothing = np.full(probability.shape, IGNORE, np.uint8)
    mask = next_pseudo_mask(probability, nothing, priors_of(np.zeros((1, 7), int)), TRAIN)
    assert mask.tolist() == [[0, 0, 255, 255, 255, 1, 1]]


def test_a_hole_in_a_sure_gland_is_gland():
    probability = np.zeros((9, 9))
    probability[2:7, 2:7] = 0.9
    probability[4, 4] = 0.1
    nothing = np.full((9, 9), IGNORE, np.uint8)
    mask = next_pseudo_mask(probability, nothing, priors_of(np.zeros((9, 9), int)), TRAIN)
    assert mask[4, 4] == 1
    assert mask.sum() == 25


def test_priors_stand_above_the_network():
    proposal = np.array([[INTERIOR, EXTERIOR, BACKGROUND, IGNORE]], np.uint8)
    mask = next_pseudo_mask(np.zeros((1, 4)), proposal, priors_of(np.array([[1, 0, 0, 0]])), TRAIN)
    assert mask.tolist() == [[1, 1, 0, 0]]


def test_first_guesses_of_background_do_not_stand_above_the_network():
    proposal = np.array([[BACKGROUND, BACKGROUND]], np.uint8)
    mask = next_pseudo_mask(
        np.array([[0.9, 0.5]]), proposal, priors_of(np.zeros((1, 2), int)), TRAIN
    )
    assert mask.tolist() == [[1, IGNORE]]


def test_a_rejected_prior_stays_background_whatever_the_network_says():
    labels = np.array([[1, 1, 2, 0]])
    proposal = np.array([[BACKGROUND, BACKGROUND, INTERIOR, IGNORE]], np.uint8)
    rejected = priors_of(labels, p1="rejected")
    mask = next_pseudo_mask(np.ones((1, 4)), proposal, rejected, TRAIN)
    assert mask.tolist() == [[0, 0, 1, 1]]


@pytest.fixture
def three():
    """Three slides whose priors cover 20 %, 1 % and nothing."""
    proposals, priors = [], []
    for count in (20, 1, 0):
        labels = np.zeros((10, 10), int)
        labels.ravel()[:count] = 1
        priors.append(priors_of(labels))
        proposals.append(np.where(labels > 0, INTERIOR, IGNORE).astype(np.uint8))
    return priors, proposals


def test_only_well_covered_slides_teach(three):
    assert teaching(*three, min_coverage=0.04) == [0]
    assert teaching(*three, min_coverage=0.01) == [0, 1]


def test_when_none_is_covered_enough_all_with_a_prior_teach(three):
    assert teaching(*three, min_coverage=0.5) == [0, 1]


def test_a_slide_the_user_has_curated_teaches(three):
    priors, proposals = three
    for state in ("accepted", "edited"):
        curated = [priors[0], with_state(priors[1], [1], state), priors[2]]
        assert teaching(curated, proposals, min_coverage=0.04) == [0, 1]


def test_without_any_prior_nothing_teaches(three):
    priors, proposals = three
    assert teaching(priors[2:], proposals[2:], min_coverage=0.0) == []
