"""Where the running job is, and how to stop it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_glands.widgets.text import StatusLabel

__all__ = ["JobBar"]

_RESOLUTION = 1000


class JobBar(QWidget):
    """A status line, and while a job runs its progress and a Cancel button.

    Signals
    -------
    cancel_requested
        Cancel was clicked.
    """

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.status = StatusLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, _RESOLUTION)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop the running step; what is done so far is kept.")
        self.cancel_button.clicked.connect(self._on_cancel)
        row = QHBoxLayout()
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.status)
        layout.addLayout(row)
        self.finish("")

    def start(self, text: str) -> None:
        """Show that a job has begun."""
        self.progress.setValue(0)
        self._set_active(True)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setText("Cancel")
        self.status.say(text)

    def advance(self, fraction: float, text: str) -> None:
        """Show how far the job is, with one sentence on what it does."""
        self.progress.setValue(round(min(max(fraction, 0.0), 1.0) * _RESOLUTION))
        if text and self.cancel_button.isEnabled():
            self.status.say(text)

    def finish(self, text: str, *, problem: bool = False) -> None:
        """Show how the job ended."""
        self._set_active(False)
        self.status.say(text, problem=problem)

    def _set_active(self, active: bool) -> None:
        self.progress.setVisible(active)
        self.cancel_button.setVisible(active)

    def _on_cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self.cancel_button.setText("Stopping…")
        self.status.say("Stopping; what is done so far is kept.")
        self.cancel_requested.emit()
