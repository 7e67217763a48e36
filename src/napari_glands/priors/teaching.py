"""Which slides teach."""

from __future__ import annotations

from collections.abc import Sequence

from napari_glands.priors.prior import Priors
from napari_glands.priors.proposals import gland_area
from napari_glands.settings import Settings

__all__ = ["teaching"]


def teaching(priors: Sequence[Priors], settings: Settings) -> list[int]:
    """Choose the slides that teach round 1.

    Where rings close, "not gland-like" means background; where none closes it says little. So
    only slides teach whose priors, with their exteriors, cover enough of the pixels, and those
    whose priors the user has curated. When no slide reaches the bound, all that have a prior do.

    Returns
    -------
    list of int
        Positions in `priors`; empty when no slide has a prior.
    """
    with_priors = [i for i, p in enumerate(priors) if p.used.any()]
    bound = settings.train.min_coverage
    enough = [
        i
        for i in with_priors
        if _curated(priors[i]) or gland_area(priors[i], settings).mean() >= bound
    ]
    return enough or with_priors


def _curated(priors: Priors) -> bool:
    return any(prior.state in ("accepted", "edited") for prior in priors.table)
