"""The measurement table as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.export.aside import written_aside
from napari_glands.measurement import measure
from napari_glands.progress import CancelToken

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import Prediction

__all__ = ["export_csv"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_csv(
    prediction: Prediction,
    path: str | Path,
    *,
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
    overwrite
        Whether an existing file may be replaced.
    table
        Measurements of the prediction, from `measure`; they are taken when not given.
    cancel
        Cancel request, looked at between blocks.

    Returns
    -------
    Path
        The file: comma-separated UTF-8 with a byte order mark, by which spreadsheets know it. A
        slide name that a spreadsheet would take for a formula gets an apostrophe before it.

    Raises
    ------
    GlandsError
        When the file exists or cannot be written; nothing half-written is left then.
    """
    path = Path(path)
    table = measure(prediction, cancel=cancel) if table is None else table
    names = [f"'{name}" if name.startswith(_FORMULA) else name for name in table["slide"]]
    with written_aside(path, overwrite=overwrite) as aside:
        table.assign(slide=names).to_csv(
            aside, index=False, encoding="utf-8-sig", lineterminator="\n"
        )
    return path
