"""When edits are saved: soon after the last stroke, and never long after the first."""

from __future__ import annotations

import time

from qtpy.QtCore import QObject, QTimer, Signal

__all__ = ["Autosave"]

# A crash while painting goes on loses no more than this, and the second that saving may take.
LONGEST_SECONDS = 1.5


class Autosave(QObject):
    """A clock that every edit starts anew, up to a longest wait.

    Attributes
    ----------
    seconds
        How long after the last edit.
    longest
        How long after the first edit, in seconds.

    Signals
    -------
    due
        It is time to save.
    """

    due = Signal()

    def __init__(self, parent: QObject, seconds: float) -> None:
        super().__init__(parent)
        self.seconds = seconds
        self.longest = LONGEST_SECONDS
        self._first = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.due)

    @property
    def waiting(self) -> bool:
        """Whether edits wait for their moment."""
        return self._timer.isActive()

    def touch(self) -> None:
        """Note an edit."""
        now = time.monotonic()
        if not self.waiting:
            self._first = now
        left = self._first + self.longest - now
        self._timer.start(round(1000 * max(0.0, min(self.seconds, left))))

    def flush(self) -> None:
        """Save now what waits."""
        if self.waiting:
            self._timer.stop()
            self.due.emit()
