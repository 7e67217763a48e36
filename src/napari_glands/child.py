"""What every process does that this program starts: it belongs to the one that started it."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from multiprocessing import parent_process

__all__ = ["begin_child", "portable"]


def begin_child() -> None:
    """Leave Ctrl-C to the process that started this one, and end as soon as that is gone."""
    # Ctrl-C reaches all processes of a terminal, but it is for the first to stop the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def portable(error: Exception) -> Exception:
    """Return an error as another process can receive it, with its traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an exception of its own kind
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """End this process at once when the one that started it is gone, however that ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
