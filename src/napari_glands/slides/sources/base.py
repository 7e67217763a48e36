"""What every kind of source offers to `Slide`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

__all__ = ["Source"]


@runtime_checkable
class Source(Protocol):
    """Pixels of one image at one or more levels, already turned into 8-bit RGB.

    A source may be read by several threads at once and can be pickled.

    Attributes
    ----------
    kind
        Short name of the kind of source, such as ``"openslide"``.
    shapes
        Rows and columns of each level, finest first.
    mpp
        Micrometres per level-0 pixel (y, x) where the source states them, else None.
    """

    kind: str
    shapes: tuple[tuple[int, int], ...]
    mpp: tuple[float, float] | None

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        ...

    def checksum(self) -> str:
        """Return the hexadecimal SHA-256 that identifies the content."""
        ...

    def close(self) -> None:
        """Release open files; a closed source opens them again when it is read."""
        ...
