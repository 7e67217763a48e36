"""What is said about lengths and areas whose pixel size is estimated, assumed or not known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import SizeSource

__all__ = ["in_known_units", "said_of", "source_said", "unit_of"]

_SAID: dict[SizeSource, str] = {
    "metadata": "file",
    "given": "given",
    "estimated": "estimated",
    "default": "assumed",
    "unknown": "unknown",
}


def said_of(source: SizeSource) -> str:
    """Return the word by which exported files say where a pixel size comes from."""
    return _SAID[source]


def source_said(word: str | None) -> SizeSource | None:
    """Return where a pixel size comes from, by the word for it; None for another word."""
    return next((source for source, said in _SAID.items() if said == word), None)


def unit_of(source: SizeSource | None) -> str:
    """Return the unit of lengths: µm, or px where the size of a pixel is not known."""
    return "px" if source == "unknown" else "µm"


def in_known_units(table: pd.DataFrame, source: SizeSource | None) -> pd.DataFrame:
    """Name the columns of a table of measurements by what its lengths and areas are in."""
    if source != "unknown":
        return table
    return table.rename(columns=lambda name: re.sub(r"_um(2?)$", r"_px\1", name))
