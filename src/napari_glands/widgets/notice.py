"""A framed message above the steps that stays until the matter is settled."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from napari_glands.widgets.text import sentence, unguessed

__all__ = ["Notice"]

_STYLE = "#notice { border: 1px solid #E8743B; border-left: 4px solid #E8743B; }"


class Notice(QFrame):
    """A few plain sentences with buttons below; hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setStyleSheet(_STYLE)
        self.text = sentence()
        self.buttons: list[QPushButton] = []
        self._row = QHBoxLayout()
        self._row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.text)
        layout.addLayout(self._row)
        self.hide()

    def add_button(self, text: str, tooltip: str, clicked: Callable[[], None]) -> QPushButton:
        """Put another button into the row and return it."""
        button = QPushButton(text)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: clicked())
        self._row.insertWidget(self._row.count() - 1, button)
        self.buttons.append(button)
        return button

    def say(self, text: str, details: str = "") -> None:
        """Show a text, with details where the pointer rests; an empty text hides the notice."""
        self.text.setText(text)
        self.text.setToolTip(unguessed(details))
        self.setVisible(bool(text))
