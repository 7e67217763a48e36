"""Ctrl-C, and the system's wish that the program ends: one line and an exit status of its own.

Signals are heard on a thread of their own. Python hands them to the main thread only between two
of its instructions, as an exception: during an import that is lost or becomes a traceback, and a
long computation of a library does not hear it at all.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

__all__ = ["heard", "held", "leaving", "listen", "listening", "until_closed"]

_LINES = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Ended."}
_SHOW_CURSOR = b"\x1b[?25h"


class _Ear:
    """Hears signals for a while.

    Attributes
    ----------
    number
        Of the first signal that was heard; 0 before.
    wish
        What the next signal does instead of ending the program at once.
    close
        Closes the window that is open; called on the main thread, where its library hears them.
    told
        Whether the user knows already that the program ends.
    """

    def __init__(self) -> None:
        self.number = 0
        self.wish: Callable[[], None] | None = None
        self.close: Callable[[], None] | None = None
        self.told = False
        self._pipe = os.pipe()
        if os.name != "nt":
            os.set_blocking(self._pipe[1], False)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)

    def start(self) -> list[Any]:
        """Begin; return the handlers there were before."""
        self._thread.start()
        before = [signal.signal(number, self._on_main_thread) for number in _LINES]
        return [*before, signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)]

    def stop(self, before: list[Any]) -> None:
        """Put the handlers back that there were before."""
        signal.set_wakeup_fd(before[-1])
        for number, handler in zip(_LINES, before, strict=False):
            signal.signal(number, handler)
        os.close(self._pipe[1])

    def leave(self, number: int) -> None:
        """End the program at once: all files are written aside, and locks end with it."""
        if not self.told:
            _say(_LINES.get(signal.Signals(number), "Ended."))
        os._exit(128 + number)

    def _listen(self) -> None:
        while numbers := os.read(self._pipe[0], 16):
            for number in numbers:
                if number in _LINES:
                    self._hear(number)
        os.close(self._pipe[0])

    def _hear(self, number: int) -> None:
        self.number = self.number or number
        wish, self.wish = self.wish, None
        if wish is None:
            self.leave(self.number)
        else:
            wish()

    def _on_main_thread(self, number: int, frame: FrameType | None) -> None:
        # Otherwise only there so that Python hears the signal: the thread acts on it.
        if self.close is not None:
            self.number = self.number or number
            self.close()


_ear: _Ear | None = None


def listen() -> None:
    """Hear signals from now on: until something else is said, one ends the program at once."""
    global _ear
    # The last of all that is done at the end: what follows is the interpreter's own, and short.
    atexit.register(_stop_hearing)
    _ear = _Ear()
    _ear.start()
    if hasattr(os, "register_at_fork"):  # a child's signals are not for this process
        os.register_at_fork(after_in_child=_hear_nothing)


@contextmanager
def listening() -> Iterator[None]:
    """Hear signals within the block, if nobody does already and this is the main thread."""
    global _ear
    if _ear is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _ear = ear = _Ear()
    before = ear.start()
    try:
        yield
    finally:
        ear.stop(before)
        _ear = None


@contextmanager
def leaving(ask: Callable[[], None]) -> Iterator[None]:
    """Let the first signal ask the work in the block to end; the next ends the program at once.

    Parameters
    ----------
    ask
        Asks it and tells the user; called on a thread of its own.
    """
    ear = _ear
    if ear is None:
        yield
        return

    def wish() -> None:
        ear.told = True
        ask()

    ear.wish = wish
    try:
        yield
    finally:
        ear.wish = None


@contextmanager
def held() -> Iterator[None]:
    """Let the first signal wait for the end of the block; a result is printed whole."""
    if _ear is None:
        yield
        return
    _ear.wish = lambda: None
    try:
        yield
    finally:
        waiting, _ear.wish = _ear.wish is None, None
        if waiting:
            _ear.leave(_ear.number)


@contextmanager
def until_closed(close: Callable[[], None]) -> Iterator[None]:
    """Let a signal close the window that is open within the block, as its own button does."""
    if _ear is None:
        yield
        return
    _ear.close = close
    try:
        yield
    finally:
        _ear.close = None


def heard() -> int:
    """Return the number of the signal by which the program was asked to end; 0 for none."""
    return 0 if _ear is None else _ear.number


def _say(text: str) -> None:
    with suppress(OSError):
        shown = _SHOW_CURSOR if os.isatty(2) else b""
        os.write(2, shown + text.encode() + b"\n")


def _stop_hearing() -> None:
    for number in _LINES:
        signal.signal(number, signal.SIG_IGN)


def _hear_nothing() -> None:
    signal.set_wakeup_fd(-1)
    for number in _LINES:
        signal.signal(number, signal.SIG_DFL)
