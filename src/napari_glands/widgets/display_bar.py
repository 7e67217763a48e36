"""How the slide and what is drawn over it are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QSlider, QWidget

from napari_glands.widgets.legend import Legend, LegendEntry
from napari_glands.widgets.text import PlainLabel

__all__ = ["DisplayBar"]


class DisplayBar(QWidget):
    """Slide alone, outlines, opacity, the legend, and the panels with more to see.

    Parameters
    ----------
    before_key
        Key that does the same as the button "Slide alone".

    Signals
    -------
    before_toggled
        Whether the slide shall be seen alone.
    outlines_toggled
        Whether glands shall be drawn as outlines.
    opacity_chosen
        Opacity of all overlays, 0 to 1.
    sheet_requested, table_requested
        The panel of all slides, or of the measurements, was asked for.
    """

    before_toggled = Signal(bool)
    outlines_toggled = Signal(bool)
    opacity_chosen = Signal(float)
    sheet_requested = Signal()
    table_requested = Signal()

    def __init__(self, before_key: str) -> None:
        super().__init__()
        self.before_button = _switch(
            f"Slide alone ({before_key})",
            f"Hides everything that is drawn over the slide, and shows it again. Hold {before_key} "
            "to look for a moment.",
        )
        self.outlines_button = _switch(
            "Outlines", "Draws priors and glands as outlines instead of areas."
        )
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(50)
        self.opacity.setMinimumWidth(60)
        self.opacity.setToolTip("Opacity of everything that is drawn over the slide.")
        self.legend_button = _switch("Legend", "Tells what the colours over the slide mean.")
        self.sheet_button = QPushButton("All slides")
        self.sheet_button.setToolTip("All slides of the project as pictures, with their state.")
        self.table_button = QPushButton("Measurements")
        self.table_button.setToolTip("One row per gland of the slide on show, and a histogram.")
        self.legend = Legend()
        self.legend.hide()
        self._lay_out()
        self.before_button.clicked.connect(self.before_toggled)
        self.outlines_button.clicked.connect(self.outlines_toggled)
        self.opacity.valueChanged.connect(lambda value: self.opacity_chosen.emit(value / 100))
        self.legend_button.toggled.connect(self.legend.setVisible)
        self.sheet_button.clicked.connect(self.sheet_requested)
        self.table_button.clicked.connect(self.table_requested)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 0, 8, 2)
        grid.setVerticalSpacing(3)
        slider = QHBoxLayout()
        slider.addWidget(PlainLabel("Opacity"))
        slider.addWidget(self.opacity, 1)
        grid.addWidget(self.before_button, 0, 0)
        grid.addWidget(self.outlines_button, 0, 1)
        grid.addLayout(slider, 0, 2)
        grid.addWidget(self.sheet_button, 1, 0)
        grid.addWidget(self.table_button, 1, 1)
        grid.addWidget(self.legend_button, 1, 2)
        grid.addWidget(self.legend, 2, 0, 1, 3)
        for column in range(3):
            grid.setColumnStretch(column, 1)

    def show_state(self, *, before: bool, outlines: bool, opacity: float, overlays: bool) -> None:
        """Show how things are looked at; without `overlays` there is nothing to switch."""
        self.before_button.setChecked(before)
        self.outlines_button.setChecked(outlines)
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(opacity * 100))
        self.opacity.blockSignals(False)
        for widget in (self.before_button, self.outlines_button, self.opacity):
            widget.setEnabled(overlays)

    def show_legend(self, entries: Sequence[LegendEntry]) -> None:
        """Explain these colours."""
        self.legend.show_entries(entries)


def _switch(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tooltip)
    return button
