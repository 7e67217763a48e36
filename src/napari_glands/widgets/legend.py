"""What the colours over the slide mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget
from superqt import QFlowLayout

from napari_glands.widgets.text import PlainLabel, sentence

__all__ = ["Legend", "LegendEntry"]

_SIZE = 12


@dataclass(frozen=True)
class LegendEntry:
    """One colour and what it stands for.

    Attributes
    ----------
    text
        In the words of the user.
    color
        RGBA in [0, 1].
    outlined
        Whether it is drawn as an outline and not as an area.
    """

    text: str
    color: tuple[float, float, float, float]
    outlined: bool = False


class Legend(QWidget):
    """Swatches with words, as many in a row as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[LegendEntry, ...] = ()
        self._nothing = sentence("Nothing is drawn over the slide now.")
        self._frame = QWidget()
        self._flow = QFlowLayout(self._frame)
        self._flow.setContentsMargins(0, 0, 0, 0)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._frame.setSizePolicy(policy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nothing)
        layout.addWidget(self._frame)

    def show_entries(self, entries: Sequence[LegendEntry]) -> None:
        """Show these colours instead of those before."""
        if tuple(entries) == self.entries and (entries or self._nothing.isVisible()):
            return
        self.entries = tuple(entries)
        while self._flow.count():
            item = self._flow.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        for entry in entries:
            self._flow.addWidget(_row(entry))
        self._nothing.setVisible(not entries)
        self._frame.setVisible(bool(entries))


class _Swatch(QWidget):
    """A little field in a colour, or framed by it."""

    def __init__(self, entry: LegendEntry) -> None:
        super().__init__()
        self._entry = entry
        self.setFixedSize(QSize(_SIZE, _SIZE))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = QColor.fromRgbF(*self._entry.color)
        field = QRectF(1.5, 1.5, _SIZE - 3, _SIZE - 3)
        opaque = QColor(color)
        opaque.setAlphaF(1.0)
        painter.setPen(QPen(opaque, 2 if self._entry.outlined else 1))
        painter.setBrush(Qt.GlobalColor.transparent if self._entry.outlined else color)
        painter.drawRoundedRect(field, 2, 2)
        painter.end()


def _row(entry: LegendEntry) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 6, 0)
    layout.setSpacing(4)
    layout.addWidget(_Swatch(entry))
    layout.addWidget(PlainLabel(entry.text))
    return row
