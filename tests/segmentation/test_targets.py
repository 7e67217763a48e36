"""What each round is taught."""

from dataclasses import replace

import numpy as np

from napari_glands.priors import Prior, Priors
from napari_glands.priors.decisions import BACKGROUND, EXTERIOR, IGNORE, INTERIOR, decisions
from napari_glands.segmentation.targets import first_pseudo_mask, next_pseudo_mask
from napari_glands.settings import Settings
from napari_glands.slides import Grid

# a ring of one pixel
SETTINGS = (
    Settings()
    .updated("priors", ring_width_um=1.3)
    .updated("train", sure_gland=0.6, sure_background=0.4)
)


def priors_of(labels, **states):
    table = tuple(
        Prior(
            int(i),
            states.get(f"p{i}", "proposed"),
            1,
            0.0,
            solidity=1,
            contrast=1,
            ring=1,
            stability=1,
            level=0.2,
        )
        for i in np.unique(labels[labels > 0])
    )
    grid = Grid(labels.shape, labels.shape, 1.24)
    return Priors("s", grid, labels, table, Settings(), exterior=np.zeros(labels.shape, np.uint8))


def next_target(probability, priors, glands=None, settings=SETTINGS):
    decided = decisions(priors, glands, settings)
    return next_pseudo_mask(probability, priors, decided, settings)


def test_exterior_and_interior_are_gland_in_round_one():
    proposal = np.array([[BACKGROUND, EXTERIOR, INTERIOR, IGNORE]], np.uint8)
    mask = first_pseudo_mask(proposal)
    assert mask.tolist() == [[0, 1, 1, 255]]
    assert mask.dtype == np.uint8


def test_sure_answers_teach_and_doubt_is_ignored():
    probability = np.array([[0.0, 0.39, 0.4, 0.5, 0.6, 0.61, 1.0]])
    mask = next_target(probability, priors_of(np.zeros((1, 7), int)))
    assert mask.tolist() == [[0, 0, 255, 255, 255, 1, 1]]


def test_a_hole_in_a_sure_gland_is_gland():
    probability = np.zeros((9, 9))
    probability[2:7, 2:7] = 0.9
    probability[4, 4] = 0.1
    mask = next_target(probability, priors_of(np.zeros((9, 9), int)))
    assert mask[4, 4] == 1
    assert mask.sum() == 25


def test_priors_stand_above_the_network():
    mask = next_target(np.zeros((1, 4)), priors_of(np.array([[1, 0, 0, 0]])))
    assert mask.tolist() == [[1, 1, 0, 0]]


def test_a_rejected_prior_stays_background_whatever_the_network_says():
    labels = np.array([[1, 1, 2, 0]])
    rejected = priors_of(labels, p1="rejected")
    no_ring = SETTINGS.updated("priors", ring_width_um=0)
    mask = next_target(np.ones((1, 4)), rejected, settings=no_ring)
    assert mask.tolist() == [[0, 0, 1, 1]]


def test_strokes_stand_above_priors_and_network():
    found = replace(
        priors_of(np.array([[1, 1, 0, 0, 0, 0]]), p1="accepted"),
        marks=np.array([[0, 2, 0, 0, 1, 2]], np.uint8),
    )
    no_ring = SETTINGS.updated("priors", ring_width_um=0)
    mask = next_target(np.array([[0, 0, 1, 0, 1, 0.0]]), found, settings=no_ring)
    assert mask.tolist() == [[1, 255, 1, 0, 0, 255]]
