"""The fifth step: glands in every slide."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_glands.settings import PredictSettings
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.review_view import ReviewView
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import sentence

__all__ = ["PredictView"]


class PredictView(StepView):
    """Run the prediction, and look through the glands of the slide on show.

    Parameters
    ----------
    settings
        Of the step.
    review
        The panel in which they are looked through.

    Signals
    -------
    model_chosen
        Folder of a saved model that shall be used in this project.
    """

    model_chosen = Signal(str)

    def __init__(self, settings: PredictSettings, review: ReviewView) -> None:
        super().__init__(
            "Predict",
            "Apply the trained network to all slides and split the result into glands.",
            "Predict",
            settings,
        )
        self.load_button = QPushButton("Use a saved model…")
        self.load_button.setToolTip("Apply a model that was trained in another project.")
        self.load_button.clicked.connect(self._choose_model)
        edits(self.load_button)
        self.summary = sentence()
        self.review = review
        self.build(self.load_button, after=(self.summary, self.review))

    def show_summary(self, text: str) -> None:
        """Say what was found in the slide on show."""
        self.summary.setText(text)

    def _choose_model(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a model folder")
        if name:
            self.model_chosen.emit(name)
