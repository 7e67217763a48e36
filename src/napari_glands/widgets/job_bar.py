"""Where the running job is, how long it will take, and how to pause and stop it."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_glands.widgets.remaining import Remaining, in_words
from napari_glands.widgets.text import PlainLabel, StatusLabel

__all__ = ["JobBar"]

_RESOLUTION = 1000


class JobBar(QWidget):
    """A status line, and while a job runs its progress, Pause, Cancel and the time left.

    Parameters
    ----------
    clock
        Tells the time in seconds.

    Signals
    -------
    cancel_requested
        Cancel was clicked.
    pause_toggled
        Whether the job shall wait.
    live_toggled
        Whether live pictures are wanted.
    """

    cancel_requested = Signal()
    pause_toggled = Signal(bool)
    live_toggled = Signal(bool)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._text = ""
        self._remaining = Remaining()
        self.status = StatusLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, _RESOLUTION)
        self.pause_button = QPushButton("Pause")
        self.pause_button.setCheckable(True)
        self.pause_button.setToolTip(
            "Let the running step wait, so that the computer is free for you; Resume goes on."
        )
        self.pause_button.toggled.connect(self._on_pause)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop the running step; what is done so far is kept.")
        self.cancel_button.clicked.connect(self._on_cancel)
        self.time_left = PlainLabel()
        self.live = QCheckBox("Live preview")
        self.live.setToolTip(
            "Show every few seconds what the network sees now in the part of the slide in view. "
            "Takes less than a tenth of the time."
        )
        self.live.toggled.connect(self.live_toggled)
        self._build()
        self.finish("")

    def _build(self) -> None:
        self._active = QWidget()
        rows = QVBoxLayout(self._active)
        rows.setContentsMargins(0, 0, 0, 0)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.progress, 1)
        first.addWidget(self.pause_button)
        first.addWidget(self.cancel_button)
        second.addWidget(self.time_left, 1)
        second.addWidget(self.live)
        rows.addLayout(first)
        rows.addLayout(second)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.status)
        layout.addWidget(self._active)

    def start(self, text: str, *, live: bool = False) -> None:
        """Show that a job has begun; `live` tells whether it can draw live pictures."""
        self._remaining = Remaining()
        self._remaining.update(self._clock(), 0.0)
        self.progress.setValue(0)
        self.time_left.clear()
        self.live.setVisible(live)
        self.show_paused(False)
        for button in (self.pause_button, self.cancel_button):
            button.setEnabled(True)
        self.cancel_button.setText("Cancel")
        self._active.show()
        self._say(text)

    def advance(self, fraction: float, text: str) -> None:
        """Show how far the job is, with one sentence on what it does."""
        fraction = min(max(fraction, 0.0), 1.0)
        value = round(fraction * _RESOLUTION)
        if value != self.progress.value():
            self.progress.setValue(value)
        left = in_words(self._remaining.update(self._clock(), fraction))
        if not self.cancel_button.isEnabled():  # it is stopping
            return
        if not self.pause_button.isChecked() and left != self.time_left.text():
            self.time_left.setText(left)
        if text:
            self._say(text)

    def finish(self, text: str, *, problem: bool = False) -> None:
        """Show how the job ended."""
        self._active.hide()
        self._text = text
        self.show_paused(False)
        self.status.say(text, problem=problem)

    def show_paused(self, paused: bool) -> None:
        """Show whether the job waits."""
        blocked = self.pause_button.blockSignals(True)
        self.pause_button.setChecked(paused)
        self.pause_button.blockSignals(blocked)
        self.pause_button.setText("Resume" if paused else "Pause")
        (self._remaining.pause if paused else self._remaining.resume)(self._clock())
        if paused:
            self.time_left.setText("Paused")
        elif self.time_left.text() == "Paused":
            self.time_left.clear()
        self._say(self._text)

    def show_live(self, wanted: bool) -> None:
        """Show whether live pictures are wanted."""
        blocked = self.live.blockSignals(True)
        self.live.setChecked(wanted)
        self.live.blockSignals(blocked)

    def _say(self, text: str) -> None:
        """Show what the job does; while it waits, that it does not."""
        self._text = text
        paused = self.pause_button.isChecked()
        shown = "Paused. Resume goes on from here; Cancel keeps what is done." if paused else text
        if shown != self.status.text():
            self.status.say(shown)

    def _on_pause(self, paused: bool) -> None:
        self.show_paused(paused)
        self.pause_toggled.emit(paused)

    def _on_cancel(self) -> None:
        self.show_paused(False)
        for button in (self.pause_button, self.cancel_button):
            button.setEnabled(False)
        self.cancel_button.setText("Stopping…")
        self.time_left.clear()
        self.status.say("Stopping; what is done so far is kept.")
        self.cancel_requested.emit()
