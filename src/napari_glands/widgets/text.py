"""Labels that all views share, and what makes Qt show text from files as text.

Qt guesses whether a text is HTML in labels, tooltips and message boxes, and takes an ampersand in
menus and on buttons for the mark of a key.
"""

from __future__ import annotations

import html
import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_glands.plain_text import shown

__all__ = ["PlainLabel", "StatusLabel", "caption", "heading", "sentence", "unguessed"]

# Vermilion of the Okabe-Ito palette: tells itself apart for every kind of colour vision, and is
# readable on napari's dark and light themes. A sign says the same without colour.
_ERROR_STYLE = "color: #E8743B;"


class PlainLabel(QLabel):
    """A label that shows every text as it is."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str | None) -> None:
        """Show a text."""
        super().setText(shown(text or "", lines=True))


def unguessed(text: str) -> str:
    """Return a text that tooltips and message boxes show as it is."""
    text = shown(text, lines=True)
    if not re.search("[<&]", text):
        return text
    return f"<qt>{html.escape(text).replace(chr(10), '<br>')}</qt>"


def caption(text: str) -> str:
    """Return a text that menus, buttons and tabs show as it is."""
    return shown(text, lines=True).replace("&", "&&")


def heading(text: str) -> QLabel:
    """Return a bold one-line label."""
    label = PlainLabel(text)
    label.setStyleSheet("font-weight: bold; font-size: 12pt;")
    return label


def sentence(text: str = "") -> QLabel:
    """Return a label that wraps at the dock's width instead of widening it."""
    label = PlainLabel(text)
    _wrap(label)
    return label


class StatusLabel(PlainLabel):
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
