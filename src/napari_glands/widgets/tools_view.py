"""The tools with which glands are corrected on the canvas, as buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_glands.widgets.read_only import edits
from napari_glands.widgets.text import PlainLabel, StatusLabel, unguessed

__all__ = ["AmountRow", "ToolRow", "ToolsView"]

_COLUMNS = 4
_STYLE = """
QPushButton { padding: 3px 0px; }
QPushButton:checked { background-color: palette(highlight); color: white; }
"""


@dataclass(frozen=True)
class ToolRow:
    """One button: what it says, the key that does the same, and what it is good for."""

    name: str
    title: str
    key: str
    tooltip: str


@dataclass(frozen=True)
class AmountRow:
    """The number that belongs to a tool, and its bounds."""

    title: str
    unit: str
    value: float
    low: float
    high: float
    step: float
    tooltip: str


class ToolsView(QWidget):
    """A button per tool, the number that belongs to the one in hand, and what to do next.

    Signals
    -------
    tool_chosen
        Name of the tool whose button was clicked.
    amount_changed
        The number that belongs to the tool in hand.
    escaped
        Escape was pressed while the view had the keyboard.
    """

    tool_chosen = Signal(str)
    amount_changed = Signal(float)
    escaped = Signal()

    def __init__(self, rows: Sequence[ToolRow]) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._tooltips = {row.name: row.tooltip for row in rows}
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for index, row in enumerate(rows):
            button = self.buttons[row.name] = _button(row)
            button.clicked.connect(lambda _, name=row.name: self.tool_chosen.emit(name))
            grid.addWidget(button, index // _COLUMNS, index % _COLUMNS)
        self.amount = _AmountControl()
        self.amount.changed.connect(self.amount_changed)
        edits(*self.buttons.values(), self.amount)
        self.status = StatusLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.amount)
        layout.addWidget(self.status)
        self.say("")
        self.show_tool("", None)

    def show_tool(self, name: str, amount: AmountRow | None) -> None:
        """Mark the tool in hand, or none, and show the number that belongs to it."""
        for tool, button in self.buttons.items():
            button.setChecked(tool == name)
        self.amount.setVisible(amount is not None)
        if amount is not None:
            self.amount.show_amount(amount)

    def set_usable(self, usable: bool, reason: str = "") -> None:
        """Enable all tools, or disable them and tell the reason."""
        for name, button in self.buttons.items():
            button.setEnabled(usable)
            button.setToolTip(self._tooltips[name] if usable else unguessed(reason))

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show what to do next, or why nothing happened."""
        self.status.say(text, problem=problem)

    def keyPressEvent(self, event: object) -> None:
        """Let Escape put the tool down from here too."""
        if event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            self.escaped.emit()
        else:
            super().keyPressEvent(event)  # type: ignore[arg-type]


class _AmountControl(QFrame):
    """A slider and a number that are one."""

    changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.label, self.slider, self.box = PlainLabel(), _slider(), QDoubleSpinBox()
        self.box.setKeyboardTracking(False)
        self._step = 1.0
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.label, 0), (self.slider, 1), (self.box, 0)):
            layout.addWidget(widget, stretch)
        self.slider.valueChanged.connect(self._on_slider)
        self.box.valueChanged.connect(self._on_box)

    def show_amount(self, amount: AmountRow) -> None:
        """Show a number within its bounds, without telling anyone."""
        self._step = amount.step
        self.label.setText(amount.title)
        self.blockSignals(True)
        try:
            self.slider.setRange(round(amount.low / self._step), round(amount.high / self._step))
            self.box.setRange(amount.low, amount.high)
            self.box.setSingleStep(amount.step)
            self.box.setDecimals(0 if amount.step >= 1 else 1)
            self.box.setSuffix(f" {amount.unit}")
            self.box.setValue(amount.value)
            self.slider.setValue(round(amount.value / self._step))
        finally:
            self.blockSignals(False)
        for widget in (self.label, self.slider, self.box):
            widget.setToolTip(amount.tooltip)

    def _on_slider(self, position: int) -> None:
        if abs(position * self._step - self.box.value()) >= self._step / 2:
            self.box.setValue(position * self._step)

    def _on_box(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(value / self._step))
        self.slider.blockSignals(False)
        self.changed.emit(value)


def _slider() -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return slider


def _button(row: ToolRow) -> QPushButton:
    button = QPushButton()
    button.setCheckable(True)
    button.setText(f"{row.title}\n{row.key}")
    button.setToolTip(row.tooltip)
    button.setStyleSheet(_STYLE)
    # The keyboard stays with the canvas, where Escape and napari's keys belong.
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return button
