"""What can be taken back: one order for strokes in a layer and for decisions on its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["History", "Step"]


@dataclass(frozen=True)
class Step:
    """One thing the user did.

    Attributes
    ----------
    text
        What it was, such as ``"Accept prior 3"``.
    undo, redo
        Take it back, and do it again.
    pixels
        Whether the layer keeps the pixels for it, of which it keeps only so many.
    """

    text: str
    undo: Callable[[], None]
    redo: Callable[[], None]
    pixels: bool = False


class History:
    """The steps in the order in which they were made.

    Parameters
    ----------
    pixel_steps
        How many strokes the layer keeps; with the stroke that it forgets goes all before it.
    """

    def __init__(self, pixel_steps: int = 100) -> None:
        self._most = pixel_steps
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def undo_text(self) -> str:
        """What undo would take back; empty when there is nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What redo would do again; empty when there is nothing."""
        return self._undone[-1].text if self._undone else ""

    def record(self, step: Step) -> None:
        """Append a step that was just done; what had been taken back is gone for good."""
        self._done.append(step)
        self._undone.clear()
        pixels = [index for index, done in enumerate(self._done) if done.pixels]
        if len(pixels) > self._most:
            del self._done[: pixels[0] + 1]

    def undo(self) -> Step | None:
        """Take the latest step back and return it; None when there is none."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        step.undo()
        return step

    def redo(self) -> Step | None:
        """Do again what was taken back last and return it; None when there is nothing."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(step)
        step.redo()
        return step

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
