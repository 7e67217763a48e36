"""How a measurement is spread over the glands."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_glands.plain_text import shown

__all__ = ["Histogram"]

_MOST_BINS = 40
# Okabe and Ito: blue bars, the selected gland in vermilion, the median in the text's colour.
_BARS, _SELECTED = "#56B4E9", "#D55E00"


class Histogram(QWidget):
    """Bars, a dashed line at the median, and a bold one at the selected gland."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = pg.PlotWidget(background=None)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMinimumHeight(150)
        self.plot.setToolTip("Number of glands per range; dashed: median; bold: selected gland.")
        self._bars = pg.BarGraphItem(x=[], height=[], width=1.0, brush=_BARS, pen=None)
        self._median = pg.InfiniteLine(angle=90)
        self._mark = pg.InfiniteLine(angle=90, pen=pg.mkPen(_SELECTED, width=3))
        for item in (self._bars, self._median, self._mark):
            self.plot.addItem(item)
        self.counts = np.zeros(0, int)
        self.marked: float | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self._color()
        self.show_values(np.zeros(0), "")

    def show_values(self, values: np.ndarray, title: str) -> None:
        """Show how values are spread; `title` names them with their unit."""
        values = np.asarray(values, float)
        values = values[np.isfinite(values)]
        self.counts, edges = np.histogram(values, bins=_bins(values))
        if not len(values):
            self.counts = np.zeros(0, int)
        widths = np.diff(edges)[: len(self.counts)]
        self._bars.setOpts(
            x=edges[: len(self.counts)] + widths / 2, height=self.counts, width=widths * 0.92
        )
        self._median.setVisible(len(values) > 0)
        if len(values):
            self._median.setValue(float(np.median(values)))
            low, high = edges[0], edges[-1]
            self.plot.setXRange(low, high, padding=0.03)
            highest = max(1, int(self.counts.max()))
            self.plot.setYRange(0, highest, padding=0.05)
            step = _whole_step(highest)
            self.plot.getAxis("left").setTickSpacing(step, step)
        axis: Any = self.plot.getAxis("bottom")
        axis.setLabel(html.escape(shown(title)))  # pyqtgraph writes HTML around it
        axis.enableAutoSIPrefix(False)
        self.mark(None)

    def mark(self, value: float | None) -> None:
        """Mark the selected gland's value; None marks nothing."""
        finite = value is not None and bool(np.isfinite(value))
        self.marked = value if finite else None
        self._mark.setVisible(finite)
        if finite:
            self._mark.setValue(value)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self._color()

    def _color(self) -> None:
        """Draw axes in the colour of the text around them."""
        color = QColor(self.palette().color(QPalette.ColorRole.WindowText))
        for name in ("left", "bottom"):
            axis: Any = self.plot.getAxis(name)
            axis.setPen(color)
            axis.setTextPen(color)
        self.plot.getAxis("left").setLabel("Glands")
        self._median.setPen(pg.mkPen(color, width=1, style=pg.QtCore.Qt.PenStyle.DashLine))


def _whole_step(highest: int) -> int:
    """Return the distance of about five ticks of an axis of whole numbers."""
    rough = max(1.0, highest / 5)
    power = 10 ** int(np.log10(rough))
    return int(next(n * power for n in (1, 2, 5, 10) if n * power >= rough))


def _bins(values: np.ndarray) -> np.ndarray:
    """Return bin edges after Freedman and Diaconis, within reason."""
    if not len(values):
        return np.array([0.0, 1.0])
    if np.ptp(values) == 0:
        half = abs(float(values[0])) * 0.05 or 0.5
        return np.array([values[0] - half, values[0] + half])
    edges = np.histogram_bin_edges(values, bins="fd")
    if len(edges) > _MOST_BINS + 1 or len(edges) < 6:
        number = _MOST_BINS if len(edges) > _MOST_BINS else 5
        edges = np.linspace(values.min(), values.max(), number + 1)
    return edges
