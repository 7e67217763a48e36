"""Running a command of this program in a process of its own, to measure what it costs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_glands.errors import GlandsError

__all__ = ["Cost", "run_measured"]

_POLL_S = 0.02


@dataclass(frozen=True)
class Cost:
    """What a process cost.

    Attributes
    ----------
    seconds
        From its start to its end.
    peak_gb
        Largest resident memory, in 10⁹ bytes, of it and its children together; it is looked at
        50 times a second.
    output
        What it printed.
    """

    seconds: float
    peak_gb: float
    output: str


def run_measured(arguments: Sequence[str], log: Path) -> Cost:
    """Run ``python -m napari_glands`` with some arguments.

    Parameters
    ----------
    arguments
        Of the command line.
    log
        File for what it says on the way.

    Raises
    ------
    GlandsError
        When it fails; the message is its own.
    """
    clock = time.perf_counter()
    with log.open("a", encoding="utf-8") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "napari_glands", *arguments],
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
        )
        peak = _Peak(process.pid)
        peak.start()
        output, _ = process.communicate()
        seconds = time.perf_counter() - clock
        peak.join()
    if process.returncode:
        raise GlandsError(f"`napari-glands {' '.join(arguments)}` failed: see {log}.")
    return Cost(seconds, peak.bytes / 1e9, output)


class _Peak(threading.Thread):
    """Watches the memory of a process and its children until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self.bytes = 0

    def run(self) -> None:
        try:
            while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                family = [self._process, *self._process.children(recursive=True)]
                self.bytes = max(self.bytes, sum(_resident(member) for member in family))
                time.sleep(_POLL_S)
        except psutil.NoSuchProcess:
            pass


def _resident(process: psutil.Process) -> int:
    """Return the resident memory of a process."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
