"""How a long job leaves the interface its share of processor and interpreter."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

__all__ = ["courteous"]

_NICENESS = 10  # added to that of the job's thread
_SWITCH_SECONDS = 0.001  # Python's default is 5 ms, which the interface feels at every call


@contextlib.contextmanager
def courteous() -> Iterator[None]:
    """Let this thread, and those that it starts to compute with, give way to the interface's.

    The number of threads stays as it is: results depend on it in their last digits. Where the
    system knows no priorities of threads (all but Linux), only the interpreter is shared better.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, now + _NICENESS)
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SWITCH_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
