"""The third step: gland candidates, inspected and corrected by the user."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_glands.settings import PriorSettings
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.review_view import ReviewView
from napari_glands.widgets.step_view import StepView

__all__ = ["PriorsView"]


class PriorsView(StepView):
    """Mine priors, and look through them.

    Parameters
    ----------
    settings
        Of the step.
    review
        The panel in which they are looked through.

    Signals
    -------
    grow_requested
        Take what the network is sure of into the priors.
    """

    grow_requested = Signal()

    def __init__(self, settings: PriorSettings, review: ReviewView) -> None:
        super().__init__(
            "Priors",
            "Fill what closed exteriors enclose: few gland candidates, but right ones. Look "
            "through them, the least sure first; edits are saved as you go.",
            "Find priors",
            settings,
        )
        self._growable = False
        self.grow_button = QPushButton("Add sure predictions")
        self.grow_button.setToolTip(
            "Takes the predicted glands that the network is sure of into the priors of all slides, "
            "as proposals; then train again. What you accepted, edited or rejected stays as it is. "
            "Needs priors and a prediction."
        )
        self.grow_button.clicked.connect(self.grow_requested)
        self.review = review
        self.replace_curated = QCheckBox("Also replace priors that I have changed")
        self.replace_curated.setToolTip(
            "Slides whose priors you accepted, edited or rejected are left alone otherwise, and so "
            "are those with added predictions while the settings are the same. What is replaced is "
            "backed up in the project."
        )
        edits(self.grow_button, self.replace_curated)
        self.build(self.replace_curated, after=(self.grow_button, self.review))

    def set_growable(self, growable: bool) -> None:
        """Tell whether there are predictions that could be taken into priors."""
        self._growable = growable
        self._update_enabled()

    def _update_enabled(self) -> None:
        super()._update_enabled()
        self.grow_button.setEnabled(self._growable and self._ready and not self._running)
