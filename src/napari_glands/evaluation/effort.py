"""What it costs a user to correct the glands of slides, against painting them from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_glands.evaluation.annotator import FROM_SCRATCH, Candidate, Effort, correct, paint
from napari_glands.priors.curated import Curated
from napari_glands.slides.label_resampling import nearest

__all__ = ["effort_table", "efforts", "times_fewer"]


def efforts(glands: Curated, truth: np.ndarray, goal: float) -> dict[str, Effort]:
    """Let the simulated user bring one slide to a goal, in every way.

    Parameters
    ----------
    glands
        Predicted glands, as the review list shows them.
    truth
        int (y, x) true instances, at any resolution.
    goal
        Object F1 at which the user stops.

    Returns
    -------
    dict
        ``"review"`` and the ways of `FROM_SCRATCH`.
    """
    truth = np.asarray(truth, np.int64)
    labels = nearest(glands.labels, truth.shape)
    rows = [Candidate(labels == r.id, r.score, r.state == "doubtful") for r in glands.table]
    painted = {way: paint(truth, goal, cost) for way, cost in FROM_SCRATCH.items()}
    return {"review": correct(rows, truth, goal), **painted}


def effort_table(by_slide: Mapping[str, Mapping[str, Effort]]) -> list[dict[str, Any]]:
    """Return one row per slide, and their sum: object F1 and the number of actions of every way."""
    ways = ("review", *FROM_SCRATCH)
    rows: list[dict[str, Any]] = [
        {
            "slide": name,
            "F1 predicted": round(found["review"].before, 3),
            "F1 reviewed": round(found["review"].after, 3),
            **{way: effort.total for way, effort in found.items()},
        }
        for name, found in by_slide.items()
    ]
    sums = {way: sum(row[way] for row in rows) for way in ways}
    return [*rows, {"slide": "all", "F1 predicted": "", "F1 reviewed": "", **sums}]


def times_fewer(by_slide: Mapping[str, Mapping[str, Effort]], shared: int = 0) -> dict[str, float]:
    """Return how many times more actions each way from scratch takes than the review.

    Parameters
    ----------
    by_slide
        What `efforts` returned, by slide.
    shared
        Actions that all slides together took before the review, such as running the steps.
    """
    totals = {
        way: sum(found[way].total for found in by_slide.values())
        for way in ("review", *FROM_SCRATCH)
    }
    review = totals["review"] + shared
    return {way: totals[way] / review if review else float("inf") for way in FROM_SCRATCH}
