"""Which of overlapping candidates stay, and how they are painted."""

import pickle

import numpy as np
import pytest

from napari_glands.priors.candidates import Candidate, paint, prior_rows, settle
from napari_glands.priors.rings import Ring
from napari_glands.priors.scores import RingScores
from napari_glands.slides import Grid, Window

WHOLE = Window(0, 0, 20, 20)


def square(y, x, side, solidity=0.9, level=0.2):
    """A square whose score grows with its solidity."""
    box = slice(y, y + side), slice(x, x + side)
    ring = Ring(level, box, np.ones((side, side), bool), solidity)
    return Candidate.of(ring, RingScores(solidity, 1, 1, 1), 0)


def test_of_two_overlapping_candidates_the_better_is_kept():
    (kept,) = settle([square(0, 0, 10, 0.8), square(0, 5, 10, 0.9)])
    assert kept.box == Window(0, 5, 10, 10)
    labels = paint([kept], WHOLE)
    assert labels.dtype == np.int32
    assert (labels[:10, 5:15] == 1).all()
    assert labels.sum() == 100


def test_a_small_overlap_stays_with_the_better_one():
    better, worse = square(0, 0, 10, 0.9), square(0, 9, 10, 0.8)  # 10 of 100 pixels in common
    kept = settle([worse, better])
    labels = paint(kept, WHOLE)
    np.testing.assert_array_equal(np.bincount(labels.ravel())[1:], [100, 90])
    rows = prior_rows(kept, Grid((20, 20), (20, 20), 2.0))
    assert [(row.id, row.state, row.area_um2) for row in rows] == [
        (1, "proposed", 400),
        (2, "proposed", 360),
    ]


def test_the_same_ring_at_two_levels_is_one_of_the_stricter():
    (kept,) = settle([square(2, 2, 10, level=0.3), square(2, 2, 10, level=0.2)])
    assert kept.level == 0.2


def test_the_order_in_which_candidates_come_does_not_matter():
    rng = np.random.default_rng(0)
    found = [square(*rng.integers(0, 60, 2), 6, rng.choice([0.8, 0.9])) for _ in range(200)]
    window = Window(0, 0, 70, 70)
    expected = paint(settle(found), window)
    for _ in range(3):
        rng.shuffle(found)
        np.testing.assert_array_equal(paint(settle(found), window), expected)
    assert expected.max() > 20


def test_windows_show_parts_of_one_picture():
    kept = settle([square(0, 0, 10), square(5, 12, 7)])
    whole = paint(kept, WHOLE)
    for window in (Window(3, 4, 10, 11), Window(15, 0, 5, 20), Window(0, 0, 1, 1)):
        np.testing.assert_array_equal(paint(kept, window), whole[window.slices])


def test_nothing_to_settle():
    assert settle([]) == []
    assert not paint([], WHOLE).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8)])
def test_a_candidate_travels_as_few_bytes(shape):
    mask = np.random.default_rng(0).random(shape) > 0.5
    ring = Ring(0.2, (slice(4, 4 + shape[0]), slice(7, 7 + shape[1])), mask, 0.9)
    found = pickle.loads(pickle.dumps(Candidate.of(ring, RingScores(1, 1, 1, 1), 1)))
    np.testing.assert_array_equal(found.mask, mask)
    assert found.area == mask.sum()
    assert found.bits.nbytes == -(-mask.size // 8)
    assert found.moved(10, 20).box == Window(14, 27, *shape)
