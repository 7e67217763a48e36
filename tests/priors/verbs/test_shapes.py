"""Verbs on glands that are there: the pixels they leave, counted by hand."""

import numpy as np
import pytest
from skimage import measure

from napari_glands.errors import GlandsError
from napari_glands.priors import verbs
from napari_glands.slides import Grid


def grid_of(labels, um=1.0):
    return Grid(labels.shape, labels.shape, um)


def field(shape=(20, 30), **boxes):
    """Rectangles by number: ``g1=np.s_[2:8, 3:9]``."""
    labels = np.zeros(shape, np.int32)
    for name, box in boxes.items():
        labels[box] = int(name[1:])
    return labels


def test_a_line_from_side_to_side_splits_and_parts_do_not_touch():
    labels = field(g1=np.s_[4:14, 4:24], g2=np.s_[16:18, 4:24])
    line = np.array([[2, 10], [15, 10]])
    new = verbs.split(labels, line, 7, grid_of(labels)).applied(labels)
    expected = field(g7=np.s_[4:14, 4:10], g1=np.s_[4:14, 11:24], g2=np.s_[16:18, 4:24])
    np.testing.assert_array_equal(new, expected)
    oblique = verbs.split(labels, np.array([[2, 5], [15, 18]]), 7, grid_of(labels)).applied(labels)
    assert measure.label(np.isin(oblique, (1, 7)), connectivity=2).max() == 2


def test_a_line_that_ends_a_little_short_still_splits():
    labels = field(g1=np.s_[2:18, 4:24])
    line = np.array([[5, 12], [10, 12], [15, 12]])
    new = verbs.split(labels, line, 2, grid_of(labels)).applied(labels)
    assert set(np.unique(new)) == {0, 1, 2}


def test_one_line_splits_all_glands_that_it_crosses():
    labels = field(g3=np.s_[2:8, 4:24], g5=np.s_[10:18, 4:24])
    new = verbs.split(labels, np.array([[0, 10], [19, 10]]), 6, grid_of(labels)).applied(labels)
    assert set(np.unique(new)) == {0, 3, 5, 6, 7}


@pytest.mark.parametrize(
    ("line", "reason"),
    [([[0, 0], [1, 20]], "crosses no gland"), ([[4, 3], [4, 25]], "does not cut gland 1 in two")],
)
def test_a_line_that_splits_nothing_says_why(line, reason):
    labels = field(g1=np.s_[4:14, 4:24])
    with pytest.raises(GlandsError, match=reason):
        verbs.split(labels, np.array(line), 2, grid_of(labels))


def test_a_line_through_touching_glands_merges_them_without_a_new_pixel():
    labels = field(g4=np.s_[4:14, 4:12], g2=np.s_[4:14, 12:20], g9=np.s_[4:14, 22:26])
    new = verbs.merge(labels, np.array([[8, 6], [8, 15]]), grid_of(labels)).applied(labels)
    np.testing.assert_array_equal(new == 4, (labels == 4) | (labels == 2))
    np.testing.assert_array_equal(new == 9, labels == 9)


def test_glands_that_lie_apart_are_joined_by_a_bridge():
    labels = field(g1=np.s_[4:16, 4:10], g2=np.s_[4:16, 16:22])
    new = verbs.merge(labels, np.array([[10, 7], [10, 18]]), grid_of(labels)).applied(labels)
    assert set(np.unique(new)) == {0, 1}
    # 8 µm wide: the line and 4 pixels on either side.
    np.testing.assert_array_equal(np.nonzero(new[:, 13])[0], np.arange(6, 15))


@pytest.mark.parametrize(
    ("line", "reason"), [([[8, 5], [8, 7]], "only one gland"), ([[0, 0], [1, 1]], "no gland")]
)
def test_merging_fewer_than_two_says_why(line, reason):
    labels = field(g1=np.s_[4:14, 4:12])
    with pytest.raises(GlandsError, match=reason):
        verbs.merge(labels, np.array(line), grid_of(labels))


def test_growing_and_shrinking_are_in_micrometres():
    labels = field(g1=np.s_[8:12, 8:12])
    fine = grid_of(labels, 0.5)
    grown = verbs.grow(labels, (9, 9), 1.0, fine).applied(labels)
    # 2 pixels outwards on each side, and the corners within 2 pixels: 4·4 + 4·8 + 4·1.
    assert (grown == 1).sum() == 52
    shrunk = verbs.shrink(labels, (9, 9), 0.5, fine).applied(labels)
    np.testing.assert_array_equal(shrunk, field(g1=np.s_[9:11, 9:11]))


def test_growing_stops_at_the_neighbour():
    labels = field(g1=np.s_[4:14, 4:10], g2=np.s_[4:14, 11:18])
    grown = verbs.grow(labels, (8, 6), 3, grid_of(labels)).applied(labels)
    np.testing.assert_array_equal(grown == 2, labels == 2)
    assert (grown[4:14, 10] == 1).all()


def test_sizes_that_cannot_be_say_why():
    labels = field(g1=np.s_[8:12, 8:12])
    grid = grid_of(labels)
    with pytest.raises(GlandsError, match="would vanish"):
        verbs.shrink(labels, (9, 9), 2, grid)
    with pytest.raises(GlandsError, match=r"one pixel is 1 µm"):
        verbs.grow(labels, (9, 9), 0.4, grid)
    full = np.full((5, 5), 3)
    with pytest.raises(GlandsError, match="no room"):
        verbs.grow(full, (2, 2), 2, grid_of(full))
    for outside in ((0, 0), (500, 3)):
        with pytest.raises(GlandsError, match="no gland here"):
            verbs.grow(labels, outside, 2, grid)


def test_holes_are_filled_but_what_lies_in_them_stays():
    labels = field(g1=np.s_[2:18, 2:28])
    labels[5:9, 5:9] = 0
    labels[12:16, 12:16] = 2
    new = verbs.fill_holes(labels, (3, 3)).applied(labels)
    assert (new[5:9, 5:9] == 1).all()
    np.testing.assert_array_equal(new == 2, labels == 2)
    with pytest.raises(GlandsError, match="Gland 1 has no holes"):
        verbs.fill_holes(new, (3, 3))


def test_smoothing_takes_a_spike_and_keeps_the_body_and_the_neighbour():
    labels = field((40, 60), g1=np.s_[10:30, 10:40], g2=np.s_[10:30, 41:50])
    labels[19:21, 2:10] = 1
    new = verbs.smooth(labels, (15, 15), 6, grid_of(labels)).applied(labels)
    assert not new[19:21, 2:8].any()
    assert (new[14:26, 14:36] == 1).all()
    np.testing.assert_array_equal(new == 2, labels == 2)
    assert abs((new == 1).sum() - 600) < 30


def test_smoothing_away_a_whole_gland_is_refused():
    labels = field(g1=np.s_[9:11, 4:24])
    with pytest.raises(GlandsError, match="would vanish"):
        verbs.smooth(labels, (9, 9), 12, grid_of(labels))


def test_small_ones_and_crumbs_go_but_decisions_stay():
    labels = field(g1=np.s_[2:12, 2:12], g2=np.s_[14:16, 14:16], g3=np.s_[17:19, 20:22])
    labels[1, 25] = 1  # a crumb of a large gland
    grid = grid_of(labels, 2.0)  # 4 µm² a pixel
    new = verbs.remove_small(labels, 17, grid, keep=[3]).applied(labels)
    np.testing.assert_array_equal(new, field(g1=np.s_[2:12, 2:12], g3=np.s_[17:19, 20:22]))
    with pytest.raises(GlandsError, match="nothing smaller than 16 µm²"):
        verbs.remove_small(new, 16, grid)


def test_an_outline_becomes_a_gland_that_leaves_others_alone():
    labels = field(g1=np.s_[2:18, 2:10], g2=np.s_[8:11, 16:19])
    outline = np.array([[4, 6], [4, 24], [15, 24], [15, 6]])
    new = verbs.draw_gland(labels, outline, 5, grid_of(labels)).applied(labels)
    np.testing.assert_array_equal(new == 1, labels == 1)
    assert not (new == 2).any(), "one that lies inside makes room"
    assert (new[5:15, 10:24] == 5).all()


def test_a_slip_of_the_hand_is_no_gland():
    labels = field()
    with pytest.raises(GlandsError, match="next to nothing"):
        verbs.draw_gland(labels, np.array([[4, 4], [5, 5]]), 1, grid_of(labels))
    full = np.ones_like(labels)
    full[:, 15:] = 2
    with pytest.raises(GlandsError, match="already"):
        verbs.draw_gland(full, np.array([[3, 10], [3, 20], [12, 20], [12, 10]]), 9, grid_of(full))


def test_the_brush_is_as_wide_as_it_says():
    labels = field(g1=np.s_[0:20, 0:30])
    grid = grid_of(labels, 0.5)
    new = verbs.erase(labels, np.array([[10, -50], [10, 99]]), 3.0, grid).applied(labels)
    # 3 µm are 6 pixels: the line and 3 pixels on either side.
    np.testing.assert_array_equal(np.nonzero(new[:, 15] == 0)[0], np.arange(7, 14))
    with pytest.raises(GlandsError, match="no gland here to erase"):
        verbs.erase(new, np.array([[10, 10]]), 1.0, grid)


def test_a_new_number_is_free_even_when_the_largest_is_taken():
    labels = field(g1=np.s_[0:2, 0:2], g3=np.s_[4:5, 4:5])
    assert verbs.free_number(labels) == 4
    labels[9, 9] = np.iinfo(np.int32).max
    assert verbs.free_number(labels) == 2
    assert verbs.free_number(np.zeros((2, 2), np.int32)) == 1


def test_a_gland_larger_than_the_first_window_is_taken_whole():
    labels = field((600, 500), g1=np.s_[10:590, 10:490])
    number, box = verbs.gland_at(labels, (300, 300))
    assert (number, box) == (1, np.s_[10:590, 10:490])
