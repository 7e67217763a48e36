"""The commands that write files for other programs and compare label images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_glands.cli.images import exit_over_slides
from napari_glands.cli.options import Changes, changed, with_settings
from napari_glands.cli.terminal import note, print_json, print_lines, print_table, work
from napari_glands.errors import GlandsError
from napari_glands.jobs import CancelToken, Event, Report
from napari_glands.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.segmentation.result import Prediction
    from napari_glands.slides import Grid, Slide, Window

__all__ = ["Format", "Named", "evaluate", "export", "export_all", "export_project", "write"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


class Format(StrEnum):
    """A format of exported glands."""

    OME_ZARR = "ome-zarr"
    GEOJSON = "geojson"
    CSV = "csv"
    PNG = "png"


# These show the image, which has to be there for them.
_SHOWING = (Format.OME_ZARR, Format.PNG)


@with_settings(export=None)
def export(
    *,
    project: Annotated[
        Path, typer.Option("--project", "-p", help="Project folder.", show_default=False)
    ],
    format_: Annotated[
        list[Format], typer.Option("--format", "-f", help="Format; may be given several times.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")],
    slide: Annotated[
        list[str] | None,
        typer.Option(
            "--slide",
            help="Name or id of a slide; may be given several times. Without it, all.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of an earlier export.")
    ] = False,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Write the predicted glands for QuPath, napari, Fiji and pandas."""

    def job(report: Report, cancel: CancelToken) -> Exported:
        from napari_glands.project import Project

        with Project.open(project, read_only=True) as opened:
            settings = changed(opened.settings, changes)
            return export_project(
                opened,
                out,
                settings,
                format_,
                only=slide or (),
                overwrite=overwrite,
                report=report,
                cancel=cancel,
            )

    done = work(job)
    if as_json:
        print_json({"files": done.files, "left_out": done.left_out})
    else:
        print_lines(*done.files)
    exit_over_slides(done.left_out)


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    files
        What was written.
    left_out
        What was not and why, a sentence for each slide.
    """

    files: list[str]
    left_out: list[str]


def evaluate(
    *,
    pred: Annotated[Path, typer.Option("--pred", help="Folder of predicted label images.")],
    truth: Annotated[Path, typer.Option("--truth", help="Folder of true label images.")],
    mpp: Annotated[
        float | None, typer.Option("--mpp", help="µm per pixel, for distances in µm.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare label images: pooled mIOU and Dice, GlaS object F1, Dice and Hausdorff."""

    def job(report: Report, cancel: CancelToken) -> Any:
        from napari_glands.evaluation import evaluate_folders

        return evaluate_folders(pred, truth, mpp=mpp, report=report, cancel=cancel)

    result = work(job)
    for warning in result.warnings:
        note(f"Warning: {warning}")
    if as_json:
        print_json(result.to_dict())
        return
    shown = ("image", "miou", "dice", "object_f1", "object_dice", "object_hausdorff_px")
    rows = [{k: v for k, v in row.items() if k in shown} for row in result.table()]
    print_table(f"{pred} against {truth}", rows)


def export_project(
    project: Any,
    out: Path,
    settings: Settings,
    formats: list[Format],
    *,
    only: Sequence[str] = (),
    overwrite: bool,
    report: Report,
    cancel: CancelToken,
) -> Exported:
    """Write the predictions of a project, or of `only` some slides.

    A slide whose prediction is damaged is left out. One whose image cannot be opened is left out
    of the formats that show it.
    """
    from napari_glands.export import file_name
    from napari_glands.project.left_out import LeftOut

    wanted = [e for e in project.slides if not only or {e.id, e.name} & set(only)]
    unknown = set(only) - {word for e in wanted for word in (e.id, e.name)}
    if unknown:
        raise GlandsError(f"The project has no slide {', '.join(sorted(unknown))}.")
    left = LeftOut("export", report)
    wanted = left.sound(project, wanted, ["prediction"])
    left.raise_if_all([entry.id for entry in wanted], ())
    entries = [e for e in wanted if project.facts(e.id, "prediction") is not None]
    if not entries:
        raise GlandsError("No slide has a prediction yet: run the step `predict` first.")
    missing = [e.name for e in wanted if e not in entries]
    if missing:
        note(f"Warning: left out, because they have no prediction: {', '.join(missing)}")
    predicted = (e for e in project.slides if project.sound_facts(e.id, "prediction"))
    names = Counter(file_name(entry.name).casefold() for entry in predicted)
    written: list[str] = []
    for n, entry in enumerate(entries):
        cancel.check()
        showing = [f for f in formats if f in _SHOWING]
        slide = left.opened(project, entry) if showing else None
        possible = [f for f in formats if slide is not None or f not in _SHOWING]
        name = file_name(entry.name)
        # Two images of one name must not share a file.
        named = Named(slide, name if names[name.casefold()] == 1 else entry.id)
        with left.on_damage(entry):
            files = export_all(
                project.load_prediction(entry.id),
                named,
                out,
                settings,
                formats=possible,
                overwrite=overwrite,
                cancel=cancel,
            )
            written += [str(file) for file in files]
            report(Event("export", (n + 1) / len(entries), f"Exported {entry.name}"))
        if slide is not None:
            slide.close()
    left.raise_if_all(written, ())
    return Exported(written, left.sentences)


def export_all(
    prediction: Prediction,
    slide: Slide | Named,
    out: Path,
    settings: Settings,
    table: pd.DataFrame | None = None,
    formats: Sequence[Format] = tuple(Format),
    *,
    overwrite: bool = True,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Write a prediction in some formats, all when not given; return the files.

    The glands are measured once for all of them, where no table of them is given.
    """
    from napari_glands.measurement import measure

    measured = {Format.OME_ZARR, Format.GEOJSON, Format.CSV}
    if table is None and measured & set(formats):
        table = measure(prediction, cancel=cancel)
    written = []
    for format_ in formats:
        written += write(
            prediction, slide, out, format_, settings, table, overwrite=overwrite, cancel=cancel
        )
    return written


def write(
    prediction: Prediction,
    slide: Slide | Named,
    out: Path,
    format_: Format,
    settings: Settings,
    table: pd.DataFrame | None = None,
    *,
    overwrite: bool,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Write a prediction in one format, in files named after the slide; return them."""
    from napari_glands.export import (
        export_csv,
        export_geojson,
        export_ome_zarr,
        export_png,
        file_name,
    )

    name = file_name(slide.name)
    writers: dict[Format, Callable[[], list[Path]]] = {
        Format.OME_ZARR: lambda: [
            export_ome_zarr(
                prediction,
                out / f"{name}.zarr",
                ngff=settings.export.ngff,
                slide=slide,
                overwrite=overwrite,
                table=table,
                cancel=cancel,
            )
        ],
        Format.GEOJSON: lambda: [
            export_geojson(
                prediction,
                out / f"{name}.geojson",
                classification=settings.export.classification,
                overwrite=overwrite,
                table=table,
                cancel=cancel,
            )
        ],
        Format.CSV: lambda: [
            export_csv(
                prediction,
                out / f"{name}.csv",
                style=settings.export.csv_style,
                overwrite=overwrite,
                table=table,
                cancel=cancel,
            )
        ],
        Format.PNG: lambda: list(
            export_png(prediction, out, slide, overwrite=overwrite, cancel=cancel)
        ),
    }
    return writers[format_]()


@dataclass(frozen=True)
class Named:
    """A slide under the name that its files get; None for formats that do not show it."""

    slide: Slide | None
    name: str

    @property
    def _image(self) -> Slide:
        assert self.slide is not None, "no image is there to be shown"
        return self.slide

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at level 0."""
        return self._image.shape

    @property
    def mpp(self) -> float:
        """Micrometres per level-0 pixel."""
        return self._image.mpp

    def grid(self, mpp: float) -> Grid:
        """Return the grid that covers the slide at about `mpp` µm per pixel."""
        return self._image.grid(mpp)

    def read_window(self, grid: Grid, window: Window) -> np.ndarray:
        """Return uint8 (y, x, 3) of a part of that grid."""
        return self._image.read_window(grid, window)
