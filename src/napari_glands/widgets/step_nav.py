"""The row of steps, in the order they are done."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from napari_glands.widgets.text import unguessed

__all__ = ["StepNav"]

_STYLE = """
QToolButton { padding: 4px 1px; }
QToolButton:checked { background-color: palette(highlight); color: white; }
"""


class StepNav(QWidget):
    """One button per step; a finished one carries a tick, one that must wait is pale.

    Signals
    -------
    step_chosen
        Index of the step to show.
    """

    step_chosen = Signal(int)

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = list(titles)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: list[QToolButton] = []
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(1)
        for index, title in enumerate(titles):
            button = QToolButton()
            button.setCheckable(True)
            button.setText(f"{title}\n·")
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            self._group.addButton(button, index)
            layout.addWidget(button)
            self.buttons.append(button)
        self.buttons[0].setChecked(True)
        self._group.idClicked.connect(self.step_chosen)

    def show_step(self, index: int) -> None:
        """Mark one step as the one on show."""
        self.buttons[index].setChecked(True)

    def show_state(self, index: int, *, ready: bool, done: bool, tooltip: str) -> None:
        """Show whether a step can run and whether it has run."""
        button = self.buttons[index]
        # Steps that must wait can still be looked at: the view says what is missing.
        # The tick has a line of its own: six names with ticks beside them are too wide.
        button.setText(f"{self._titles[index]}\n{'✓' if done else '·'}")
        button.setToolTip(unguessed(tooltip))
        button.setStyleSheet(_STYLE if ready else "QToolButton { color: gray; }" + _STYLE)
