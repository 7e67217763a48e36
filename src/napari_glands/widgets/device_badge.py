"""Where the networks run, and why there."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_glands.widgets.text import PlainLabel, sentence

__all__ = ["DeviceBadge"]

# Okabe and Ito's green and orange, dark enough for white letters.
_COLORS = {"GPU": "#00724F", "CPU": "#9A5B00"}
_STYLE = "background: {}; color: white; border-radius: 4px; padding: 2px 6px; font-weight: bold;"


class DeviceBadge(QWidget):
    """A coloured word, GPU or CPU, and the reason beside it.

    Signals
    -------
    wanted
        It is to be seen: tell it the device.
    """

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.word = PlainLabel()
        self.reason = sentence("Looking for a GPU…")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.word)
        layout.addWidget(self.reason, 1)
        self.word.hide()
        self.setToolTip("Choose another under Device in the settings of the step Slides.")

    def show_device(self, gpu: bool, reason: str) -> None:
        """Say where the networks run."""
        word = "GPU" if gpu else "CPU"
        self.word.setText(word)
        self.word.setStyleSheet(_STYLE.format(_COLORS[word]))
        self.word.show()
        self.reason.setText(reason)

    def show_problem(self, text: str) -> None:
        """Say why there is no device to run on."""
        self.word.hide()
        self.reason.setText(f"⚠ {text}")

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self.wanted.emit()
