"""How long work reports where it is, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["CancelToken", "Cancelled", "Event", "Report", "ignore"]


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
    """

    step: str
    fraction: float
    message: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Report to nobody."""


class Cancelled(Exception):
    """Raised inside a step to leave it after a cancel request."""


class CancelToken:
    """A flag that any thread may set and that long work looks at between batches and tiles."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` when the work was asked to stop."""
        if self.cancelled:
            raise Cancelled
