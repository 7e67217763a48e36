"""What a user looks at while a step runs, and how often the step draws a picture of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from napari_glands.progress import Picture

__all__ = ["LiveView", "Wish"]

logger = logging.getLogger(__name__)

_INTERVAL = 3.0  # seconds between two pictures
_ASK_AGAIN = 0.2  # seconds until a wish that could not be drawn is looked at again
_MOST_TIME = 0.08  # share of the run that pictures may take


@dataclass(frozen=True)
class Wish:
    """The part of a slide that is in view.

    Attributes
    ----------
    slide_id
        The slide on show.
    box
        Top, left, bottom and right edge in µm from the whole slide's upper left edge; None
        for all.
    """

    slide_id: str
    box: tuple[float, float, float, float] | None = None


class LiveView:
    """Passes wishes from the interface to the work; both sides may call from their threads.

    Parameters
    ----------
    interval
        Shortest time in seconds between two pictures.
    most_time
        Share of the run that pictures may take; they come less often where drawing one is slow.
    """

    def __init__(self, interval: float = _INTERVAL, most_time: float = _MOST_TIME) -> None:
        self._interval, self._most_time = interval, most_time
        self._lock = threading.Lock()
        self._wish: Wish | None = None
        self._next = 0.0
        self._broken = False

    # ---- the interface's side

    def look_at(self, wish: Wish | None) -> None:
        """Ask for pictures of a part of a slide from now on; None for no pictures."""
        with self._lock:
            self._wish = wish

    # ---- the work's side

    def begin(self) -> None:
        """Begin a run: its first picture is due at once."""
        with self._lock:
            self._next, self._broken = 0.0, False

    def picture(self, draw: Callable[[Wish], Picture | None]) -> Picture | None:
        """Return a picture when one is wished for and due, else None.

        Parameters
        ----------
        draw
            Draws the wish, or returns None when it cannot: of another slide, for example. It must
            change neither the network nor any random state. Whatever it raises, running out of
            memory included, ends the pictures of this run and not the run.
        """
        with self._lock:
            wish, began = self._wish, time.monotonic()
            if wish is None or self._broken or began < self._next:
                return None
        try:
            picture = draw(wish)
        except Exception:
            logger.warning("No further live pictures in this run", exc_info=True)
            picture, self._broken = None, True
        ended = time.monotonic()
        interval = _ASK_AGAIN if picture is None else self._interval
        pause = max(interval, (ended - began) / self._most_time)
        with self._lock:
            self._next = ended + pause
        return picture
