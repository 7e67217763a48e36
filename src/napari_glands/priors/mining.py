"""From an exterior map to the priors of a slide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.exterior.maps import ExteriorMap
from napari_glands.priors.channels import ring_channels
from napari_glands.priors.compact import compact_exteriors
from napari_glands.priors.prior import Prior, Priors
from napari_glands.priors.rings import (
    Ring,
    closed_rings,
    exterior_levels,
    resolve_overlaps,
    wall_at,
)
from napari_glands.priors.scores import RingScorer, RingScores
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.settings import PriorSettings, Settings
from napari_glands.slides import Grid, Slide

__all__ = ["mine_priors"]

Scored = list[tuple[Ring, RingScores]]


def mine_priors(
    slide: Slide,
    exterior: ExteriorMap,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> Priors:
    """Sweep the exterior levels, keep well-closed rings, fill them into priors.

    Parameters
    ----------
    slide
        The slide that the map is of.
    exterior
        Its exterior map.
    settings
        Settings of all steps; those of the exterior map when not given.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    Priors
        At the grid of the exterior map; possibly empty.

    Raises
    ------
    GlandsError
        When the map is not of the slide's size.
    Cancelled
        Within one level of a cancel request.
    """
    settings = settings or exterior.settings
    wishes, grid = settings.priors, exterior.grid
    if grid != slide.grid(exterior.settings.general.working_mpp):
        raise GlandsError(
            f"The exterior map of {exterior.slide_id} does not fit the image {slide.name}: run "
            "stage 1 on it again."
        )
    channels = ring_channels(slide, exterior, wishes)
    steps = (wishes.levels + 1) * (len(channels) + wishes.compact)
    done = 0

    def on_level() -> None:
        nonlocal done
        if cancel is not None:
            cancel.check()
        done += 1
        report(Event("priors", done / (steps + 1), f"Sweeping {slide.name}"))

    kept = [found for channel in channels for found in _rings_in(channel, grid, wishes, on_level)]
    if not kept and wishes.compact:
        kept = _pieces_in(channels[0], grid, wishes, on_level)
    labels, table = _painted(kept, grid)
    report(Event("priors", 1.0, f"{len(table)} priors in {slide.name}"))
    map_255 = np.rint(exterior.exterior * 255).astype(np.uint8)
    return Priors(slide.id, grid, labels, table, settings, exterior=map_255)


def _rings_in(
    channel: np.ndarray, grid: Grid, wishes: PriorSettings, on_level: Callable[[], None]
) -> Scored:
    """Sweep one map for closed rings; keep those that are good enough."""
    levels, walls = _walls(channel, wishes, on_level)
    bounds = _area_bounds(grid, wishes)
    rings = [
        ring
        for level, wall in zip(levels, walls, strict=True)
        for ring in closed_rings(wall, level, *bounds, wishes.min_solidity)
    ]
    on_level()
    scorer = RingScorer(channel, walls, grid.pixels(wishes.ring_width_um))
    return _good_enough([(ring, scorer(ring)) for ring in rings], wishes)


def _pieces_in(
    channel: np.ndarray, grid: Grid, wishes: PriorSettings, on_level: Callable[[], None]
) -> Scored:
    """Sweep one map for compact pieces of exterior; keep those that are good enough."""
    levels, walls = _walls(channel, wishes, on_level)
    on_level()
    width = grid.pixels(wishes.ring_width_um)
    pieces = compact_exteriors(channel, walls, levels, *_area_bounds(grid, wishes), width)
    return _good_enough(pieces, wishes)


def _walls(
    channel: np.ndarray, wishes: PriorSettings, on_level: Callable[[], None]
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


def _good_enough(scored: Scored, wishes: PriorSettings) -> Scored:
    return [(r, s) for r, s in scored if s.ring >= wishes.min_ring and s.score >= wishes.min_score]


def _painted(scored: Scored, grid: Grid) -> tuple[np.ndarray, tuple[Prior, ...]]:
    """Resolve overlaps; return the label image and the table."""
    labels, kept = resolve_overlaps(
        [ring for ring, _ in scored], [scores.score for _, scores in scored], grid.shape
    )
    areas = np.bincount(labels.ravel(), minlength=len(kept) + 1) * grid.pixel_area_um2
    rows = (_prior(n + 1, *scored[i], float(areas[n + 1])) for n, i in enumerate(kept))
    return labels, tuple(rows)


def _prior(label: int, ring: Ring, scores: RingScores, area_um2: float) -> Prior:
    return Prior(
        id=label,
        state="proposed",
        score=scores.score,
        solidity=scores.solidity,
        contrast=scores.contrast,
        ring=scores.ring,
        stability=scores.stability,
        level=ring.level,
        area_um2=area_um2,
    )
