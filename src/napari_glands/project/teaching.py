"""What the slides of a project teach: priors, and the user's decisions on the glands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_glands.project.fingerprint import arrays_digest, digest, step_fingerprint
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.project.folder import Project

__all__ = ["decided_glands", "train_fingerprint"]


def decided_glands(project: Project, slide_id: str) -> Glands | None:
    """Load the glands of a slide where the user decided on any; None otherwise."""
    if not project.has_curated_glands(slide_id):
        return None
    glands = project.load_glands(slide_id)
    return glands if glands.decided.any() else None


def train_fingerprint(
    project: Project, settings: Settings, slide_ids: Sequence[str], start: str = ""
) -> str:
    """Return the fingerprint of the model that slides with what is known of them would give.

    Of the glands only the decisions count, so that a new prediction, in which they stay, does not
    make the training out of date. Where nothing was decided, the weight of decisions is left out:
    it changes nothing then.

    Parameters
    ----------
    project
        With the slides.
    settings
        Of all steps.
    slide_ids
        The slides, all with priors.
    start
        Content of the model that it goes on from; empty for none.
    """
    priors = [(project.facts(i, "priors") or {}).get("content", "") for i in slide_ids]
    glands = {i: _digest(decided_glands(project, i)) for i in slide_ids}
    decided = [[i, content] for i, content in glands.items() if content]
    curated = bool(decided) or any(project.has_curated_priors(i) for i in slide_ids)
    idle = {"rounds"} if start else {"go_on_rounds"}
    return step_fingerprint(
        "train",
        settings,
        [project.entry(i) for i in slide_ids],
        [*priors, *(digest(pair) for pair in decided), *([start] if start else [])],
        without={"train": idle if curated else {*idle, "curated_weight"}},
    )


def _digest(glands: Glands | None) -> str:
    """Return the content of the decisions on glands; empty for none."""
    if glands is None:
        return ""
    from napari_glands.priors.curated import DECIDED

    labels = np.where(glands.decided, glands.labels, 0)
    rows = [[row.id, row.state] for row in glands.table if row.state in DECIDED]
    return digest([arrays_digest(labels), rows])
