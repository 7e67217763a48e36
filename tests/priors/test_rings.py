"""Closed rings, level by level."""

import numpy as np
import pytest

from napari_glands.priors.ranks import ranked
from napari_glands.priors.rings import (
    Ring,
    closed_rings,
    deeper_than,
    enclosed_by,
    exterior_levels,
    wall_at,
    widened,
)

SHAPE, CENTRE = (100, 100), (50, 50)


def rings_of(wall, min_area=1, max_area=10_000, min_solidity=0.0):
    return list(closed_rings(enclosed_by(wall), 0.2, min_area, max_area, min_solidity))


@pytest.fixture
def gapped(draw):
    """A ring of exterior 1 with a gap of exterior 0.5, on a ground of at most 0.3."""
    values = 0.3 * np.random.default_rng(0).random(SHAPE)
    values[draw.ring(SHAPE, CENTRE, 20, 30)] = 1.0
    gap = draw.ring(SHAPE, CENTRE, 20, 30)
    gap[:46], gap[55:], gap[:, :50] = False, False, False
    values[gap] = 0.5
    return values


def test_levels_run_from_strict_to_lenient():
    np.testing.assert_allclose(exterior_levels(0.15, 0.55, 5), [0.15, 0.25, 0.35, 0.45, 0.55])


def test_a_level_is_the_share_of_the_pixels_that_count_as_exterior():
    values = np.random.default_rng(0).random((50, 40))
    wall = wall_at(ranked(values, np.ones(values.shape, bool)), 0.3)
    assert wall.mean() == pytest.approx(0.3, abs=1e-3)
    assert values[wall].min() > values[~wall].max()


def test_a_closed_ring_is_found_with_what_it_encloses(draw):
    (found,) = rings_of(draw.ring(SHAPE, CENTRE, 20, 30))
    inside = np.zeros(SHAPE, bool)
    inside[found.box] = found.mask
    np.testing.assert_array_equal(inside, draw.disc(SHAPE, CENTRE, 20))
    assert found.area == inside.sum()
    assert found.solidity > 0.95
    assert found.level == 0.2


def test_a_ring_with_a_gap_closes_at_the_level_that_reaches_the_gap(gapped):
    share_without_gap = (gapped == 1).mean()
    share_with_gap = (gapped >= 0.5).mean()
    ranks = ranked(gapped, np.ones(SHAPE, bool))
    assert rings_of(wall_at(ranks, share_without_gap - 0.01)) == []
    (found,) = rings_of(wall_at(ranks, share_with_gap), min_area=100)
    assert found.area > 1000


def test_a_ring_cut_by_the_border_encloses_nothing(draw):
    assert rings_of(draw.ring(SHAPE, (5, 50), 20, 30)) == []
    assert rings_of(draw.ring(SHAPE, (0, 0), 20, 30)) == []


def test_the_area_bounds_hold(draw):
    wall = draw.ring(SHAPE, CENTRE, 20, 30)
    area = int(draw.disc(SHAPE, CENTRE, 20).sum())
    assert len(rings_of(wall, min_area=area, max_area=area)) == 1
    assert rings_of(wall, min_area=area + 1) == []
    assert rings_of(wall, max_area=area - 1) == []


def test_a_ragged_leak_is_not_solid_enough(draw):
    wall = np.ones(SHAPE, bool)
    wall[20:80, 30:35] = wall[70:75, 30:80] = False  # an L-shaped channel
    (found,) = rings_of(wall)
    assert found.solidity < 0.5
    assert rings_of(wall, min_solidity=0.8) == []


def test_an_island_of_exterior_in_the_lumen_is_filled(draw):
    wall = draw.ring(SHAPE, CENTRE, 20, 30) | draw.disc(SHAPE, CENTRE, 4)
    (found,) = rings_of(wall)
    assert found.area == draw.disc(SHAPE, CENTRE, 20).sum()


def test_two_rings_are_two_regions(draw):
    wall = draw.ring(SHAPE, (50, 25), 10, 15) | draw.ring(SHAPE, (50, 70), 10, 15)
    assert enclosed_by(wall).max() == 2
    assert len(rings_of(wall)) == 2


def test_widening_keeps_the_mask_in_place_and_stops_at_the_image():
    ring = Ring(0.2, (slice(1, 3), slice(5, 8)), np.ones((2, 3), bool), 1.0)
    box, mask = widened(ring, 2, (10, 9))
    assert box == (slice(0, 5), slice(3, 9))
    assert mask.shape == (5, 6)
    full = np.zeros((10, 9), bool)
    full[box] = mask
    assert full[1:3, 5:8].all()
    assert full.sum() == 6


def test_depth_is_counted_from_the_edge_of_the_box_too():
    mask = np.ones((7, 9), bool)
    core = deeper_than(mask, 2)
    assert core[2:-2, 2:-2].all()
    assert core.sum() == 3 * 5
