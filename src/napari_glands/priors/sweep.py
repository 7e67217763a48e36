"""The sweep over exterior levels: what closes at any of them, and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from napari_glands.priors.candidates import Candidate
from napari_glands.priors.compact import compact_exteriors
from napari_glands.priors.rings import Ring, closed_rings, enclosed_by, exterior_levels, wall_at
from napari_glands.priors.scores import RingScorer, RingScores
from napari_glands.settings import PriorSettings
from napari_glands.slides import Grid

__all__ = ["OnLevel", "pieces_in", "rings_in"]

OnLevel = Callable[[], None]


def rings_in(
    channels: Sequence[np.ndarray], grid: Grid, wishes: PriorSettings, on_level: OnLevel
) -> list[Candidate]:
    """Sweep maps for closed rings; keep those that are good enough.

    Parameters
    ----------
    channels
        float (y, x) in [0, 1], by rank; see `ring_channels`.
    grid
        Of the slide, for the pixel size.
    wishes
        Levels and bounds.
    on_level
        Called before each level and before the scoring.

    Returns
    -------
    list of Candidate
        In pixels of the maps.
    """
    least = wishes.min_score, wishes.min_stain_score
    return [
        Candidate.of(ring, scores, number)
        for number, channel in enumerate(channels)
        for ring, scores in _rings(channel, grid, wishes, on_level)
        if _good_enough(scores, wishes, least[number])
    ]


def pieces_in(
    channel: np.ndarray, grid: Grid, wishes: PriorSettings, on_level: OnLevel
) -> list[Candidate]:
    """Sweep one map for compact pieces of exterior; keep those that are good enough.

    Parameters and result are those of `rings_in`.
    """
    levels, walls = _walls(channel, wishes, on_level)
    on_level()
    width = grid.pixels(wishes.ring_width_um)
    pieces = compact_exteriors(channel, walls, levels, *_area_bounds(grid, wishes), width)
    least = wishes.min_score
    return [Candidate.of(*piece, 0) for piece in pieces if _good_enough(piece[1], wishes, least)]


def _rings(
    channel: np.ndarray, grid: Grid, wishes: PriorSettings, on_level: OnLevel
) -> list[tuple[Ring, RingScores]]:
    levels, walls = _walls(channel, wishes, on_level)
    bounds = _area_bounds(grid, wishes)
    regions = [enclosed_by(wall) for wall in walls]
    rings = [
        ring
        for level, enclosed in zip(levels, regions, strict=True)
        for ring in closed_rings(enclosed, level, *bounds, wishes.min_solidity)
    ]
    on_level()
    clear = walls[len(walls) // 2]
    scorer = RingScorer(channel, clear, regions, grid.pixels(wishes.ring_width_um))
    return [(ring, scorer(ring)) for ring in rings]


def _walls(
    channel: np.ndarray, wishes: PriorSettings, on_level: OnLevel
) -> tuple[list[float], list[np.ndarray]]:
    """The levels of the sweep, and what counts as exterior at each."""
    levels = exterior_levels(wishes.strictest, wishes.most_lenient, wishes.levels).tolist()
    walls = []
    for level in levels:
        on_level()
        walls.append(wall_at(channel, level))
    return levels, walls


def _area_bounds(grid: Grid, wishes: PriorSettings) -> tuple[float, float]:
    return grid.area_pixels(wishes.min_area_um2), grid.area_pixels(wishes.max_area_um2)


def _good_enough(scores: RingScores, wishes: PriorSettings, least: float) -> bool:
    return scores.ring >= wishes.min_ring and scores.score >= least
