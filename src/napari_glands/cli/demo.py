"""The command that shows everything on the embedded samples."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_glands.cli.files import Format, export_project
from napari_glands.cli.options import Changes, PresetOption, changed, with_settings
from napari_glands.cli.terminal import fail, print_json, print_lines, print_table, work
from napari_glands.errors import GlandsError
from napari_glands.jobs import CancelToken, Report
from napari_glands.presets import PresetName
from napari_glands.presets import preset as named_settings
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.project import Project
    from napari_glands.sample_data import Sample

__all__ = ["demo", "demo_settings"]

FORMATS = [Format.OME_ZARR, Format.GEOJSON, Format.CSV, Format.PNG]


def demo_settings(*, quick: bool = False, preset: PresetName | None = None) -> Settings:
    """Return settings that suit two small images.

    Parameters
    ----------
    quick
        Whether to train just long enough to see that everything works.
    preset
        A preset to take instead.
    """
    if preset is not None:
        return named_settings(preset)
    settings = Settings().updated("train", iterations=200, rounds=2)
    if quick:
        settings = settings.updated("exterior", iterations=30)
        settings = settings.updated("train", iterations=40, rounds=1)
    return settings


@with_settings(general=("device", "seed"))
def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path(
        "demo-out"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="Train only as long as it takes to see that it works.")
    ] = False,
    preset: PresetOption = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the result in napari.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    changes: Changes,
) -> None:
    """Run both stages on the embedded samples. Run again, it goes on where it was stopped."""
    if quick and preset:
        raise typer.BadParameter("give either --quick or --preset.")
    settings = changed(demo_settings(quick=quick, preset=preset), changes)

    def job(report: Report, cancel: CancelToken) -> dict[str, Any] | None:
        return _run_demo(out, settings, report, cancel)

    result = work(job)
    if as_json:
        print_json(result)
    elif result is not None:
        _show(result)
    if open_:
        from napari_glands.cli.viewer import show_workbench

        try:
            show_workbench(out / "project.glands", [])
        except GlandsError as error:
            raise fail(str(error)) from error


def _run_demo(
    out: Path, settings: Settings, report: Report, cancel: CancelToken
) -> dict[str, Any] | None:
    from napari_glands.project import Project
    from napari_glands.project.steps import run_all
    from napari_glands.sample_data import embedded_samples

    clock = time.perf_counter()
    samples = {sample.name: sample for sample in embedded_samples()}
    with Project.create_or_open(out / "project.glands", settings) as project:
        for sample in samples.values():
            project.add_slides([_write_sample(sample, out)], mpp=sample.mpp)
        summary = run_all(project, report=report, cancel=cancel)
        if cancel.cancelled:
            return None
        written = export_project(
            project, out / "export", settings, FORMATS, overwrite=True, report=report, cancel=cancel
        )
        images = [
            {**row, **_scores(project, row["slide_id"], samples.get(row["name"]))}
            for row in summary.to_dict()["rows"]
        ]
    return {
        "images": images,
        "step_seconds": summary.seconds,
        "seconds": round(time.perf_counter() - clock, 1),
        "device": summary.device,
        "project": summary.project,
        "files": written.files,
    }


def _write_sample(sample: Sample, out: Path) -> Path:
    """Write a sample, and its truth to compare with, as the files a user would have."""
    path = out / "images" / f"{sample.name}.png"
    _write_png(path, sample.image)
    if sample.truth is not None:
        _write_png(out / "truth" / f"{sample.name}.png", sample.truth.astype(np.uint16))
    return path


def _write_png(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    from napari_glands.export import written_aside

    with written_aside(path, overwrite=True) as aside:
        Image.fromarray(pixels).save(aside)


def _scores(project: Project, slide_id: str, sample: Sample | None) -> dict[str, float | None]:
    """Compare a prediction with the truth at level 0; None where nobody knows the truth."""
    if sample is None or sample.truth is None:
        return {"pooled_miou": None, "object_f1": None}
    from napari_glands.evaluation import evaluate
    from napari_glands.slides.label_resampling import nearest

    glands = nearest(project.load_prediction(slide_id).glands, sample.truth.shape)
    pooled = evaluate(glands, sample.truth).pooled
    return {"pooled_miou": round(pooled.miou, 4), "object_f1": round(pooled.object_f1, 4)}


def _show(result: dict[str, Any]) -> None:
    rows = [
        {
            "image": row["name"],
            "priors": row["priors"],
            "glands": row["glands"],
            "pooled mIOU": row["pooled_miou"],
            "object F1": row["object_f1"],
        }
        for row in result["images"]
    ]
    print_table("napari-glands demo", rows)
    steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in result["step_seconds"].items())
    print_lines(
        f"Times: {steps}; in all {result['seconds']:.0f} s",
        f"Device: {result['device']}",
        f"Project: {result['project']}",
        "Files:",
        *(f"  {file}" for file in result["files"]),
    )
