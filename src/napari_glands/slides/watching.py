"""Arrays whose readers stop when a job is cancelled."""

from __future__ import annotations

from typing import Any

from napari_glands.progress import CancelToken
from napari_glands.slides.objects import ArrayLike

__all__ = ["watched"]


def watched(array: ArrayLike, cancel: CancelToken | None) -> ArrayLike:
    """Return an array that looks for a cancel request each time a part of it is read.

    What goes through a large array block by block need not know of jobs then.

    Parameters
    ----------
    array
        Numpy, zarr, or whatever gives parts when cut with slices.
    cancel
        The token; without one the array itself is returned.
    """
    return array if cancel is None else _Watched(array, cancel)


class _Watched:
    def __init__(self, array: ArrayLike, cancel: CancelToken) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._cancel = array, cancel

    def __getitem__(self, key: Any) -> Any:
        self._cancel.check()
        return self._array[key]
