"""What a label image or picture says about itself in its comment, for people and for us."""

from __future__ import annotations

import math
import re

from napari_glands.export.units import said_of, source_said
from napari_glands.segmentation.result import SizeSource
from napari_glands.slides.grid import Grid

__all__ = ["note_on", "read_note"]

_NUMBER = r"([0-9.e+-]{1,30})"
# TIFF takes ASCII only.
_NOTE = re.compile(
    rf"napari-glands; pixel size {_NUMBER} [µu]m(?: \((\w+)\))?; "
    rf"lies on {_NUMBER} x {_NUMBER} px of {_NUMBER} [µu]m from {_NUMBER}, {_NUMBER}"
)


def note_on(grid: Grid, source: SizeSource | None) -> str:
    """Say how large the pixels of an image are, and where it lies on its slide (rows first)."""
    whence = f" ({said_of(source)})" if source in ("default", "estimated") else ""
    (height, width), (top, left) = grid.slide_shape, grid.origin
    return (
        f"napari-glands; pixel size {grid.pixel_area_um2**0.5:.6g} µm{whence}; "
        f"lies on {height} x {width} px of {grid.slide_mpp} µm from {top}, {left}"
    )


def read_note(text: str, shape: tuple[int, int]) -> tuple[Grid, SizeSource] | None:
    """Return where an image of a shape lies, from what `note_on` wrote; None for other text."""
    found = _NOTE.search(text)
    if found is None:
        return None
    word = found[2]
    try:
        height, width, mpp, top, left = (_number(found[n]) for n in range(3, 8))
    except ValueError:
        return None
    sizes, places = (height, width, mpp), (top, left)
    if min(sizes) <= 0 or not all(math.isfinite(value) for value in (*sizes, *places)):
        return None
    return Grid(shape, (height, width), mpp, (top, left)), source_said(word) or "metadata"


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)
