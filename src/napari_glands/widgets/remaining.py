"""How long a job will still take, as far as that can be told."""

from __future__ import annotations

import math

__all__ = ["Remaining", "in_words"]

_SETTLED_SECONDS = 6.0  # before that, loading and warming up say nothing about the rest
_SETTLED_SHARE = 0.02
_MEMORY_SECONDS = 30.0  # how far back the pace is looked at
_CALM = 0.25  # weight of a new estimate against the one on show


class Remaining:
    """Estimates the seconds left from the share that is done, leaving pauses out."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._shown = self._at = math.nan
        self._paused_at = math.nan
        self._paused = 0.0

    def pause(self, now: float) -> None:
        """Stop the clock."""
        if math.isnan(self._paused_at):
            self._paused_at = now

    def resume(self, now: float) -> None:
        """Let the clock go on."""
        if not math.isnan(self._paused_at):
            self._paused += now - self._paused_at
            self._paused_at = math.nan

    def update(self, now: float, share: float) -> float:
        """Take in how far the job is; return the seconds left, or NaN when it is too early.

        Parameters
        ----------
        now
            Time in seconds of any clock that runs evenly.
        share
            Share of the job that is done, in [0, 1].
        """
        if not math.isnan(self._paused_at):
            return self._shown
        now -= self._paused
        if self._points and share < self._points[-1][1]:
            self._points, self._shown = [], math.nan  # a job of several parts began another
        self._points.append((now, share))
        began, first = self._points[0]
        if now - began < _SETTLED_SECONDS or share - first < _SETTLED_SHARE:
            return math.nan
        self._forget(now)
        since, then = self._points[0]
        if share <= then:
            return self._shown
        estimate = (1 - share) * (now - since) / (share - then)
        expected = self._expected(now)
        self._shown = estimate if math.isnan(expected) else _mix(expected, estimate)
        self._at = now
        return self._shown

    def _expected(self, now: float) -> float:
        """Return what the estimate on show has come down to by now."""
        return math.nan if math.isnan(self._shown) else max(0.0, self._shown - (now - self._at))

    def _forget(self, now: float) -> None:
        """Drop what is older than the memory, but keep enough for the pace to be told."""
        while len(self._points) > 2:
            time, share = self._points[1]
            enough = self._points[-1][1] - share >= _SETTLED_SHARE
            if now - time < _MEMORY_SECONDS or not enough:
                break
            self._points.pop(0)


def in_words(seconds: float) -> str:
    """Say how long that is, no more exactly than it can be known; nothing for NaN."""
    if math.isnan(seconds):
        return ""
    if seconds < 8:
        return "a few seconds left"
    if seconds < 55:
        return f"about {10 * max(1, round(seconds / 10))} s left"
    minutes = seconds / 60
    if minutes < 55:
        return f"about {max(1, round(minutes))} min left"
    hours = minutes / 60
    return f"about {hours:.1f} h left" if hours < 9.95 else f"about {round(hours)} h left"


def _mix(expected: float, estimate: float) -> float:
    return (1 - _CALM) * expected + _CALM * estimate
