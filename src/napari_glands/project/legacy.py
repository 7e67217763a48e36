"""Results from before their files were noted: their content says whether they are what was saved.

The content of a result was always kept, as it is what the next steps depend on. Of a large slide it
is the digest of the digests of blocks, which are gone: those are not checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.project.fingerprint import arrays_digest
from napari_glands.project.label_folders import Saved
from napari_glands.stored import digest

__all__ = ["check_exterior", "check_glands", "check_prediction", "check_priors"]


def check_exterior(saved: Saved, clusters: Any, memberships: Any) -> None:
    """Check an exterior map by its content.

    Raises
    ------
    GlandsError
        When it is not what was saved.
    """
    if _to_check(saved, clusters):
        cluster = saved.facts["cluster"]
        _same(saved, digest([arrays_digest(clusters, memberships), cluster]))


def check_priors(saved: Saved, labels: Any, exterior: Any, marks: Any = None) -> None:
    """Check priors like `check_exterior`."""
    if _to_check(saved, labels):
        marked = [] if marks is None or not marks.any() else [arrays_digest(marks)]
        _same(saved, digest([arrays_digest(labels, exterior), saved.facts["table"], *marked]))


def check_glands(saved: Saved, labels: Any) -> None:
    """Check glands with states like `check_exterior`; of those without, see `check_prediction`."""
    facts = saved.facts
    if _to_check(saved, labels) and facts.get("stateful"):
        _same(saved, digest([arrays_digest(labels), facts["table"], facts["prediction"]]))


def check_prediction(saved: Saved, probability: Any, labels: Any) -> None:
    """Check a prediction like `check_exterior`, where its glands are the ones that were found."""
    if _to_check(saved, labels):
        found = saved.facts.get("found")
        if found is None or found == arrays_digest(labels):
            _same(saved, arrays_digest(probability, labels))


def _to_check(saved: Saved, array: Any) -> bool:
    return not saved.files.known and isinstance(array, np.ndarray)


def _same(saved: Saved, content: str) -> None:
    if content != saved.facts["content"]:
        raise GlandsError(f"the arrays in {saved.folder} are not what was saved")
