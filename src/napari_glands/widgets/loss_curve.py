"""A picture of how the loss and each of its terms go down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

__all__ = ["LossCurve"]

# Okabe and Ito's palette, in the order in which terms come; readable on dark and light themes.
_COLORS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#0072B2")
_NAMES = {"loss": "total", "cross_entropy": "cross-entropy"}
_REDRAW_MILLISECONDS = 400
_FAINT = 90  # opacity of single steps, of 255
_SPAN = 0.03  # share of the points that one point of the smooth line is the mean of


@dataclass
class _Term:
    """One term: its points, its faint line of single steps and its smooth line."""

    raw: pg.PlotDataItem
    smooth: pg.PlotDataItem
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)

    def draw(self) -> None:
        x, y = np.array(self.x), np.array(self.y)
        self.raw.setData(x, y)
        self.smooth.setData(x, _running_mean(y))


class LossCurve(QWidget):
    """Draws every term of the loss over the share of the training that is done."""

    def __init__(self) -> None:
        super().__init__()
        self.terms: dict[str, _Term] = {}
        self.plot = pg.PlotWidget(background=None)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.setLabel("bottom", "training done", units="%", siPrefix=False)
        self.plot.setXRange(0, 100, padding=0.01)
        self.plot.getPlotItem().getAxis("left").enableAutoSIPrefix(False)
        self.legend = self.plot.addLegend(offset=(-4, 2), colCount=2, labelTextSize="8pt")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REDRAW_MILLISECONDS)
        self._timer.timeout.connect(self.draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Each term of the loss: single steps (faint) and their running mean")
        self._follow_theme()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(200, 190)

    def clear(self) -> None:
        """Forget all points."""
        for term in self.terms.values():
            self.plot.removeItem(term.raw)
            self.plot.removeItem(term.smooth)  # and with it its line in the legend
        self.terms = {}

    def add(self, fraction: float, values: Mapping[str, float]) -> None:
        """Add the terms of one step; `fraction` is the share of the training done."""
        for name, value in values.items():
            if np.isfinite(value):
                term = self.terms.get(name) or self._new_term(name)
                term.x.append(100 * fraction)
                term.y.append(value)
        if not self._timer.isActive():
            self._timer.start()

    def draw(self) -> None:
        """Bring the lines up to date."""
        for term in self.terms.values():
            term.draw()

    def changeEvent(self, event) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() == event.Type.PaletteChange:
            self._follow_theme()

    def _follow_theme(self) -> None:
        """Write the axes and the legend in the colour of the text around."""
        if not hasattr(self, "legend"):
            return
        color = self.palette().color(QPalette.ColorRole.WindowText)
        for side in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(color)
            axis.setTextPen(color)
        self.legend.setLabelTextColor(color)

    def _new_term(self, name: str) -> _Term:
        color = QColor(_COLORS[len(self.terms) % len(_COLORS)])
        faint = QColor(color)
        faint.setAlpha(_FAINT)
        item = self.plot.getPlotItem()
        raw = item.plot(pen=pg.mkPen(faint, width=1))
        title = _NAMES.get(name, name.replace("_", " "))
        smooth = item.plot(pen=pg.mkPen(color, width=2), name=title)
        for line in (raw, smooth):
            line.setDownsampling(auto=True, method="peak")
        term = self.terms[name] = _Term(raw, smooth)
        return term


def _running_mean(y: np.ndarray) -> np.ndarray:
    """Mean over the last few points, fewer at the beginning."""
    span = max(1, round(_SPAN * len(y)))
    total = np.concatenate([[0.0], np.cumsum(y)])
    last = np.arange(1, len(y) + 1)
    first = np.maximum(0, last - span)
    return (total[last] - total[first]) / (last - first)
