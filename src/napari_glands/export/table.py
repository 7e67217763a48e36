"""The measurement table as CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from napari_glands.errors import GlandsError
from napari_glands.export.aside import written_aside
from napari_glands.export.units import in_known_units, said_of
from napari_glands.measurement import measure
from napari_glands.progress import CancelToken

if TYPE_CHECKING:
    from napari_glands.segmentation.result import Prediction

__all__ = ["as_text", "export_csv"]

# What a spreadsheet takes for the beginning of a formula; the wide ones, where Japanese is set.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_STYLES: dict[str, dict[str, str]] = {
    "comma": {"sep": ",", "decimal": "."},
    "semicolon": {"sep": ";", "decimal": ","},
}


def export_csv(
    prediction: Prediction,
    path: str | Path,
    *,
    style: Literal["comma", "semicolon"] = "comma",
    overwrite: bool = False,
    table: pd.DataFrame | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Write the measurements of all glands, one row per gland.

    Parameters
    ----------
    prediction
        What to measure.
    path
        File to make.
    style
        ``"comma"``: commas between the columns and decimal points; ``"semicolon"``: semicolons
        and decimal commas, as spreadsheets in much of Europe and R's ``read.csv2`` expect.
    overwrite
        Whether an existing file may be replaced.
    table
        Measurements of the prediction, from `measure`; they are taken when not given.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    Path
        The file: UTF-8 with a byte order mark, by which spreadsheets know it. TRUE, FALSE and NA
        are what R and pandas take for logical and missing values. Text that a spreadsheet would
        take for a formula gets an apostrophe before it. Where it is known whence the pixel size
        comes, the columns ``pixel_size_um`` and ``pixel_size_source`` (file, estimated, assumed or
        given) follow the measurements.

    Raises
    ------
    GlandsError
        When the file exists or cannot be written; nothing half-written is left then.
    """
    path = Path(path)
    table = measure(prediction, cancel=cancel) if table is None else table
    table = as_text(_with_pixel_size(table, prediction))
    with written_aside(path, overwrite=overwrite) as aside:
        table.to_csv(
            aside,
            index=False,
            na_rep="NA",
            quoting=_quoting(table),
            encoding="utf-8-sig",
            lineterminator="\n",
            **_style(style),
        )
    return path


def _style(style: str) -> dict[str, Any]:
    try:
        return _STYLES[style]
    except KeyError:
        raise GlandsError(
            f"There is no CSV style {style!r}: choose {' or '.join(_STYLES)}."
        ) from None


def _with_pixel_size(table: pd.DataFrame, prediction: Prediction) -> pd.DataFrame:
    """Add whence the pixel size comes, where that is known."""
    source = prediction.mpp_source
    table = in_known_units(table, source)
    if source in (None, "unknown"):
        return table
    size = prediction.grid.slide_mpp
    return table.assign(pixel_size_um=size, pixel_size_source=said_of(source))


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write logical values as R knows them, and text so that no spreadsheet computes it."""
    changed: dict[str, Any] = {}
    for name in table.columns:
        column = table[name]
        if column.dtype == bool:
            changed[name] = np.where(column, "TRUE", "FALSE")
        elif _is_text(column):
            changed[name] = [_plain(value) for value in column]
    return table.assign(**changed)


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _quoting(table: pd.DataFrame) -> Literal[0, 2]:
    """Quote all text where some has a separator in it.

    A spreadsheet that expects the other style would begin a cell, and perhaps a formula, there.
    """
    texts = [table[name] for name in table.columns if _is_text(table[name])]
    words = {str(word) for text in texts for word in text.unique()}
    risky = any(mark in word for word in words for mark in ",;\t|")
    return csv.QUOTE_NONNUMERIC if risky else csv.QUOTE_MINIMAL
