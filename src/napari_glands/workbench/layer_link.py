"""The link between what a slide's project holds and the labels layer that shows it.

Whatever the user does to the layer with napari's own tools comes back to the project a moment
after the last stroke. The layer's array is never assigned to: that would make undo stamp old
pixels over new ones.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_glands.priors.curated import Curated, Row, State
from napari_glands.workbench.autosave import Autosave
from napari_glands.workbench.history import History
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.ledger import Ledger
from napari_glands.workbench.marks import Marks
from napari_glands.workbench.saver import Held, Role, Saver, Snapshot
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_glands.project import Project

__all__ = ["LayerLink"]


class LayerLink(QObject):
    """Shows what is edited, knows what the layer holds at any moment, and has it saved.

    Attributes
    ----------
    role, noun
        Of the layer, and what one of its objects is called.
    history
        What can be taken back.
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
        self._layers = layers
        self._layer: weakref.ref[Labels] | None = None
        self._ledger: Ledger | None = None
        self._marks: Marks | None = None
        self._colored: dict[int, State] = {}
        self._text = ""
        self._replaying = False
        self._saver = Saver(self, tasks, role, self._take)
        self._saver.saved.connect(self._on_saved)
        self._saver.clean.connect(self._on_clean)
        self._saver.outdated.connect(self.outdated)
        self._saver.dirty_changed.connect(self.dirty_changed)
        self._saver.failed.connect(lambda text: self.said.emit(text, True))
        viewer.layers.events.removed.connect(self._on_removed)

    # ---- showing

    def show(self, project: Project, curated: Curated, content: str, *, create: bool) -> None:
        """Show what a slide has for editing, unless it is."""
        layers: Any = self._layers
        show = layers.show_priors if self.role == "priors" else layers.show_glands
        layer: Labels | None = show(curated, content, create=create)
        if layer is None:
            return
        self._layer = weakref.ref(layer)
        self._ledger = Ledger(curated)
        marks = getattr(curated, "marks", None)
        self._marks = None if marks is None else Marks(marks, self.marked.emit)
        self._colored = {row.id: row.state for row in curated.table}
        self.history.clear()
        layer.editable = not project.read_only
        self._connect(layer)
        self._saver.hold(Held(project, curated, content))
        self.shown.emit()
        self.changed.emit()
        self.marked.emit()

    def _connect(self, layer: Labels) -> None:
        events = layer.events
        events.paint.connect(self._on_stroke)
        events.labels_update.connect(self._on_pixels)
        # Undo, and mere redrawing: whether pixels differ is found out later.
        events.set_data.connect(self._on_redrawn)
        events.data.connect(self._on_assigned)

    def _on_stroke(self, event: Any) -> None:
        """Take what a stroke did to the rows."""
        raise NotImplementedError

    def _on_pixels(self, event: Any) -> None:
        """Note that a stroke goes on."""
        if not self._replaying:
            self._saver.touch()

    def _on_redrawn(self, event: Any) -> None:
        if not self._replaying:
            self._saver.suspect()

    def _on_assigned(self, event: Any) -> None:
        """Note other pixels, over which former ones must not be stamped."""
        self.history.clear()
        self._saver.suspect()
        self.changed.emit()

    def pause(self, paused: bool) -> None:
        """Take no strokes for a while, because they would be left behind."""
        held = self._saver.held
        if self.layer is not None and held is not None:
            editable = not (paused or held.project.read_only)
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
        held = self._saver.held
        if self.editable or held is None:
            return ""
        return held.project.read_only_reason or "A project is being opened: wait a moment."

    @property
    def saved(self) -> Any:
        """What was saved last; None before there was anything."""
        held = self._saver.held
        return None if held is None else held.curated

    @property
    def curated(self) -> Any:
        """What the layer holds now, with strokes that are not saved yet; None without a layer.

        Its labels are those of the layer, for reading only; a later stroke changes them.
        """
        layer, held, ledger = self.layer, self._saver.held, self._ledger
        if layer is None or held is None or ledger is None:
            return None
        labels = np.asarray(layer.data).view()
        labels.flags.writeable = False
        now = replace(held.curated, labels=labels, table=ledger.table)
        return now if self._marks is None else replace(now, marks=self._marks.values)

    @property
    def table(self) -> tuple[Row, ...]:
        """The rows as they are now."""
        return () if self._ledger is None or self.layer is None else self._ledger.table

    def row(self, label: int) -> Row | None:
        """Return the row of an object as it is now; None when there is none."""
        return None if self._ledger is None else self._ledger.row(label)

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

    @property
    def dirty(self) -> bool:
        """Whether there are edits that are not saved yet."""
        return self._saver.dirty

    @property
    def autosave(self) -> Autosave:
        """When they will be saved."""
        return self._saver.autosave

    def flush(self) -> None:
        """Save now what is not saved."""
        self._saver.flush()

    def _take(self) -> Snapshot | None:
        layer, ledger = self.layer, self._ledger
        if layer is None or ledger is None:
            return None
        marks = None if self._marks is None else self._marks.values
        return Snapshot(np.array(layer.data, dtype=np.int32), ledger.table, marks)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.flush()
            self._layer = None
            self.history.clear()
            self.changed.emit()

    def _on_saved(self, curated: Curated, content: str) -> None:
        self._layers.set_content(curated.slide_id, self.role, content)
        self.edited.emit(curated, content)

    def _on_clean(self, saved: Curated) -> None:
        """Take over rows that were found by comparison."""
        ledger = self._ledger
        if ledger is not None and ledger.table != saved.table:
            here, there = ({row.id: row for row in t} for t in (ledger.table, saved.table))
            ledger.put({label: there.get(label) for label in {*here, *there}})
            self.changed.emit()
        self._recolor()
