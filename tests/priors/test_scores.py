"""The cues of a ring and how they fold into one score."""

import numpy as np
import pytest

from napari_glands.priors.rings import closed_rings, enclosed_by
from napari_glands.priors.scores import RingScorer, RingScores, Stability, fold

SHAPE, CENTRE = (100, 100), (50, 50)


def only_ring(wall):
    (found,) = closed_rings(enclosed_by(wall), 0.2, 1, 10_000, 0)
    return found


def score(values, walls, ring, width):
    regions = [enclosed_by(wall) for wall in walls]
    return RingScorer(values, walls[len(walls) // 2], regions, width)(ring)


def test_the_score_is_the_geometric_mean_of_the_cues():
    # contrast 0.2 is half of what counts as full; stability 0.5 counts (0.5 + 0.25)
    assert fold(0.9, 0.2, 0.8, 0.5) == pytest.approx((0.9 * 0.5 * 0.8 * 0.75) ** 0.25)
    assert fold(1, 1, 1, 1) == 1
    assert RingScores(0.9, 0.2, 0.8, 0.5).score == fold(0.9, 0.2, 0.8, 0.5)


@pytest.mark.parametrize("cues", [(0, 1, 1, 1), (1, 0, 1, 1), (1, -0.4, 1, 1), (1, 1, 0, 1)])
def test_each_of_solidity_contrast_and_completeness_can_veto(cues):
    assert fold(*cues) == 0


def test_instability_lowers_the_score_without_a_veto():
    assert 0 < fold(1, 1, 1, 0) < fold(1, 1, 1, 0.5) < fold(1, 1, 1, 1)


def test_contrast_is_the_ring_minus_the_interior(draw):
    values = np.full(SHAPE, 0.5)
    values[draw.disc(SHAPE, CENTRE, 20)] = 0.1
    wall = draw.ring(SHAPE, CENTRE, 20, 30)
    values[wall] = 0.9
    scores = score(values, [wall], only_ring(wall), 5)
    assert scores.contrast == pytest.approx(0.8)
    assert scores.score == fold(scores.solidity, 0.8, scores.ring, scores.stability)


def test_a_ring_with_clear_exterior_all_round_is_complete(draw):
    wall = draw.ring(SHAPE, CENTRE, 20, 30)
    assert score(wall.astype(float), [wall], only_ring(wall), 6).ring == 1


def test_completeness_is_the_share_of_the_outline_that_is_backed(draw):
    closed = draw.ring(SHAPE, CENTRE, 20, 30)
    half = closed.copy()
    half[:, 50:] = False  # at the level in the middle of the sweep only the left half is exterior
    scores = score(closed.astype(float), [half, half, closed], only_ring(closed), 4)
    assert scores.ring == pytest.approx(0.5, abs=0.05)


def test_stability_is_the_share_of_levels_that_enclose_the_same(draw):
    ring = draw.ring(SHAPE, CENTRE, 20, 30)
    smaller = draw.ring(SHAPE, CENTRE, 16, 30)  # 16² / 20² = 0.64 of the area: the same region
    tiny = draw.ring(SHAPE, CENTRE, 10, 30)  # 10² / 20² = 0.25: another
    leaking = ring.copy()
    leaking[50, 50:] = False
    regions = [enclosed_by(wall) for wall in (leaking, ring, smaller, tiny)]
    assert Stability(regions)(only_ring(ring)) == 2 / 4


def test_a_region_that_grew_together_with_another_is_not_the_same(draw):
    first, second = draw.disc(SHAPE, (50, 30), 12), draw.disc(SHAPE, (50, 60), 12)
    apart = ~(first | second)
    joined = apart.copy()
    joined[48:53, 30:60] = False
    regions = [enclosed_by(apart), enclosed_by(joined)]
    for ring in closed_rings(enclosed_by(apart), 0.2, 1, 10_000, 0):
        assert Stability(regions)(ring) == 1 / 2
