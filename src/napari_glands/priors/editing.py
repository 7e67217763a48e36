"""The user's verbs on priors and glands: each returns new ones and leaves the old as they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.priors.curated import STATES, Curated, State

__all__ = ["from_labels", "with_state"]

_LARGEST_LABEL = np.iinfo(np.int32).max

C = TypeVar("C", bound=Curated)


def with_state(curated: C, ids: Iterable[int], state: State) -> C:
    """Set the state of some priors or glands.

    Parameters
    ----------
    curated
        The priors or glands of a slide.
    ids
        Which of them.
    state
        ``"proposed"``, ``"doubtful"``, ``"accepted"``, ``"edited"`` or ``"rejected"``.

    Raises
    ------
    GlandsError
        When the state or an id does not exist.
    """
    chosen, known, noun = set(ids), {row.id for row in curated.table}, curated.noun
    if state not in STATES:
        raise GlandsError(f"A {noun} cannot be {state!r}: choose one of {', '.join(STATES)}.")
    if unknown := sorted(chosen - known):
        raise GlandsError(f"There is no {noun} {unknown[0]} in this slide.")
    table = tuple(replace(r, state=state) if r.id in chosen else r for r in curated.table)
    return replace(curated, table=table)


def from_labels(curated: C, labels: np.ndarray) -> C:
    """Read an edited label image back.

    One whose pixels did not change keeps its row; one that changed becomes ``edited``; a new label
    gets a row of its own, ``edited`` and with score 1; one that was erased is dropped.

    Parameters
    ----------
    curated
        The priors or glands before the edit.
    labels
        Non-negative integers (y, x) of the same shape as ``curated.labels``.

    Raises
    ------
    GlandsError
        When the shape differs, or a label is negative or too large for 32 bits.
    """
    noun = curated.noun
    if labels.shape != curated.labels.shape:
        raise GlandsError(
            f"The edited labels have shape {labels.shape}, the {noun}s {curated.labels.shape}."
        )
    if labels.min(initial=0) < 0:
        raise GlandsError(f"A label of a {noun} cannot be negative: use numbers from 1.")
    if (largest := labels.max(initial=0)) > _LARGEST_LABEL:
        raise GlandsError(f"The label {largest} of a {noun} is too large: use smaller numbers.")
    labels = labels.astype(np.int32)
    before = {row.id: row for row in curated.table}
    touched = _touched(curated.labels, labels)
    table = []
    # Not bincount: its memory grows with the largest label, and a user may paint with any.
    for label, count in zip(*np.unique(labels[labels > 0], return_counts=True), strict=True):
        row = before.get(int(label)) or curated.drawn(int(label))
        if label in touched or label not in before:
            area = float(count * curated.grid.pixel_area_um2)
            row = replace(row, state="edited", area_um2=area)
        table.append(row)
    return replace(curated, labels=labels, table=tuple(table))


def _touched(before: np.ndarray, after: np.ndarray) -> set[int]:
    """Labels that gained or lost a pixel."""
    changed = before != after
    return {int(v) for v in np.union1d(before[changed], after[changed])}
