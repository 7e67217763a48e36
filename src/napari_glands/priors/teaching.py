"""Which slides teach."""

from __future__ import annotations

from collections.abc import Sequence

from napari_glands.priors.curated import Curated
from napari_glands.priors.decisions import gland_area, has_taken
from napari_glands.priors.prior import Priors
from napari_glands.settings import Settings

__all__ = ["teaching"]


def teaching(
    priors: Sequence[Priors],
    settings: Settings,
    glands: Sequence[Curated | None] | None = None,
) -> list[int]:
    """Choose the slides that teach round 1.

    Where rings close, "not gland-like" means background; where none closes it says little. So
    only slides teach whose priors, with their exteriors, cover enough of the pixels, and those
    where the user accepted or edited a prior or a gland. When no slide reaches the bound, all that
    have a prior do.

    Parameters
    ----------
    priors
        The priors of each slide.
    settings
        For the bound, and the width of the exteriors.
    glands
        The predicted glands of each slide with the user's decisions, in the same order.

    Returns
    -------
    list of int
        Positions in `priors`; empty when no slide has a prior.
    """
    curated = [
        has_taken(prior) or has_taken(gland)
        for prior, gland in zip(priors, glands or [None] * len(priors), strict=True)
    ]
    with_priors = [i for i, p in enumerate(priors) if curated[i] or p.used.any()]
    bound = settings.train.min_coverage
    enough = [
        i for i in with_priors if curated[i] or gland_area(priors[i], settings).mean() >= bound
    ]
    return enough or with_priors
