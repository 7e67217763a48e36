"""How late the interface's thread is: what a user feels as stutter."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import numpy as np
from qtpy.QtCore import Qt, QTimer

__all__ = ["Lateness"]

_TICK_SECONDS = 0.01


class Lateness:
    """Lets a timer of 10 ms tick on the interface's thread, and notes how late every tick is.

    While the thread is busy no tick can come; the next one is late by as much.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._due = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Self:
        self._due = time.perf_counter() + _TICK_SECONDS
        self._timer.start(round(1000 * _TICK_SECONDS))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.stop()

    def p99_ms(self) -> float:
        """Return how late all but one in a hundred ticks were at most, in milliseconds."""
        return 1000 * float(np.quantile(self.seconds, 0.99)) if self.seconds else 0.0

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds.append(max(0.0, now - self._due))
        self._due = now + _TICK_SECONDS
