"""The link between the priors in the project and the labels layer in which they are edited.

Whatever the user does to the layer with napari's own tools comes back to the project a moment
after the last stroke. The layer's array is never assigned to: that would make undo stamp old
pixels over new ones.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_glands.priors.prior import STATES, Priors, PriorState
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.projects import autosave_seconds
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_glands.project import Project

__all__ = ["ACCEPT_KEY", "REJECT_KEY", "PriorsEditor"]

ACCEPT_KEY, REJECT_KEY = "Shift-Y", "Shift-N"


class _Held:
    """The priors of one slide as last saved; belongs to the queue's thread once shown.

    Work that is queued keeps the one it was meant for, whichever slide is shown when it runs.
    """

    def __init__(self, project: Project, priors: Priors, content: str) -> None:
        self.project, self.priors, self.content = project, priors, content


class PriorsEditor(QObject):
    """Reads edits back, and changes the states of priors.

    Signals
    -------
    edited
        ``(Priors, content)`` when an edit has reached the disk.
    outdated
        An edit has reached the disk after its layer was replaced: what is shown is not what is
        saved.
    said
        ``(sentence, whether it is a problem)``.
    """

    edited = Signal(object, str)
    outdated = Signal()
    said = Signal(str, bool)

    def __init__(
        self, parent: QObject, viewer: napari.Viewer, tasks: Tasks, layers: SlideLayers
    ) -> None:
        super().__init__(parent)
        self._tasks, self._layers = tasks, layers
        self._layer: weakref.ref[Labels] | None = None
        self._held: _Held | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(1000 * autosave_seconds()))
        self._timer.timeout.connect(self._save)
        viewer.layers.events.removed.connect(self._on_removed)

    # ---- showing

    def show(self, project: Project, priors: Priors, content: str, *, create: bool) -> None:
        """Show the priors of a slide for editing, unless they are."""
        layer = self._layers.show_priors(priors, content, create=create)
        if layer is None:
            return
        self._held = _Held(project, priors, content)
        self._layer = weakref.ref(layer)
        layer.editable = not project.read_only
        # Paint, undo and assignment each announce themselves differently.
        events = layer.events
        for event in (events.paint, events.labels_update, events.set_data, events.data):
            event.connect(self._on_edit)
        layer.bind_key(ACCEPT_KEY, self._on_accept_key, overwrite=True)
        layer.bind_key(REJECT_KEY, self._on_reject_key, overwrite=True)

    def pause(self, paused: bool) -> None:
        """Take no strokes for a while, because they would be left behind."""
        if self.layer is not None and self._held is not None:
            self.layer.editable = not (paused or self._held.project.read_only)

    @property
    def layer(self) -> Labels | None:
        """The layer being edited; None when there is none."""
        return None if self._layer is None else self._layer()

    # ---- saving

    def flush(self) -> None:
        """Save now what waits for its moment."""
        if self._timer.isActive():
            self._timer.stop()
            self._save()

    def _on_edit(self, event: Any = None) -> None:
        # Mere redrawing announces itself like an undo: whether pixels differ is found out later.
        self._timer.start()

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.flush()
            self._layer = None

    def _save(self) -> None:
        from napari_glands.priors import from_labels

        layer = self.layer
        if layer is None:
            return
        labels = np.array(layer.data, dtype=np.int32)

        def read_back(priors: Priors) -> Priors:
            same = np.array_equal(labels, priors.labels)
            return priors if same else from_labels(priors, labels)

        self._change(read_back)

    def _change(self, verb: Callable[[Priors], Priors]) -> None:
        """Apply a verb to the saved priors and save the result, off this thread."""
        held = self._held
        if held is None:
            return

        def work() -> tuple[_Held, Priors, str] | None:
            changed = verb(held.priors)
            if changed is held.priors:
                return None
            held.content = held.project.save_edited_priors(changed, base=held.content)
            held.priors = changed
            return held, changed, held.content

        def failed(message: str) -> None:
            self.said.emit(f"The edits are not saved: {message}", True)

        self._tasks.later(work, self._on_changed, failed)

    def _on_changed(self, result: tuple[_Held, Priors, str] | None) -> None:
        if result is None:
            return
        held, priors, content = result
        if held is not self._held:
            self.outdated.emit()
            return
        self._layers.set_content(priors.slide_id, "priors", content)
        self._layers.recolor_priors(priors)
        self.edited.emit(priors, content)

    # ---- verbs

    def accept_all(self) -> None:
        """Accept every prior that is still only proposed."""
        self.flush()
        self._set_state(
            lambda priors: [p.id for p in priors.table if p.state == "proposed"], "accepted"
        )

    def accept_selected(self) -> None:
        """Accept the prior whose label is selected in the layer."""
        self._set_selected("accepted")

    def reject_selected(self) -> None:
        """Reject the prior whose label is selected in the layer; its pixels stay."""
        self._set_selected("rejected")

    def _set_selected(self, state: PriorState) -> None:
        layer = self.layer
        if layer is None:
            self.said.emit("The priors layer was removed: choose the slide again.", True)
            return
        self.flush()
        label = int(layer.selected_label)
        if not np.any(np.asarray(layer.data) == label):
            self.said.emit("Pick a prior first: press L and click on it.", True)
            return
        self._set_state(lambda priors: [p.id for p in priors.table if p.id == label], state)
        self.said.emit(f"Prior {label} is {state}.", False)

    def _set_state(self, choose: Callable[[Priors], list[int]], state: PriorState) -> None:
        from napari_glands.priors import with_state

        def verb(priors: Priors) -> Priors:
            ids = choose(priors)
            return with_state(priors, ids, state) if ids else priors

        self._change(verb)

    def _on_accept_key(self, layer: Labels) -> None:
        self.accept_selected()

    def _on_reject_key(self, layer: Labels) -> None:
        self.reject_selected()


def count_states(priors: Priors) -> dict[str, int]:
    """Return the number of priors by state, in the order of a prior's life."""
    counts = Counter(prior.state for prior in priors.table)
    return {state: counts.get(state, 0) for state in STATES}
