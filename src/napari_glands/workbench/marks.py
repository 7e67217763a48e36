"""The user's strokes that are no objects: background, and what is to be ignored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_glands.workbench.history import Step

__all__ = ["Marks"]


class Marks:
    """The marks of one slide, each stroke of which can be taken back.

    Parameters
    ----------
    values
        uint8 (y, x): 0 nothing, 1 background, 2 ignore; is not written to.
    changed
        Called after every change.
    """

    def __init__(self, values: np.ndarray, changed: Callable[[], None]) -> None:
        self.values, self._changed = values, changed

    def set(self, box: tuple[slice, slice], mask: np.ndarray, value: int, text: str) -> Step | None:
        """Set the marks of the pixels of a box that a mask names; None if none differs."""
        before = self.values[box]
        after = np.where(mask, np.uint8(value), before)
        if np.array_equal(before, after):
            return None
        self._put(box, after)
        return Step(text, lambda: self._put(box, before), lambda: self._put(box, after))

    def _put(self, box: tuple[slice, slice], values: np.ndarray) -> None:
        # A new array: the former one may be on its way to the disk.
        self.values = self.values.copy()
        self.values[box] = values
        self._changed()
