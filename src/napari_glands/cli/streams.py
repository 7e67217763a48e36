"""Output that is closed, cut off, or in another encoding than the text."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

__all__ = ["forgiving_streams", "to_nowhere"]


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Write escapes for what an encoding lacks, and end quietly when nobody reads any more."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _finish(stream)


def to_nowhere(stream: IO[str] | None) -> None:
    """Drop what is written to a stream from now on, and what it still holds."""
    if stream is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _finish(stream: IO[str] | None) -> None:
    """Flush a stream; what its reader does not take is dropped."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        to_nowhere(stream)
