"""The user's verbs on priors: each returns new priors and leaves the old ones as they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.priors.prior import STATES, Prior, Priors, PriorState

__all__ = ["from_labels", "with_state"]

_LARGEST_LABEL = np.iinfo(np.int32).max


def with_state(priors: Priors, ids: Iterable[int], state: PriorState) -> Priors:
    """Set the state of some priors.

    Parameters
    ----------
    priors
        The priors of a slide.
    ids
        Which of them.
    state
        ``"proposed"``, ``"accepted"``, ``"edited"`` or ``"rejected"``.

    Raises
    ------
    GlandsError
        When the state or an id does not exist.
    """
    chosen, known = set(ids), {prior.id for prior in priors.table}
    if state not in STATES:
        raise GlandsError(f"A prior cannot be {state!r}: choose one of {', '.join(STATES)}.")
    if unknown := sorted(chosen - known):
        raise GlandsError(f"There is no prior {unknown[0]} in this slide.")
    table = tuple(replace(p, state=state) if p.id in chosen else p for p in priors.table)
    return replace(priors, table=table)


def from_labels(priors: Priors, labels: np.ndarray) -> Priors:
    """Read an edited label image back.

    A prior whose pixels did not change keeps its row; one that changed becomes ``edited``; a new
    label gets a row of its own, ``edited`` and with score 1; one that was erased is dropped.

    Parameters
    ----------
    priors
        The priors before the edit.
    labels
        Non-negative integers (y, x) of the same shape as ``priors.labels``.

    Raises
    ------
    GlandsError
        When the shape differs, or a label is negative or too large for 32 bits.
    """
    if labels.shape != priors.labels.shape:
        raise GlandsError(
            f"The edited labels have shape {labels.shape}, the priors {priors.labels.shape}."
        )
    if labels.min(initial=0) < 0:
        raise GlandsError("A label of a prior cannot be negative: use numbers from 1.")
    if (largest := labels.max(initial=0)) > _LARGEST_LABEL:
        raise GlandsError(f"The label {largest} of a prior is too large: use smaller numbers.")
    labels = labels.astype(np.int32)
    before = {prior.id: prior for prior in priors.table}
    touched = _touched(priors.labels, labels)
    table = []
    # Not bincount: its memory grows with the largest label, and a user may paint with any.
    for label, count in zip(*np.unique(labels[labels > 0], return_counts=True), strict=True):
        row = before.get(int(label)) or _drawn_by_hand(int(label))
        if label in touched or label not in before:
            area = float(count * priors.grid.pixel_area_um2)
            row = replace(row, state="edited", area_um2=area)
        table.append(row)
    return replace(priors, labels=labels, table=tuple(table))


def _touched(before: np.ndarray, after: np.ndarray) -> set[int]:
    """Labels that gained or lost a pixel."""
    changed = before != after
    return {int(v) for v in np.union1d(before[changed], after[changed])}


def _drawn_by_hand(label: int) -> Prior:
    return Prior(label, "edited", 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
