"""What every kind of source offers to `Slide`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.pixel_size import StatedSize

__all__ = ["Source", "about"]


def about(path: Path | str, error: GlandsError) -> GlandsError:
    """Return an error whose message begins with the file it is about."""
    text = str(error)
    return error if text.startswith(str(path)) else GlandsError(f"{path}: {text.rstrip('.')}.")


@runtime_checkable
class Source(Protocol):
    """Pixels of one image at one or more levels, already turned into 8-bit RGB.

    A source may be read by several threads at once and can be pickled. It closes what it has
    opened when it is no longer used.

    Attributes
    ----------
    kind
        Short name of the kind of source, such as ``"openslide"``.
    shapes
        Rows and columns of each level, finest first.
    sizes
        What the source states of its pixel size, the most trustworthy first.
    picture
        Which of several pictures of the file it is, from 1; None where there is but one.
    """

    kind: str
    shapes: tuple[tuple[int, int], ...]
    sizes: tuple[StatedSize, ...]
    picture: int | None

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        ...

    def checksum(self) -> str:
        """Return the hexadecimal SHA-256 that identifies the content of the whole file."""
        ...

    def close(self) -> None:
        """Release open files; a closed source opens them again when it is read."""
        ...
