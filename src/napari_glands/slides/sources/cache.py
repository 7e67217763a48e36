"""Keeping recently decoded images, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

__all__ = ["PixelCache", "decoded"]


class PixelCache:
    """The arrays used last, up to a number of bytes; safe to share between threads.

    Parameters
    ----------
    max_bytes
        Above this the arrays that were not used for longest are let go, all but the newest.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the array of `key`, made when it is not there."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        array = make()
        array.flags.writeable = False
        with self._lock:
            self._arrays[key] = array
            while len(self._arrays) > 1 and self._bytes() > self._max_bytes:
                self._arrays.popitem(last=False)
        return array

    def holds(self, key: Hashable) -> bool:
        """Tell whether the array of `key` is there."""
        with self._lock:
            return key in self._arrays

    def drop(self, key: Hashable) -> None:
        """Forget one array."""
        with self._lock:
            self._arrays.pop(key, None)

    def _bytes(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())


# Shared by all slides, so that opening a hundred images does not hold a hundred decoded ones.
decoded = PixelCache(1 << 30)
