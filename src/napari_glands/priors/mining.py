"""From an exterior map to the priors of a slide."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.exterior.maps import ExteriorMap
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
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["mine_priors"]


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
    Cancelled
        Within one level of a cancel request.
    """
    settings = settings or exterior.settings
    wishes, grid = settings.priors, exterior.grid
    smooth = ndi.gaussian_filter(exterior.exterior, grid.pixels(wishes.smoothing_um))
    levels = exterior_levels(wishes.strictest, wishes.most_lenient, wishes.levels)
    walls: list[np.ndarray] = []
    rings: list[Ring] = []
    for i, level in enumerate(levels):
        if cancel is not None:
            cancel.check()
        walls.append(wall_at(smooth, level))
        rings += closed_rings(
            walls[-1],
            float(level),
            grid.area_pixels(wishes.min_area_um2),
            grid.area_pixels(wishes.max_area_um2),
            wishes.min_solidity,
        )
        report(Event("priors", (i + 1) / (len(levels) + 1), f"Sweeping {slide.name}"))
    scorer = RingScorer(smooth, walls, grid.pixels(wishes.ring_width_um))
    scored = [(ring, scorer(ring)) for ring in rings]
    scored = [
        (r, s) for r, s in scored if s.ring >= wishes.min_ring and s.score >= wishes.min_score
    ]
    labels, kept = resolve_overlaps(
        [ring for ring, _ in scored], [scores.score for _, scores in scored], grid.shape
    )
    table = tuple(
        _prior(
            label + 1, *scored[i], area_um2=float((labels == label + 1).sum()) * grid.pixel_area_um2
        )
        for label, i in enumerate(kept)
    )
    report(Event("priors", 1.0, f"{len(table)} priors in {slide.name}"))
    map_255 = np.rint(exterior.exterior * 255).astype(np.uint8)
    return Priors(slide.id, grid, labels, table, map_255, settings)


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
