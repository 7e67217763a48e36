"""A small menu that puts what a step does onto the clipboard."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QToolButton

__all__ = ["CopyButton"]

_KINDS = (
    ("command", "Command line", "To paste into a terminal."),
    ("python", "Python", "To paste into a script or a notebook."),
)


class CopyButton(QToolButton):
    """Offers this step, with the settings shown, as a command line or as Python.

    Signals
    -------
    copy_requested
        ``"command"`` or ``"python"``.
    """

    copy_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setText("Copy as")
        self.setStyleSheet("QToolButton { padding: 2px 14px 2px 4px; }")  # room for the arrow
        self.setToolTip(
            "Puts this step with its present settings onto the clipboard, to run it elsewhere or "
            "to note down what was done."
        )
        self.copy_menu = QMenu(self)
        self.copy_menu.setToolTipsVisible(True)
        for kind, title, tooltip in _KINDS:
            action: Any = self.copy_menu.addAction(title)
            action.setToolTip(tooltip)
            action.triggered.connect(lambda _=False, kind=kind: self.copy_requested.emit(kind))
        self.setMenu(self.copy_menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
