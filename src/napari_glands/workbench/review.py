"""Looking through priors or glands one by one, and deciding on each."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_glands.priors.curated import State
from napari_glands.workbench.layer_editor import LayerEditor

__all__ = ["ACCEPT_KEY", "REJECT_KEY", "Review"]

ACCEPT_KEY, REJECT_KEY = "Shift-Y", "Shift-N"


class Review(QObject):
    """The decisions on what one editor holds."""

    def __init__(self, parent: QObject, editor: LayerEditor) -> None:
        super().__init__(parent)
        self._editor = editor
        editor.shown.connect(self._on_shown)
        self._on_shown()

    def accept(self) -> None:
        """Accept the selected one."""
        self._decide("accepted")

    def reject(self) -> None:
        """Reject the selected one; its pixels stay."""
        self._decide("rejected")

    def accept_rest(self) -> None:
        """Accept all that are still only proposed."""
        editor = self._editor
        rest = [row.id for row in editor.table if row.state == "proposed"]
        editor.set_state(rest, "accepted", f"Accept {len(rest)} {editor.noun}s")

    def _decide(self, state: State) -> None:
        editor = self._editor
        if editor.layer is None:
            editor.said.emit(f"The {editor.role} layer was removed: choose the slide again.", True)
            return
        label = int(editor.layer.selected_label)
        if editor.row(label) is None:
            editor.said.emit(f"Pick a {editor.noun} first: press L and click on it.", True)
        elif editor.set_state([label], state, f"{state.capitalize()} {editor.noun} {label}"):
            editor.said.emit(f"{editor.noun.capitalize()} {label} is {state}.", False)

    def _on_shown(self) -> None:
        layer = self._editor.layer
        if layer is not None:
            layer.bind_key(ACCEPT_KEY, lambda _: self.accept(), overwrite=True)
            layer.bind_key(REJECT_KEY, lambda _: self.reject(), overwrite=True)
