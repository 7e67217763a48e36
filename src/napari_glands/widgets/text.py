"""Small labels that all views share."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

__all__ = ["StatusLabel", "heading", "sentence"]

# Vermilion of the Okabe-Ito palette: tells itself apart for every kind of colour vision, and is
# readable on napari's dark and light themes. A sign says the same without colour.
_ERROR_STYLE = "color: #E8743B;"


def heading(text: str) -> QLabel:
    """Return a bold one-line label."""
    label = QLabel(text)
    label.setStyleSheet("font-weight: bold; font-size: 12pt;")
    return label


def sentence(text: str = "") -> QLabel:
    """Return a label that wraps at the dock's width instead of widening it."""
    label = QLabel(text)
    _wrap(label)
    return label


class StatusLabel(QLabel):
    """One plain sentence about how things stand; problems are marked by sign and colour."""

    def __init__(self) -> None:
        super().__init__("")
        _wrap(self)

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show `text`; an empty one takes no room."""
        self.setText(f"⚠ {text}" if problem and text else text)
        self.setStyleSheet(_ERROR_STYLE if problem else "")
        self.setVisible(bool(text))


def _wrap(label: QLabel) -> None:
    """Make a label neither ask for more width than there is nor be cut off below."""
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    label.setMinimumWidth(50)
