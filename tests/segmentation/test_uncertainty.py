"""How sure the network is of each gland."""

import numpy as np
import pytest

from napari_glands.segmentation.uncertainty import certainty, doubt


def test_doubt_is_the_entropy_in_bits():
    values = np.array([[0.0, 0.11, 0.5, 0.89, 1.0]], np.float32)
    half = 0.49992  # H(0.11) = -(0.11 log2 0.11 + 0.89 log2 0.89)
    np.testing.assert_allclose(doubt([values]), [[0, half, 1, half, 0]], atol=1e-4)


def test_sure_glands_score_high_and_doubtful_ones_low():
    labels = np.array([[1, 1, 0, 70_000, 70_000]])
    scores = certainty([np.array([[1.0, 1.0, 0.5, 0.5, 0.89]])], labels)
    assert scores == pytest.approx({1: 1.0, 70_000: 1 - (1 + 0.49992) / 2}, abs=1e-4)


def test_models_that_are_sure_but_disagree_leave_a_doubt():
    labels = np.array([[1, 2]])
    former, now = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
    assert certainty([now, former], labels) == {1: 1.0, 2: 0.0}
    assert certainty([now], labels) == {1: 1.0, 2: 1.0}


def test_maps_kept_as_bytes_count_the_same():
    labels = np.ones((1, 3), np.int32)
    kept = np.array([[255, 128, 0]], np.uint8)
    assert certainty([kept], labels) == pytest.approx(
        certainty([kept / np.float32(255)], labels), abs=1e-6
    )


def test_no_gland_no_score():
    assert certainty([np.zeros((2, 2))], np.zeros((2, 2), np.int32)) == {}
