"""The link between what a slide's project holds and the labels layer in which it is edited.

Whatever the user does to the layer with napari's own tools comes back to the project a moment
after the last stroke. The layer's array is never assigned to: that would make undo stamp old
pixels over new ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_glands.priors.curated import Curated, Row, State
from napari_glands.workbench.autosave import Autosave
from napari_glands.workbench.history import History, Step
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.ledger import Ledger, settled
from napari_glands.workbench.projects import autosave_seconds
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_glands.priors.verbs.edit import Edit
    from napari_glands.project import Project

__all__ = ["LayerEditor"]

Role = Literal["priors", "glands"]


class _Held:
    """What is edited as last saved; belongs to the queue's thread once shown.

    Work that is queued keeps the one it was meant for, whichever slide is shown when it runs.
    """

    def __init__(self, project: Project, curated: Any, content: str) -> None:
        self.project, self.curated, self.content = project, curated, content

    def save(self, curated: Any, role: Role) -> None:
        project: Any = self.project
        save = project.save_edited_priors if role == "priors" else project.save_edited_glands
        self.content = save(curated, base=self.content)
        self.curated = curated


class LayerEditor(QObject):
    """Reads edits of one layer back, changes states, and takes both back.

    Attributes
    ----------
    role, noun
        Of the layer, and what one of its objects is called.
    history
        What can be taken back.
    dirty
        Whether there are edits that are not saved yet.
    autosave
        When they will be.
    reviewers
        The panels that look through the objects.

    Signals
    -------
    shown
        There is another layer.
    picked
        An object was clicked in the canvas.
    edited
        ``(Curated, content)`` when an edit has reached the disk.
    outdated
        An edit has reached the disk after its layer was replaced: what is shown is not what is
        saved.
    changed
        Rows, or what can be taken back, are others than before.
    marked
        The strokes that are no objects are others than before.
    dirty_changed
        Whether there are edits that are not saved yet.
    said
        ``(sentence, whether it is a problem)``.
    """

    shown = Signal()
    picked = Signal(int)
    edited = Signal(object, str)
    outdated = Signal()
    changed = Signal()
    marked = Signal()
    dirty_changed = Signal(bool)
    said = Signal(str, bool)

    def __init__(
        self, parent: QObject, viewer: napari.Viewer, tasks: Tasks, layers: SlideLayers, role: Role
    ) -> None:
        super().__init__(parent)
        self.role: Role = role
        self.noun = role.removesuffix("s")
        self.history = History()
        self.reviewers: list[Any] = []
        self.dirty = False
        self.autosave = Autosave(self, autosave_seconds())
        self.autosave.due.connect(self._save)
        self._tasks, self._layers = tasks, layers
        self._layer: weakref.ref[Labels] | None = None
        self._held: _Held | None = None
        self._ledger: Ledger | None = None
        self._marks: np.ndarray | None = None
        self._colored: dict[int, State] = {}
        self._text = ""
        self._edits = 0
        self._replaying = False
        viewer.layers.events.removed.connect(self._on_removed)

    # ---- showing

    def show(self, project: Project, curated: Curated, content: str, *, create: bool) -> None:
        """Show what a slide has for editing, unless it is."""
        layers: Any = self._layers
        show = layers.show_priors if self.role == "priors" else layers.show_glands
        layer: Labels | None = show(curated, content, create=create)
        if layer is None:
            return
        self._held = _Held(project, curated, content)
        self._layer = weakref.ref(layer)
        self._ledger = Ledger(curated)
        marks = getattr(curated, "marks", None)
        self._marks = None if marks is None else marks.copy()
        self._colored = {row.id: row.state for row in curated.table}
        self.history.clear()
        layer.editable = not project.read_only
        events = layer.events
        events.paint.connect(self._on_stroke)
        events.labels_update.connect(self._on_pixels)
        # Undo, assignment, and mere redrawing: whether pixels differ is found out later.
        events.set_data.connect(self._on_redrawn)
        events.data.connect(self._on_redrawn)
        self._set_dirty(False)
        self.shown.emit()
        self.changed.emit()
        self.marked.emit()

    def pause(self, paused: bool) -> None:
        """Take no strokes for a while, because they would be left behind."""
        if self.layer is not None and self._held is not None:
            editable = not (paused or self._held.project.read_only)
            if editable != self.layer.editable:
                self.layer.editable = editable  # the layer forgets its strokes
                self.history.clear()
                self.changed.emit()

    @property
    def layer(self) -> Labels | None:
        """The layer being edited; None when there is none."""
        return None if self._layer is None else self._layer()

    @property
    def editable(self) -> bool:
        """Whether edits are taken now."""
        layer = self.layer
        return layer is not None and bool(layer.editable)

    @property
    def reason(self) -> str:
        """Why no edits are taken; empty when they are."""
        if self.editable or self._held is None:
            return ""
        return self._held.project.read_only_reason or "A project is being opened: wait a moment."

    @property
    def saved(self) -> Any:
        """What was saved last; None before there was anything."""
        return None if self._held is None else self._held.curated

    @property
    def curated(self) -> Any:
        """What the layer holds now, with strokes that are not saved yet; None without a layer.

        Its labels are those of the layer, for reading only; a later stroke changes them.
        """
        layer, held, ledger = self.layer, self._held, self._ledger
        if layer is None or held is None or ledger is None:
            return None
        labels = np.asarray(layer.data).view()
        labels.flags.writeable = False
        now = replace(held.curated, labels=labels, table=ledger.table)
        return now if self._marks is None else replace(now, marks=self._marks)

    @property
    def table(self) -> tuple[Row, ...]:
        """The rows as they are now."""
        return () if self._ledger is None or self.layer is None else self._ledger.table

    def row(self, label: int) -> Row | None:
        """Return the row of an object as it is now; None when there is none."""
        return None if self._ledger is None else self._ledger.row(label)

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
        """Set the marks of pixels, as one undo step.

        Parameters
        ----------
        box
            Which rows and columns.
        mask
            bool (y, x): which pixels of the box.
        value
            0 nothing, 1 background, 2 ignore.
        text
            What undo calls it.

        Returns
        -------
        bool
            Whether any mark differs now.
        """
        marks = self._marks
        if marks is None or self._writable_layer() is None:
            return False
        before = marks[box].copy()
        after = np.where(mask, np.uint8(value), before)
        if np.array_equal(before, after):
            return False

        def put(values: np.ndarray) -> None:
            # A new array: the former one may be on its way to the disk.
            self._marks = marks_now = self._marks.copy()  # type: ignore[union-attr]
            marks_now[box] = values
            self.marked.emit()

        put(after)
        self._record(Step(text, lambda: put(before), lambda: put(after)))
        return True

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

    def _on_pixels(self, event: Any) -> None:
        """Note that a stroke goes on."""
        if not self._replaying:
            self._touch()

    def _on_redrawn(self, event: Any) -> None:
        if not self._replaying:
            self._edits += 1
            self.autosave.touch()

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
        self._touch()
        self.changed.emit()

    def _record(self, step: Step) -> None:
        self.history.record(step)
        self._touch()
        self.changed.emit()

    def _writable_layer(self) -> Labels | None:
        layer = self.layer
        if layer is None:
            self.said.emit(f"There is no {self.role} layer: show it again first.", True)
        elif not layer.editable:
            self.said.emit(self.reason, True)
            return None
        return layer

    def _recolor(self) -> None:
        """Show the states, unless they are shown: it redraws the whole layer."""
        curated, states = self.curated, {row.id: row.state for row in self.table}
        if curated is None or states == self._colored:
            return
        self._colored = states
        self._replaying, before = True, self._replaying
        try:
            self._layers.recolor(self.role, curated)
        finally:
            self._replaying = before

    # ---- saving

    def flush(self) -> None:
        """Save now what is not saved."""
        if self.autosave.waiting:
            self.autosave.flush()
        elif self.dirty:
            self._save()

    def _touch(self) -> None:
        self._edits += 1
        self.autosave.touch()
        self._set_dirty(True)

    def _set_dirty(self, dirty: bool) -> None:
        if dirty != self.dirty:
            self.dirty = dirty
            self.dirty_changed.emit(dirty)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.flush()
            self._layer = None
            self.history.clear()
            self.changed.emit()

    def _save(self) -> None:
        """Save what the layer holds, off this thread."""
        layer, held, ledger, edits = self.layer, self._held, self._ledger, self._edits
        if layer is None or held is None or ledger is None:
            return
        labels = np.array(layer.data, dtype=np.int32)
        table, marks, role = ledger.table, self._marks, self.role

        def work() -> tuple[_Held, bool, int]:
            former = held.curated
            curated = settled(former, labels, table)
            if marks is not None:
                curated = replace(curated, marks=marks)
            differs = not _same(former, curated)
            if differs:
                held.project.keep_version(curated.slide_id, role)
                held.save(curated, role)
            return held, differs, edits

        def failed(message: str) -> None:
            self.said.emit(f"The edits are not saved: {message}", True)

        self._tasks.later(work, self._on_saved, failed)

    def _on_saved(self, result: tuple[_Held, bool, int]) -> None:
        held, differs, edits = result
        curated, content = held.curated, held.content
        # Content that is not known: there was another result, and the decisions went over to it.
        if differs and (held is not self._held or not content):
            self.outdated.emit()
        if held is not self._held:
            return
        if edits == self._edits:
            self._set_dirty(False)
            self._adopt(curated)
        if differs:
            self._layers.set_content(curated.slide_id, self.role, content)
            self.edited.emit(curated, content)

    def _adopt(self, saved: Curated) -> None:
        """Take over rows that were found by comparison."""
        ledger = self._ledger
        if ledger is not None and ledger.table != saved.table:
            here, there = ({row.id: row for row in t} for t in (ledger.table, saved.table))
            ledger.put({label: there.get(label) for label in {*here, *there}})
            self.changed.emit()
        self._recolor()


def _same(former: Any, now: Any) -> bool:
    return (
        former.table == now.table
        and np.array_equal(former.labels, now.labels)
        and np.array_equal(getattr(former, "marks", ()), getattr(now, "marks", ()))
    )
