"""A small picture of how the loss goes down."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QSize
from qtpy.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["LossCurve"]

_MARGIN = 4


class LossCurve(QWidget):
    """Draws the loss over the share of the training that is done."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[float, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Training loss over time")

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(200, 80)

    def clear(self) -> None:
        """Forget all points."""
        self.points = []
        self.update()

    def add(self, fraction: float, loss: float) -> None:
        """Add one point; `fraction` is the share of the training done."""
        self.points.append((fraction, loss))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self.palette().color(QPalette.ColorRole.Text)
        painter.setPen(QPen(color, 0.5))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        if len(self.points) > 1:
            painter.setPen(QPen(color, 1.5))
            painter.drawPolyline(self._line())
        painter.end()

    def _line(self) -> QPolygonF:
        losses = [loss for _, loss in self.points]
        low, high = min(losses), max(losses)
        span = (high - low) or 1.0
        width, height = self.width() - 2 * _MARGIN, self.height() - 2 * _MARGIN
        return QPolygonF(
            [
                QPointF(_MARGIN + x * width, _MARGIN + (high - y) / span * height)
                for x, y in self.points
            ]
        )
