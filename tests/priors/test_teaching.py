"""Which slides teach."""

import numpy as np
import pytest

from napari_glands.priors import Prior, Priors, teaching, with_state
from napari_glands.settings import Settings
from napari_glands.slides import Grid


def priors_of(labels):
    """Proposed priors of one pixel size."""
    table = tuple(
        Prior(int(i), "proposed", 1, 0.0, solidity=1, contrast=1, ring=1, stability=1, level=0.2)
        for i in np.unique(labels[labels > 0])
    )
    grid = Grid(labels.shape, labels.shape, 1.24)
    return Priors("s", grid, labels, table, Settings(), exterior=np.zeros(labels.shape, np.uint8))


def needing(coverage):
    """Settings that ask for a coverage, without a ring around the interiors."""
    return Settings().updated("priors", ring_width_um=0).updated("train", min_coverage=coverage)


@pytest.fixture
def three():
    """Three slides whose priors cover 20 %, 1 % and nothing."""
    priors = []
    for count in (20, 1, 0):
        labels = np.zeros((10, 10), int)
        labels.ravel()[:count] = 1
        priors.append(priors_of(labels))
    return priors


def test_only_well_covered_slides_teach(three):
    assert teaching(three, needing(0.04)) == [0]
    assert teaching(three, needing(0.01)) == [0, 1]


def test_the_exterior_around_a_prior_counts_as_covered(three):
    with_ring = needing(0.04).updated("priors", ring_width_um=3)
    assert teaching(three, with_ring) == [0, 1]


def test_when_none_is_covered_enough_all_with_a_prior_teach(three):
    assert teaching(three, needing(0.5)) == [0, 1]


@pytest.mark.parametrize("state", ["accepted", "edited"])
def test_a_slide_the_user_has_curated_teaches(three, state):
    curated = [three[0], with_state(three[1], [1], state), three[2]]
    assert teaching(curated, needing(0.04)) == [0, 1]


def test_without_any_prior_nothing_teaches(three):
    assert teaching(three[2:], needing(0.0)) == []
