"""How long work reports where it is, and how it is told to pause and to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

__all__ = ["CancelToken", "Cancelled", "Event", "Picture", "Report", "ignore", "part_of"]


@dataclass(frozen=True, eq=False)
class Picture:
    """What a network sees in a part of a slide while it still learns or works.

    Attributes
    ----------
    slide_id
        The slide.
    values
        uint8 (y, x): 0..255 for 0..1.
    scale
        µm per pixel, by axis (y, x).
    translate
        Centre of the first pixel in µm from the centre of the slide's first pixel.
    """

    slide_id: str
    values: np.ndarray
    scale: tuple[float, float]
    translate: tuple[float, float]


@dataclass(frozen=True)
class Event:
    """One sign of life of a running step.

    Attributes
    ----------
    step
        The step that speaks: ``"exterior"``, ``"priors"``, ``"train"``, ``"predict"``, …
    fraction
        Share of the step that is done, in [0, 1].
    message
        One plain sentence for the user.
    values
        Figures that belong to this moment, such as the terms of the loss.
    picture
        What the network sees now, when somebody asked to see it; else None.
    """

    step: str
    fraction: float
    message: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    picture: Picture | None = None

    def within(self, start: float, share: float) -> Event:
        """Return the event of a part that takes `share` of the whole, from `start` on."""
        return replace(self, fraction=start + share * self.fraction)


Report = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Report to nobody."""


def part_of(report: Report, start: float, share: float) -> Report:
    """Fit the progress of a part that takes `share` of the whole, from `start` on, into it."""

    def part(event: Event) -> None:
        report(event.within(start, share))

    return part


class Cancelled(Exception):
    """Raised inside a step to leave it after a cancel request."""


class CancelToken:
    """What any thread may set and long work looks at between batches and tiles.

    Besides stopping, it pauses: work that calls `wait` or `check` then goes no further until it
    is resumed or cancelled.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._go = threading.Event()
        self._go.set()

    def cancel(self) -> None:
        """Ask the work to stop; paused work wakes up for it."""
        self._cancelled.set()
        self._go.set()

    def pause(self) -> None:
        """Ask the work to wait after the batch or tile that it is at."""
        if not self.cancelled:
            self._go.clear()
            if self.cancelled:  # by another thread, just now
                self._go.set()

    def resume(self) -> None:
        """Let paused work go on."""
        self._go.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._cancelled.is_set()

    @property
    def paused(self) -> bool:
        """Whether the work was asked to wait."""
        return not self._go.is_set()

    def wait(self) -> None:
        """Wait as long as the work is paused; a cancel request ends the waiting."""
        self._go.wait()

    def check(self) -> None:
        """Wait as long as the work is paused; raise `Cancelled` when it was asked to stop."""
        self.wait()
        if self.cancelled:
            raise Cancelled
