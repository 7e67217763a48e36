"""One line that limits a number from below and above."""

from __future__ import annotations

import math
from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget
from superqt import QRangeSlider

from napari_glands.widgets.text import PlainLabel

__all__ = ["RangeRow"]

_STEPS = 200


class RangeRow(QWidget):
    """A name, a slider with two handles, and what they stand for.

    Parameters
    ----------
    name
        What is limited.
    show
        Turns a bound into text.
    logarithmic
        Whether small numbers get as much of the slider as large ones.

    Signals
    -------
    changed
        A handle was moved.
    """

    changed = Signal()

    def __init__(
        self, name: str, show: Callable[[float], str], *, logarithmic: bool = False
    ) -> None:
        super().__init__()
        self._show, self._logarithmic = show, logarithmic
        self._low, self._high = 0.0, 1.0
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setValue((0, _STEPS))
        self.text = PlainLabel()
        self.text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.text.setMinimumWidth(110)
        label = PlainLabel(name)
        label.setMinimumWidth(40)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.text)
        self.slider.valueChanged.connect(self._on_moved)
        self._show_text()

    def set_bounds(self, low: float, high: float) -> None:
        """Say between what the handles can move."""
        if (low, high) != (self._low, self._high):
            self._low, self._high = low, high
            self._show_text()

    @property
    def limits(self) -> tuple[float, float]:
        """What the handles stand for; one at its end does not limit."""
        first, last = self._steps
        low = -math.inf if first <= 0 else self._value(first)
        return low, math.inf if last >= _STEPS else self._value(last)

    @property
    def _steps(self) -> tuple[int, int]:
        first, last = self.slider.value()  # type: ignore[var-annotated]
        return int(first), int(last)

    def _value(self, step: int) -> float:
        share = step / _STEPS
        if self._logarithmic and self._low > 0:
            return float(self._low * (self._high / self._low) ** share)
        return self._low + share * (self._high - self._low)

    def _on_moved(self) -> None:
        self._show_text()
        self.changed.emit()

    def _show_text(self) -> None:
        first, last = self._steps
        self.text.setText(f"{self._show(self._value(first))} – {self._show(self._value(last))}")
