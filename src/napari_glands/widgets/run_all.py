"""All steps with one click, and how much time they may take."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

__all__ = ["RunAll"]


class RunAll(QWidget):
    """A choice of presets, and the button that runs everything.

    Parameters
    ----------
    presets
        Name, title and explanation of each preset.

    Signals
    -------
    preset_chosen
        Name of the preset that the user chose.
    run_requested
        Run all steps was clicked.
    """

    preset_chosen = Signal(str)
    run_requested = Signal()

    def __init__(self, presets: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self.presets = QComboBox()
        for name, title, explanation in presets:
            self.presets.addItem(title, name)
            self.presets.setItemData(self.presets.count() - 1, explanation, 3)  # the tooltip
        self.presets.setPlaceholderText("Own settings")
        self.presets.setToolTip("How much time the steps may take; sets their settings.")
        self.presets.activated.connect(self._on_chosen)
        self.button = QPushButton("Run all steps")
        self.button.setToolTip(
            "Exterior, priors, training and prediction of all slides, one after the other. What is "
            "up to date is not done again, and your decisions are kept."
        )
        self.button.clicked.connect(self.run_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.presets, 1)
        row.addWidget(self.button, 1)

    def show_preset(self, name: str) -> None:
        """Mark the preset that the settings are; none when they are others."""
        self.presets.setCurrentIndex(self.presets.findData(name))

    def set_ready(self, ready: bool) -> None:
        """Tell whether all steps can be run now."""
        self.button.setEnabled(ready)

    def _on_chosen(self, index: int) -> None:
        self.preset_chosen.emit(self.presets.itemData(index))
