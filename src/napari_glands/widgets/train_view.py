"""The fourth step: the network learns from the priors."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QPushButton, QVBoxLayout

from napari_glands.settings import TrainSettings
from napari_glands.widgets.device_badge import DeviceBadge
from napari_glands.widgets.loss_curve import LossCurve
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import sentence

__all__ = ["TrainView"]


class TrainView(StepView):
    """Run the training, see the device, the loss and what the model is.

    Signals
    -------
    go_on_requested
        The last model shall be trained on.
    teaching_toggled
        Whether the slide shall be seen as what it teaches.
    """

    go_on_requested = Signal()
    teaching_toggled = Signal(bool)

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__(
            "Train",
            "Train the network on the priors. You can go on editing meanwhile; Cancel keeps the "
            "network so far.",
            "Train",
            settings,
        )
        self._trained = False
        self.again_button = QPushButton("Train again")
        self.again_button.setToolTip(
            "Goes on from the last model with your corrections of priors and glands, for a few "
            "rounds (see Rounds of training again): shorter than a new training. The last model is "
            "kept. Needs a model."
        )
        self.again_button.clicked.connect(self.go_on_requested)
        edits(self.again_button)
        self.run_row.addWidget(self.again_button, 1)
        self.teaching_button = QPushButton("Show what teaches")
        self.teaching_button.setCheckable(True)
        self.teaching_button.setToolTip(
            "Colours the slide on show as the network is taught it: exterior, interior and "
            "background. What stays clear is not taught. Follows your corrections. Needs priors."
        )
        self.teaching_button.toggled.connect(self.teaching_toggled)
        self.device = DeviceBadge()
        self.curve = LossCurve()
        self.losses = sentence()
        self.progress = QFrame()
        layout = QVBoxLayout(self.progress)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.losses)
        layout.addWidget(self.curve)
        self.model = sentence()
        self.build(self.device, self.teaching_button, after=(self.progress, self.model))
        self.clear_losses()

    def clear_losses(self) -> None:
        """Begin a new curve."""
        self.curve.clear()
        self.losses.setText("")
        self.progress.hide()

    def show_losses(self, fraction: float, values: Mapping[str, float]) -> None:
        """Add the losses of one moment to the curve."""
        if not values:
            return
        self.progress.show()
        self.curve.add(fraction, values)
        if "loss" in values:
            self.losses.setText(f"Loss now: {values['loss']:.3g}")

    def show_model(self, text: str) -> None:
        """Say which model there is, and what it changed; empty where there is none."""
        self.model.setText(text)
        self._trained = bool(text)
        self._update_enabled()

    def _update_enabled(self) -> None:
        super()._update_enabled()
        self.again_button.setEnabled(self._trained and self._ready and not self._running)
