"""What the user corrects in the slide on show: its priors, or the glands of its prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_glands.workbench.layer_editor import LayerEditor
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.review import bind_layer
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.verbs.edit import Edit

__all__ = ["Curation"]


class Curation(QObject):
    """One editor for the priors and one for the glands; the verbs go to the one that is meant.

    That is the one whose layer is, or was last, the active one in the viewer.

    Attributes
    ----------
    priors, glands
        The editors.
    exterior_map
        The exterior of the slide on show, or None.

    Signals
    -------
    edited
        ``(Curated, content)`` when an edit has reached the disk.
    outdated
        What is shown is not what is saved.
    said
        ``(step, sentence, whether it is a problem)``.
    changed
        What is edited, or what can be taken back, is other than before.
    marked
        The background and ignore strokes are others than before.
    dirty_changed
        Whether there are edits that are not saved yet.
    """

    edited = Signal(object, str)
    outdated = Signal()
    said = Signal(str, str, bool)
    changed = Signal()
    marked = Signal()
    dirty_changed = Signal(bool)

    def __init__(
        self, parent: QObject, viewer: napari.Viewer, tasks: Tasks, layers: SlideLayers
    ) -> None:
        super().__init__(parent)
        self.priors = LayerEditor(self, viewer, tasks, layers, "priors")
        self.glands = LayerEditor(self, viewer, tasks, layers, "glands")
        self.exterior_map: ExteriorMap | None = None
        self._editors = (self.priors, self.glands)
        self._layers = layers
        self._meant = self.priors
        self._dirty = False
        for editor in self._editors:
            editor.shown.connect(lambda editor=editor: bind_layer(editor))
            editor.changed.connect(self.changed)
            editor.edited.connect(self.edited)
            editor.outdated.connect(self.outdated)
            editor.dirty_changed.connect(self._on_dirty)
        self.priors.said.connect(lambda text, bad: self.said.emit("priors", text, bad))
        self.glands.said.connect(lambda text, bad: self.said.emit("predict", text, bad))
        self.priors.marked.connect(self.marked)
        viewer.layers.selection.events.active.connect(self._on_active)

    # ---- which

    @property
    def editor(self) -> LayerEditor:
        """The editor of the layer that is meant."""
        if self._meant.layer is not None:
            return self._meant
        return next((e for e in self._editors if e.layer is not None), self._meant)

    def choose(self, editor: LayerEditor) -> None:
        """Make the layer of an editor the one that napari's tools and the verbs work on."""
        self._mean(editor)
        if editor.layer is not None:
            if not editor.layer.visible:  # setting it redraws even a layer that is
                editor.layer.visible = True
            self._layers.select(editor.layer)

    def _mean(self, editor: LayerEditor) -> None:
        if editor is not self._meant:
            self._meant = editor
            self.changed.emit()

    def _on_active(self, event: Any) -> None:
        for editor in self._editors:
            if event.value is not None and event.value is editor.layer:
                self._mean(editor)

    # ---- what is edited

    @property
    def layer(self) -> Labels | None:
        """The layer that is meant; None when there is none."""
        return self.editor.layer

    @property
    def curated(self) -> Any:
        """What the layer holds now, with strokes that are not saved yet; None without a layer.

        Its labels are those of the layer, for reading only; a later stroke changes them.
        """
        return self.editor.curated

    @property
    def exterior(self) -> np.ndarray | None:
        """uint8 (y, x): the exterior map, 0..255; None where there is none of the same grid."""
        curated = self.curated
        if curated is None:
            return None
        priors = self.priors.curated
        if priors is not None and priors.grid == curated.grid:
            return np.asarray(priors.exterior)
        shown = self.exterior_map
        if shown is None or shown.grid != curated.grid:
            return None
        return np.asarray(shown.memberships[shown.cluster - 1])

    # ---- verbs

    def apply(self, edit: Edit, text: str) -> bool:
        """Put new labels into a part of the layer, as one undo step; False if none differed."""
        return self.editor.apply(edit, text)

    def mark(
        self, box: tuple[slice, slice], mask: np.ndarray, value: int, text: str = "Mark"
    ) -> bool:
        """Set marks (0 nothing, 1 background, 2 ignore) as one undo step; they lie with priors."""
        return self.priors.mark(box, mask, value, text)

    def undo(self) -> None:
        """Take back what was done last in the layer, stroke or decision."""
        self.editor.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        self.editor.redo()

    # ---- all editors

    @property
    def dirty(self) -> bool:
        """Whether there are edits that are not saved yet."""
        return any(editor.dirty for editor in self._editors)

    def flush(self) -> None:
        """Save now what is not saved."""
        for editor in self._editors:
            editor.flush()

    def pause(self, paused: bool) -> None:
        """Take no strokes for a while, because they would be left behind."""
        for editor in self._editors:
            editor.pause(paused)

    def _on_dirty(self, _: bool) -> None:
        if self.dirty != self._dirty:
            self._dirty = self.dirty
            self.dirty_changed.emit(self._dirty)
