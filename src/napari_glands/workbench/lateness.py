"""How late the interface answers, as a user feels it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer

__all__ = ["Late", "Lateness"]

_MILLISECONDS = 10


@dataclass(frozen=True)
class Late:
    """Lateness in milliseconds: the median, what 1 % of the moments exceed, and the worst."""

    moments: int
    median: float
    p99: float
    worst: float


class Lateness(QObject):
    """Measures how much later than asked for a timer of 10 ms fires on the interface's thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._late: list[float] = []
        self._due = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_MILLISECONDS)
        self._timer.timeout.connect(self._on_time)

    def start(self) -> None:
        """Begin to measure."""
        self._late = []
        self._due = time.perf_counter() + _MILLISECONDS / 1000
        self._timer.start()

    def stop(self) -> Late:
        """End, and return what was measured."""
        self._timer.stop()
        late = np.array(self._late or [0.0])
        median, p99 = np.percentile(late, (50, 99))
        return Late(len(self._late), float(median), float(p99), float(late.max()))

    def _on_time(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, 1000 * (now - self._due)))
        self._due = now + _MILLISECONDS / 1000
