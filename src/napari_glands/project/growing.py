"""The saved priors of one slide, and what its saved prediction adds to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_glands.project.folder import Project
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.priors.prior import Priors

__all__ = ["grow_saved_priors"]


def grow_saved_priors(project: Project, slide_id: str, settings: Settings) -> tuple[Priors, Priors]:
    """Grow the priors of a slide and save them.

    Returns
    -------
    tuple of Priors
        The former and the new ones: the same object when nothing was added, and nothing saved.
    """
    from napari_glands.priors import grow_priors

    prediction = project.load_prediction(slide_id)

    def grow(priors: Priors) -> Priors:
        grown = grow_priors(priors, prediction.probability, prediction.glands, settings)
        return priors if _alike(priors, grown) else grown

    fingerprint = project.grow_fingerprint(settings, slide_id)
    return project.grow_priors(slide_id, grow, fingerprint=fingerprint)


def _alike(first: Priors, second: Priors) -> bool:
    """Whether two sets of priors of a slide differ in nothing but their numbers.

    Those grown a second time get new ones, which must not make a training out of date.
    """
    kinds = [{replace(p, id=0, area_um2=0.0) for p in priors.table} for priors in (first, second)]
    if kinds[0] != kinds[1]:
        return False
    pairs = (first.labels.astype(np.int64) << 32) + second.labels
    counts = {len(np.unique(values)) for values in (first.labels, second.labels, pairs)}
    return len(first.table) == len(second.table) and len(counts) == 1
