"""Memory of a processor: kept for the next tile, as frameworks keep that of a GPU."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

__all__ = ["keep_freed_memory"]

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3)
_LARGEST_KEPT = 32 * 2**20  # bytes of one array: the most that glibc takes from its own memory
_MOST_KEPT = 256 * 2**20  # bytes in all: what a network's layers need for one tile


@cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to 256 MB, instead of giving it back at once.

    Each layer of a network frees as much as the next one asks for. Where the C library hands that
    back to the system in between, every page is asked for and zeroed anew: up to a quarter of the
    time of a forward pass. Only glibc can be told so; others keep their ways.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        library.mallopt(_TRIM_THRESHOLD, _MOST_KEPT)
