"""What is done to the layer being edited: strokes, decisions, and taking them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.priors.curated import State
from napari_glands.workbench.history import Step
from napari_glands.workbench.layer_link import LayerLink

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_glands.priors.verbs.edit import Edit

__all__ = ["LayerEditor"]


class LayerEditor(LayerLink):
    """Edits the priors, or the glands, of the slide on show.

    Every edit is one step that can be taken back, whether made with napari's tools or from here.
    """

    # ---- strokes

    def apply(self, edit: Edit, text: str) -> bool:
        """Put new labels into a part of the layer, as one undo step; False if none differed."""
        layer = self._writable_layer()
        if layer is None:
            return False
        before = np.asarray(layer.data)[edit.box]
        rows, columns = np.nonzero(before != edit.labels)
        if not rows.size:
            return False
        indices = (rows + (edit.box[0].start or 0), columns + (edit.box[1].start or 0))
        self._text = text
        try:
            with layer.block_history():
                layer.data_setitem(indices, edit.labels[rows, columns].astype(before.dtype))
        finally:
            self._text = ""
        return True

    def mark(
        self, box: tuple[slice, slice], mask: np.ndarray, value: int, text: str = "Mark"
    ) -> bool:
        """Set the marks of pixels (0 nothing, 1 background, 2 ignore) as one undo step.

        Parameters
        ----------
        box
            Which rows and columns.
        mask
            bool (y, x): which pixels of the box.
        value
            Their marks from now on.
        text
            What undo calls it.

        Returns
        -------
        bool
            Whether any mark differs now.
        """
        if self._marks is None or self._writable_layer() is None:
            return False
        step = self._marks.set(box, mask, value, text)
        if step is not None:
            self._record(step)
        return step is not None

    def _on_stroke(self, event: Any) -> None:
        layer, ledger = self.layer, self._ledger
        if layer is None or ledger is None:
            return
        change = ledger.take(event.value)

        def undo() -> None:
            layer.undo()
            ledger.put(change.before)

        def redo() -> None:
            layer.redo()
            ledger.put(change.after)

        self._record(Step(self._text or "Paint", undo, redo, pixels=True))

    # ---- states

    def set_state(self, labels: Iterable[int], state: State, text: str) -> bool:
        """Give objects a state, as one undo step; False if all had it."""
        ledger = self._ledger
        if ledger is None or self._writable_layer() is None:
            return False
        change = ledger.decide(labels, state)
        if not change:
            return False

        def put(rows: Any) -> None:
            ledger.put(rows)
            self._recolor()

        self._recolor()
        self._record(Step(text, lambda: put(change.before), lambda: put(change.after)))
        return True

    def delete(self, label: int) -> bool:
        """Erase an object, as one undo step."""
        from napari_glands.priors.verbs.edit import Edit

        box = self.box(label)
        if box is None or self.layer is None:
            return False
        part = np.asarray(self.layer.data)[box]
        erased = Edit(box, np.where(part == label, 0, part).astype(np.int32))
        return self.apply(erased, f"Delete {self.noun} {label}")

    def box(self, label: int) -> tuple[slice, slice] | None:
        """Return the rows and columns that an object spans; None when it has no pixels."""
        layer = self.layer
        if layer is None:
            return None
        inside = np.asarray(layer.data) == label
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not rows.size:
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    # ---- taking back

    def undo(self) -> None:
        """Take back what was done last, stroke or decision."""
        self._replay(self.history.undo, "Nothing to undo.")

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._replay(self.history.redo, "Nothing to redo.")

    def _replay(self, replay: Callable[[], Step | None], nothing: str) -> None:
        if self._writable_layer() is None:
            return
        self._replaying = True
        try:
            step = replay()
        finally:
            self._replaying = False
        if step is None:
            self.said.emit(nothing, False)
            return
        self._recolor()
        self._saver.touch()
        self.changed.emit()

    def _record(self, step: Step) -> None:
        self.history.record(step)
        self._saver.touch()
        self.changed.emit()

    def _writable_layer(self) -> Labels | None:
        layer = self.layer
        if layer is None:
            self.said.emit(f"There is no {self.role} layer: show it again first.", True)
        elif not layer.editable:
            self.said.emit(self.reason, True)
            return None
        return layer
