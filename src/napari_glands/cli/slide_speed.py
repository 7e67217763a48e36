"""How long a whole slide takes, and how much memory, by its size."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.cli.measured_process import run_measured
from napari_glands.progress import CancelToken, Event, Report

if TYPE_CHECKING:
    from napari_glands.slides import Slide

__all__ = ["measure_slides"]


def measure_slides(
    images: Sequence[Slide],
    model: Path,
    sides: Sequence[int],
    out: Path,
    options: Sequence[str],
    report: Report,
    cancel: CancelToken,
) -> list[dict[str, Any]]:
    """Predict, split, measure and export mosaics of growing size, each in its own process.

    Parameters
    ----------
    images
        What the mosaics are made of.
    model
        Folder of the model.
    sides
        Rows and columns at level 0 of each mosaic.
    out
        Folder for the mosaics and what is made of them; it goes at the end.
    options
        More of the command line, such as the device.

    Returns
    -------
    list of dict
        One row per mosaic: its size, seconds and peak memory, how long opening it takes.
    """
    from napari_glands.evaluation.mosaic import write_mosaic
    from napari_glands.slides import open_slide

    rows = []
    out.mkdir(parents=True, exist_ok=True)
    for n, side in enumerate(sides):
        cancel.check()
        report(Event("speed", n / len(sides), f"A mosaic of {side} × {side} pixels"))
        mosaic = write_mosaic(out / f"mosaic-{side}.ome.tif", images, side)
        clock = time.perf_counter()
        slide = open_slide(mosaic)
        slide.pyramid()[-1].compute()
        opened = time.perf_counter() - clock
        made = out / f"mosaic-{side}"
        arguments = ["predict", str(mosaic), "--model", str(model), "--out", str(made), "--json"]
        cost = run_measured([*arguments, *options], out / f"mosaic-{side}.log")
        rows.append(
            {
                "side_px": side,
                "megapixels": round(side * side / 1e6),
                "mpp": slide.mpp,
                "glands": json.loads(cost.output)[0]["glands"],
                "seconds": round(cost.seconds, 1),
                "seconds_per_megapixel": round(cost.seconds / (side * side / 1e6), 3),
                "peak_gb": round(cost.peak_gb, 2),
                "opened_seconds": round(opened, 3),
            }
        )
        slide.close()
        shutil.rmtree(made)
        mosaic.unlink()
    return rows
