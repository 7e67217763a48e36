"""The third step: gland candidates, inspected and corrected by the user."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QGridLayout, QPushButton

from napari_glands.settings import PriorSettings
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import sentence

__all__ = ["PriorsView"]


class PriorsView(StepView):
    """Mine priors, see how many there are in which state, accept or reject them.

    Signals
    -------
    accept_all_requested, accept_requested, reject_requested
        All proposed priors, or the one selected in the layer.
    grow_requested
        Take what the network is sure of into the priors.
    """

    accept_all_requested = Signal()
    accept_requested = Signal()
    reject_requested = Signal()
    grow_requested = Signal()

    def __init__(self, settings: PriorSettings, keys: tuple[str, str]) -> None:
        super().__init__(
            "Priors",
            "Fill what closed exteriors enclose: few gland candidates, but right ones. Correct "
            "them with napari's label tools; edits are saved as you go.",
            "Find priors",
            settings,
        )
        accept_key, reject_key = keys
        self._growable = False
        self.grow_button = QPushButton("Add sure predictions")
        self.grow_button.setToolTip(
            "Takes the predicted glands that the network is sure of into the priors of all slides, "
            "as proposals; then train again. What you accepted, edited or rejected stays as it is. "
            "Needs priors and a prediction."
        )
        self.grow_button.clicked.connect(self.grow_requested)
        self.counts = sentence()
        self.saved = sentence()
        self.accept_all_button = QPushButton("Accept all")
        self.accept_button = QPushButton("Accept selected")
        self.reject_button = QPushButton("Reject selected")
        self.hint = sentence(
            f"Keys in the priors layer: L picks a prior, {accept_key} accepts it, {reject_key} "
            "rejects it."
        )
        self.accept_all_button.clicked.connect(self.accept_all_requested)
        self.accept_button.clicked.connect(self.accept_requested)
        self.reject_button.clicked.connect(self.reject_requested)
        self.verbs = QFrame()
        grid = QGridLayout(self.verbs)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.accept_button, 0, 0)
        grid.addWidget(self.reject_button, 0, 1)
        grid.addWidget(self.accept_all_button, 1, 0)
        self.replace_curated = QCheckBox("Also replace priors that I have changed")
        self.replace_curated.setToolTip(
            "Slides whose priors you accepted, edited or rejected are left alone otherwise, and so "
            "are those with added predictions while the settings are the same. What is replaced is "
            "backed up in the project."
        )
        edits(self.grow_button, self.verbs, self.replace_curated)
        results = (self.grow_button, self.counts, self.verbs, self.saved, self.hint)
        self.build(self.replace_curated, after=results)
        self.show_counts(None)

    def set_growable(self, growable: bool) -> None:
        """Tell whether there are predictions that could be taken into priors."""
        self._growable = growable
        self._update_enabled()

    def _update_enabled(self) -> None:
        super()._update_enabled()
        self.grow_button.setEnabled(self._growable and self._ready and not self._running)

    def show_counts(self, counts: Mapping[str, int] | None, coverage: float = 0.0) -> None:
        """Show how many priors of the slide are in which state; ``None`` when there are none."""
        for widget in (self.counts, self.verbs, self.saved, self.hint):
            widget.setVisible(counts is not None)
        if counts is not None:
            parts = ", ".join(f"{number} {state}" for state, number in counts.items())
            total = sum(counts.values())
            noun = "prior" if total == 1 else "priors"
            self.counts.setText(f"{total} {noun}: {parts}. They cover {coverage:.1%} of the slide.")

    def show_saved(self, text: str) -> None:
        """Tell whether the edits are in the project."""
        self.saved.setText(text)
