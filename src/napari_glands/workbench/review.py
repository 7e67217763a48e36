"""Looking through priors or glands one by one, and deciding on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_glands.priors.curated import State
from napari_glands.widgets.review_view import ReviewView
from napari_glands.workbench.flight import fly_to
from napari_glands.workbench.layer_editor import LayerEditor
from napari_glands.workbench.layers import STATE_COLORS
from napari_glands.workbench.thumbnails import Thumbnails

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["KEYS", "Review", "bind_layer", "make_review"]

# With modifiers: the plain keys are napari's.
KEYS = {
    "previous": "Shift-Left",
    "next": "Shift-Right",
    "accept": "Shift-Y",
    "reject": "Shift-N",
    "edit": "Shift-E",
    "delete": "Shift-Delete",
    "undo": "Control-Z",
    "redo": "Control-Shift-Z",
}


def make_review(noun: str) -> ReviewView:
    """Make the panel for priors or glands."""
    keys = {verb: key.replace("-", "+").replace("Control", "Ctrl") for verb, key in KEYS.items()}
    return ReviewView(noun, keys, STATE_COLORS)


class Review(QObject):
    """Ties one panel to the editor of its layer and to the canvas.

    A child of the panel: both, and their connections to the editor, end together.
    """

    def __init__(self, session: Session, view: ReviewView, editor: LayerEditor) -> None:
        super().__init__(view)
        self._session, self.view, self._editor = session, view, editor
        self._thumbnails = Thumbnails(self, session.tasks)
        self._slide = ""
        view.chosen.connect(self.look_at)
        view.verb.connect(self.do)
        view.restore_requested.connect(lambda: session.refresh(create=True))
        session.changed.connect(self.update)
        view.pictures_wanted.connect(self._make_pictures)
        view.appeared.connect(self._choose_layer)
        editor.shown.connect(self._choose_layer)
        editor.changed.connect(self.update)
        editor.edited.connect(self._on_edited)
        editor.dirty_changed.connect(self._on_dirty)
        editor.picked.connect(self.select)
        editor.reviewers.append(self)
        view.destroyed.connect(lambda: editor.reviewers.remove(self))
        self.update()

    def update(self) -> None:
        """Show what the editor holds."""
        editor, curated = self._editor, self._editor.curated
        shown = self._session.shown
        result = None if shown is None else getattr(shown, editor.role)
        self.view.setVisible(curated is not None or result is not None)
        self.view.set_removed(curated is None)
        if curated is None:
            return
        if curated.slide_id != self._slide:
            self._slide = curated.slide_id
            self.view.forget_pictures()
            self.view.show_saved("")
        area = curated.labels.size * curated.grid.pixel_area_um2
        self.view.show_rows(curated.table, area)
        self.view.show_history(editor.history.undo_text, editor.history.redo_text)
        self.view.set_editable(editor.editable)

    # ---- choosing

    def _choose_layer(self) -> None:
        """Let napari's tools and the keys work on the layer whose panel is seen."""
        if self.view.isVisible() and self._editor.layer is not None:
            self._session.curation.choose(self._editor)

    def select(self, label: int) -> None:
        """Make an object the one that the verbs work on, in the panel and in the layer."""
        layer = self._editor.layer
        self.view.show_current(label)
        if layer is not None and self.view.current and layer.selected_label != label:
            layer.selected_label = label

    def look_at(self, label: int) -> None:
        """Select an object and move the camera there."""
        editor, viewer = self._editor, self._session.layers.viewer
        self._session.curation.choose(editor)
        self.select(label)
        box = editor.box(label)
        if viewer is not None and editor.layer is not None and box is not None:
            fly_to(viewer, editor.layer, box)

    # ---- verbs

    def do(self, verb: str) -> None:
        """Do what a button or a key stands for."""
        getattr(self, verb)()

    def next(self) -> None:
        """Go to the object below in the table."""
        self._step(1)

    def previous(self) -> None:
        """Go to the object above in the table."""
        self._step(-1)

    def accept(self) -> None:
        """Accept the selected one and go on."""
        self._decide("accepted", "Accept")

    def reject(self) -> None:
        """Reject the selected one and go on; its pixels stay."""
        self._decide("rejected", "Reject")

    def edit(self) -> None:
        """Take the brush with the selected one."""
        layer = self._editor.layer
        if self._picked() and layer is not None and layer.editable:
            self._session.curation.choose(self._editor)
            layer.selected_label, layer.mode = self.view.current, "paint"

    def delete(self) -> None:
        """Erase the selected one and go on."""
        label = self._picked()
        if label:
            after = self.view.next_open()
            self._editor.delete(label)
            self._go_on(after)

    def accept_rest(self) -> None:
        """Accept all that are still only proposed."""
        editor = self._editor
        rest = [row.id for row in editor.table if row.state == "proposed"]
        if rest:
            editor.set_state(rest, "accepted", f"Accept {len(rest)} {editor.noun}s")

    def undo(self) -> None:
        """Take back what was done last."""
        self._editor.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._editor.redo()

    def _step(self, step: int) -> None:
        label = self.view.neighbour(step)
        if label:
            self.look_at(label)
        else:
            where = "last" if step > 0 else "first"
            self._editor.said.emit(f"This is the {where} {self._editor.noun} of the table.", False)

    def _decide(self, state: State, verb: str) -> None:
        label = self._picked()
        if not label:
            return
        editor, after = self._editor, self.view.next_open()
        editor.set_state([label], state, f"{verb} {editor.noun} {label}")
        editor.said.emit(f"{editor.noun.capitalize()} {label} is {state}.", False)
        self._go_on(after)

    def _go_on(self, after: int) -> None:
        if after:
            self.look_at(after)
        elif all(row.state not in ("proposed", "doubtful") for row in self._editor.table):
            self._editor.said.emit(f"All {self._editor.noun}s of this slide are decided.", False)

    def _picked(self) -> int:
        """Return the selected one; 0, and say what to do, when there is none."""
        if not self.view.current:
            self._editor.said.emit(f"Choose a {self._editor.noun} first: click on it.", True)
        return self.view.current

    # ---- what happened

    def _on_edited(self, curated: Any, content: str) -> None:
        self._make_pictures(self._thumbnails.outdated(curated))
        self.view.show_saved("Edits saved.")

    def _on_dirty(self, dirty: bool) -> None:
        if dirty:
            self.view.show_saved("Saving…")

    def _make_pictures(self, labels: list[int]) -> None:
        shown, saved = self._session.shown, self._editor.saved
        if shown is not None and saved is not None and saved.slide_id == shown.slide.id:
            self._thumbnails.make(shown.slide, saved, labels, self.view.show_picture)


def bind_layer(editor: LayerEditor) -> None:
    """Give the layer of an editor the keys of the review, and clicks that select."""
    layer = editor.layer
    if layer is None:
        return
    for verb, key in KEYS.items():
        layer.bind_key(key, lambda _, verb=verb: _press(editor, verb), overwrite=True)

    def on_mouse(layer: Any, event: Any) -> Iterator[None]:
        tool_took_it = event.handled
        if str(layer.mode) not in ("pan_zoom", "pick") or event.button != 1 or tool_took_it:
            return
        position, dragged = event.position, False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        label = None if dragged else layer.get_value(position, world=True)
        if label:
            editor.picked.emit(int(label))

    def on_label(event: Any) -> None:
        if editor.row(int(layer.selected_label)) is not None:
            editor.picked.emit(int(layer.selected_label))

    layer.mouse_drag_callbacks.append(on_mouse)
    layer.events.selected_label.connect(on_label)


def _press(editor: LayerEditor, verb: str) -> None:
    """Let the panel that is seen do what a key stands for; there may be several, or none."""
    if verb in ("undo", "redo"):
        getattr(editor, verb)()
        return
    seen = [review for review in editor.reviewers if review.view.isVisible()]
    for review in (seen or editor.reviewers)[-1:]:
        review.do(verb)
