"""Verbs that look at the exterior map: gaps closed, rings at a level, outlines snapped."""

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.priors import verbs
from napari_glands.settings import PriorSettings
from napari_glands.slides import Grid

SHAPE = (160, 160)
GRID = Grid(SHAPE, SHAPE, 1.0)
WISHES = PriorSettings(smoothing_um=1.0)
Y, X = np.ogrid[: SHAPE[0], : SHAPE[1]]
RADIUS = np.hypot(Y - 80, X - 80)
INSIDE, RING = RADIUS < 30, (RADIUS >= 30) & (RADIUS < 38)
GAP = (X > 80) & (np.abs(Y - 80) < 8)  # to the right, 16 µm wide
NONE = np.zeros(SHAPE, np.int32)
OVER_THE_GAP = np.array([[70, 112], [80, 114], [90, 112]])


def exterior(gap=True, ground=20):
    values = np.full(SHAPE, ground, np.uint8)
    values += np.random.default_rng(0).integers(0, 8, SHAPE, dtype=np.uint8)
    values[RING & ~GAP if gap else RING] = 230
    return values


def overlap(mask):
    return (mask & INSIDE).sum() / (mask | INSIDE).sum()


def test_one_line_over_the_gap_makes_the_prior():
    new = verbs.close_gap(NONE, exterior(), OVER_THE_GAP, 3, GRID, WISHES).applied(NONE)
    assert set(np.unique(new)) == {0, 3}
    assert overlap(new == 3) > 0.85


def test_with_its_rim_the_gland_reaches_over_the_ring():
    args = NONE, exterior(), OVER_THE_GAP, 3, GRID, WISHES
    new = verbs.close_gap(*args, rim_um=8).applied(NONE) == 3
    assert new[RING & ~GAP].mean() > 0.85


def test_a_line_elsewhere_closes_nothing_and_says_so():
    with pytest.raises(GlandsError, match="the border has other gaps too"):
        verbs.close_gap(NONE, exterior(), np.array([[5, 5], [5, 40]]), 1, GRID, WISHES)
    two_gaps = exterior()
    two_gaps[RING & (X < 80) & (np.abs(Y - 80) < 8)] = 20
    with pytest.raises(GlandsError, match="the border has other gaps too"):
        verbs.close_gap(NONE, two_gaps, OVER_THE_GAP, 1, GRID, WISHES)


def test_a_gland_cut_off_by_the_image_is_closed_along_its_border():
    half, grid = exterior(gap=False)[80:], Grid((80, 160), (80, 160), 1.0)
    labels = np.zeros(half.shape, np.int32)
    along = np.array([[-3, 45], [-3, 115]])
    new = verbs.close_gap(labels, half, along, 1, grid, WISHES).applied(labels)
    assert (new[INSIDE[80:]] == 1).mean() > 0.85


def test_neighbours_keep_their_pixels():
    labels = NONE.copy()
    labels[60:100, 20:60] = 9
    new = verbs.close_gap(labels, exterior(), OVER_THE_GAP, 3, GRID, WISHES).applied(labels)
    np.testing.assert_array_equal(new == 9, labels == 9)
    assert (new == 3).any()


def test_the_ring_under_the_mouse_depends_on_the_level():
    values = exterior()
    values[RING & GAP] = 90  # a faint part that counts as exterior only at lenient levels
    finder = verbs.RingFinder(values, GRID, WISHES)
    assert finder.at((80, 80), 0.04) is None
    ring = finder.at((80, 80), 0.075)
    assert ring is not None
    new = verbs.add_ring(NONE, ring, 1, GRID).applied(NONE)
    assert overlap(new == 1) > 0.9
    assert finder.at((5, 5), 0.075) is None, "outside no ring closes"
    assert finder.at((500, 5), 0.075) is None


def test_a_ring_is_not_added_twice():
    ring = verbs.RingFinder(exterior(gap=False), GRID, WISHES).at((80, 80), 0.06)
    new = verbs.add_ring(NONE, ring, 1, GRID).applied(NONE)
    with pytest.raises(GlandsError, match="gland 1 already"):
        verbs.add_ring(new, ring, 2, GRID)
    with pytest.raises(GlandsError, match="gland 1 already"):
        verbs.close_gap(new, exterior(), OVER_THE_GAP, 2, GRID, WISHES)


@pytest.mark.parametrize(("rim", "drawn"), [(False, 25), (False, 34), (True, 33), (True, 42)])
def test_an_outline_snaps_to_its_side_of_the_ring(rim, drawn):
    labels = (drawn > RADIUS).astype(np.int32)
    target = (38 if rim else 30) > RADIUS
    new = verbs.snap(labels, (80, 80), exterior(gap=False), 8, GRID, rim=rim).applied(labels)
    near = np.abs(RADIUS - (38 if rim else 30)) > 1.6  # a pixel either way on the edge itself
    np.testing.assert_array_equal((new == 1)[near], target[near])


def test_where_there_is_no_edge_nothing_snaps():
    labels = (RADIUS < 20).astype(np.int32)
    with pytest.raises(GlandsError, match="no edge within 5 µm"):
        verbs.snap(labels, (80, 80), np.zeros(SHAPE, np.uint8), 5, GRID)
