"""Running something in a process of its own: whatever it does, it ends, and is told about.

The process is forked, so that it starts in no time with everything imported. The parent must not
have trained a network: torch refuses to go on in a fork then.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ended", "in_child", "start_child", "wait_child"]

_FORKING = threading.Lock()
_HARD_LIMIT = 3 << 30  # bytes above the start at which the system refuses more


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes
    ----------
    result
        What the function returned; None when it did not return.
    trace
        The traceback of what it raised; empty when nothing.
    hung
        Whether it was killed because its time was up.
    code
        Exit status; negative for a signal.
    grown
        Bytes of memory it took at most, beyond what it started with.
    printed
        What it wrote to stdout and stderr.
    """

    result: Any
    trace: str
    hung: bool
    code: int
    grown: int
    printed: str


@dataclass
class Child:
    """A running child."""

    pid: int
    pipe: int
    output: Path
    started: float


def in_child(function: Callable[[], Any], seconds: float = 60.0, *, quiet: bool = True) -> Ended:
    """Run a function in a fork and wait for its end."""
    return wait_child(start_child(function, quiet=quiet), seconds)


def start_child(function: Callable[[], Any], *, quiet: bool = True) -> Child:
    """Start a function in a fork.

    Parameters
    ----------
    function
        What it returns has to be picklable.
    quiet
        Whether what it prints is kept, and memory is bounded.
    """
    handle, name = tempfile.mkstemp(prefix="printed-", dir=os.environ.get("ATTACK_TMP"))
    sys.stdout.flush()
    sys.stderr.flush()
    _FORKING.acquire()  # or a child of another thread would keep this one's pipe open
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _FORKING.release()
        os.close(reading)
        _run(function, writing, handle if quiet else None)
    os.close(writing)
    _FORKING.release()
    os.close(handle)
    return Child(pid, reading, Path(name), time.monotonic())


def wait_child(child: Child, seconds: float) -> Ended:
    """Wait for the end of a child, or end it when its time is up."""
    parts, deadline, hung = [], child.started + seconds, False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 and not hung:
            os.kill(child.pid, signal.SIGKILL)
            hung = True
        ready, _, _ = select.select([child.pipe], [], [], max(0.01, min(left, 1.0)))
        if ready:
            part = os.read(child.pipe, 1 << 20)
            if not part:
                break
            parts.append(part)
        elif hung:
            break
    os.close(child.pipe)
    _, status, usage = _reap(child.pid, deadline)
    printed = child.output.read_text(encoding="utf-8", errors="replace")
    child.output.unlink()
    told: dict[str, Any] = {}
    if parts and not hung:
        with contextlib.suppress(Exception):
            told = pickle.loads(b"".join(parts))
    return Ended(
        told.get("result"),
        told.get("trace", ""),
        hung,
        os.waitstatus_to_exitcode(status),
        max(0, usage.ru_maxrss * 1024 - told.get("start", usage.ru_maxrss * 1024)),
        printed,
    )


def _reap(pid: int, deadline: float) -> tuple[int, int, Any]:
    """Collect a child; one that closed its pipe but does not leave is ended."""
    patience = max(deadline, time.monotonic() + 5)
    while time.monotonic() < patience:
        found = os.wait4(pid, os.WNOHANG)
        if found[0]:
            return found
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    return os.wait4(pid, 0)


def _run(function: Callable[[], Any], pipe: int, output: int | None) -> None:
    """Run the function in the child, tell the parent, and leave without any clean-up."""
    told: dict[str, Any] = {}
    code = 0
    try:
        if output is not None:
            _print_to(output)
            _limit_memory()
        told["start"] = _resident()
        told["result"] = function()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        told["trace"] = traceback.format_exc()
        code = 70
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    with contextlib.suppress(BaseException), os.fdopen(pipe, "wb") as file:
        file.write(pickle.dumps(told))
    os._exit(code)


def _print_to(output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, encoding="utf-8", closefd=False) for number in (1, 2)
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _limit_memory() -> None:
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (data + _HARD_LIMIT, data + _HARD_LIMIT))
