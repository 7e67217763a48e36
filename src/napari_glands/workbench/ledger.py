"""The rows of a labels layer as they are now, kept up to date stroke by stroke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from napari_glands.priors.curated import Curated, Row, State

__all__ = ["Change", "Ledger", "settled"]

C = TypeVar("C", bound=Curated)
Rows = Mapping[int, Row | None]


@dataclass(frozen=True)
class Change:
    """Rows before and after something was done; None for one that is not there."""

    before: Rows
    after: Rows

    def __bool__(self) -> bool:
        return self.before != self.after


class Ledger:
    """The rows of what is being edited.

    Parameters
    ----------
    curated
        As it was loaded.
    """

    def __init__(self, curated: Curated) -> None:
        self._rows: dict[int, Row] = {row.id: row for row in curated.table}
        self._draw = curated.drawn
        self._pixel_area = curated.grid.pixel_area_um2

    @property
    def table(self) -> tuple[Row, ...]:
        """The rows by id."""
        return tuple(self._rows[label] for label in sorted(self._rows))

    def row(self, label: int) -> Row | None:
        """Return the row of an object; None when there is none."""
        return self._rows.get(label)

    def put(self, rows: Rows) -> None:
        """Set rows, or take them away."""
        for label, row in rows.items():
            if row is None:
                self._rows.pop(label, None)
            else:
                self._rows[label] = row

    def decide(self, labels: Iterable[int], state: State) -> Change:
        """Give objects a state; those that are not there are passed over."""
        before = {label: self._rows[label] for label in labels if label in self._rows}
        change = Change(before, {label: replace(row, state=state) for label, row in before.items()})
        self.put(change.after)
        return change

    def take(self, strokes: Sequence[Any]) -> Change:
        """Take what one undoable step of a labels layer did to the pixels.

        Parameters
        ----------
        strokes
            The entries that the layer keeps for undo, in the order in which they were made.
        """
        pixels: Counter[int] = Counter()
        for stroke in strokes:
            old, new = _old_and_new(stroke)
            for label, count in zip(*np.unique(old, return_counts=True), strict=True):
                pixels[int(label)] -= int(count)
            values = np.broadcast_to(np.asarray(new), old.shape)
            for label, count in zip(*np.unique(values, return_counts=True), strict=True):
                pixels[int(label)] += int(count)
        del pixels[0]
        before = {label: self._rows.get(label) for label in pixels}
        change = Change(before, {label: self._edited(label, n) for label, n in pixels.items()})
        self.put(change.after)
        return change

    def _edited(self, label: int, pixels: int) -> Row | None:
        row = self._rows.get(label) or self._draw(label)
        count = round(row.area_um2 / self._pixel_area) + pixels
        if count <= 0:
            return None
        return replace(row, state="edited", area_um2=count * self._pixel_area)


def settled(saved: C, labels: np.ndarray, table: tuple[Row, ...]) -> C:
    """Return what the layer holds, with rows that agree with its pixels.

    Rows that are kept stroke by stroke know everything that went through the layer's tools. What
    came another way, or belongs to a stroke that is not finished, is found by comparison.

    Parameters
    ----------
    saved
        What was saved last.
    labels
        The pixels now.
    table
        The rows now.
    """
    differs = saved.labels != labels
    touched = np.union1d(saved.labels[differs], labels[differs])
    former: dict[int, Row] = {row.id: row for row in saved.table}
    rows = {row.id: row for row in table}
    counted = np.unique(labels[np.isin(labels, touched)], return_counts=True)
    pixels = {int(label): int(count) for label, count in zip(*counted, strict=True)}
    for label in (int(value) for value in touched if value):
        row, area = rows.get(label), pixels.get(label, 0) * saved.grid.pixel_area_um2
        if not area:
            rows.pop(label, None)
        elif row is None or row == former.get(label):
            rows[label] = replace(row or saved.drawn(label), state="edited", area_um2=area)
        else:
            rows[label] = replace(row, area_um2=area)
    gone = set(rows) - set(pixels) - set(former)
    here = {label: row for label, row in rows.items() if label not in gone}
    return replace(saved, labels=labels, table=tuple(here[label] for label in sorted(here)))


def _old_and_new(stroke: Any) -> tuple[np.ndarray, Any]:
    """Return the values before and after, of the pixels that a stroke changed."""
    if hasattr(stroke, "old_values"):
        return np.asarray(stroke.old_values), stroke.new_value
    return np.asarray(stroke[1]), stroke[2]
