"""``benchmark speed``: what the program costs, beside peers in the same run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_glands.cli.options import Changes, changed, with_settings
from napari_glands.cli.terminal import print_json, print_table, work
from napari_glands.jobs import CancelToken, Report
from napari_glands.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from napari_glands.slides import Slide

__all__ = ["speed"]

_FIELD = (522, 775)
_PREDICTED_SIDE = 8192  # level-0 pixels of the mosaic on which tiled prediction is timed


class Part(StrEnum):
    """What can be measured on its own."""

    STAGE1 = "stage1"
    TRAIN = "train"
    PREDICT = "predict"
    SLIDES = "slides"
    STARTUP = "startup"


@with_settings(general=("device", "working_mpp"))
def speed(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images of one size: files, folders or patterns; synthetic fields without them.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="Folder of true label images, to score the priors with."),
    ] = None,
    mpp: Annotated[float | None, typer.Option("--mpp", help="µm per pixel of the images.")] = None,
    count: Annotated[
        int, typer.Option("--images", help="Number of images that take part.", min=1)
    ] = 10,
    seeds: Annotated[int, typer.Option("--seeds", help="Number of seeds of stage 1.", min=1)] = 3,
    side: Annotated[
        list[int] | None,
        typer.Option(
            "--side",
            min=512,
            help="Rows and columns of a mosaic that is predicted; give it several times.  "
            "[default: 5000, 10000 and 20000]",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Model to predict mosaics with; else one is trained."),
    ] = None,
    part: Annotated[
        list[Part] | None,
        typer.Option("--part", help="What to measure, given several times.  [default: all]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for what is made on the way, and for the logs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    changes: Changes,
) -> None:
    """Time every step against a peer in the same run, and whole slides by their size."""
    settings = changed(Settings(), changes)
    parts = part or list(Part)

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        with ExitStack() as stack:
            folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            slides, truths = _material(images, truth, mpp, count)
            measures = {
                Part.STAGE1: lambda: _stage1(slides, truths, settings, seeds, report, cancel),
                Part.TRAIN: lambda: _train(slides, settings, report, cancel),
                Part.PREDICT: lambda: _predict(slides, settings, folder, report, cancel),
                Part.SLIDES: lambda: _slides(
                    slides, settings, side or [5000, 10000, 20000], model, folder, report, cancel
                ),
                Part.STARTUP: _startup,
            }
            result: dict[str, Any] = {}
            for name in parts:
                cancel.check()
                result |= measures[name]()
            return result

    result = work(job)
    if as_json:
        print_json(result)
        return
    for title, conditions in result.items():
        if isinstance(conditions, dict):
            print_table(title, [{"figure": n, "value": str(v)} for n, v in conditions.items()])
        elif isinstance(conditions, list):
            print_table(title, conditions)
    figures = {n: v for n, v in result.items() if isinstance(v, (int, float))}
    print_table("Speed", [{"figure": n, "value": v} for n, v in figures.items()])


def _material(
    images: Sequence[str] | None, truth: Path | None, mpp: float | None, count: int
) -> tuple[list[Slide], list[np.ndarray] | None]:
    """Open the images, or draw synthetic ones, with their truth where it is known."""
    from napari_glands.slides import find_images, open_slide

    if not images:
        from napari_glands.sample_data import gland_field

        fields = [gland_field(_FIELD, seed=seed) for seed in range(count)]
        slides = [open_slide(f.image, mpp=f.mpp, name=f.name) for f in fields]
        return slides, [f.truth for f in fields if f.truth is not None]
    from napari_glands.evaluation.label_files import label_files_of, read_label_image

    paths = find_images(images)[:count]
    slides = [open_slide(path, mpp=mpp) for path in paths]
    if truth is None:
        return slides, None
    return slides, [read_label_image(file)[0] for file in label_files_of(paths, truth)]


def _stage1(
    slides: Sequence[Slide],
    truths: Sequence[np.ndarray] | None,
    settings: Settings,
    seeds: int,
    report: Report,
    cancel: CancelToken,
) -> dict[str, Any]:
    from napari_glands.evaluation.speed.stage1 import stage1_speedup

    found = stage1_speedup(slides, settings, truths, seeds, report=report, cancel=cancel)
    return {"stage1_speedup": found.pop("stage1_speedup"), "stage1_speedup conditions": found}


def _train(
    slides: Sequence[Slide], settings: Settings, report: Report, cancel: CancelToken
) -> dict[str, Any]:
    from napari_glands.evaluation.speed.training import training_efficiency

    found = training_efficiency(slides, settings, report=report, cancel=cancel)
    return {"train_efficiency": found.pop("train_efficiency"), "train_efficiency conditions": found}


def _predict(
    slides: Sequence[Slide],
    settings: Settings,
    folder: Path,
    report: Report,
    cancel: CancelToken,
) -> dict[str, Any]:
    from napari_glands.evaluation.mosaic import write_mosaic
    from napari_glands.evaluation.speed.prediction import prediction_efficiency
    from napari_glands.slides import open_slide

    path = write_mosaic(folder / "predicted.ome.tif", slides, _PREDICTED_SIDE)
    with_pixels = open_slide(path)
    try:
        found = prediction_efficiency(with_pixels, settings)
    finally:
        with_pixels.close()
        path.unlink()
    return {
        "predict_efficiency": found.pop("predict_efficiency"),
        "predict_efficiency conditions": found,
    }


def _slides(
    slides: Sequence[Slide],
    settings: Settings,
    sides: Sequence[int],
    model: Path | None,
    folder: Path,
    report: Report,
    cancel: CancelToken,
) -> dict[str, Any]:
    from napari_glands.cli.slide_speed import measure_slides
    from napari_glands.exterior import choose_device

    device = settings.general.device
    trained = model or _quick_model(slides, settings, folder, report, cancel)
    options = ["--device", device]
    rows = measure_slides(slides, trained, sides, folder, options, report, cancel)
    largest = rows[-1]
    return {
        "slide_peak_gb": largest["peak_gb"],
        "slide_seconds": largest["seconds"],
        "slide conditions": {"device": choose_device(device).reason, "model": str(trained)},
        "slides": rows,
    }


def _quick_model(
    slides: Sequence[Slide],
    settings: Settings,
    folder: Path,
    report: Report,
    cancel: CancelToken,
) -> Path:
    """Train with the preset `quick`: what is timed needs glands, not the best ones."""
    from napari_glands.presets import preset
    from napari_glands.project import Project
    from napari_glands.project.steps import run_exterior, run_priors, run_train

    wishes = preset("quick", settings)
    with Project.create_or_open(folder / "study.glands", wishes) as project:
        project.add_slides(slides)
        for step in (run_exterior, run_priors, run_train):
            step(project, wishes, report=report, cancel=cancel)
        cancel.check()
        return project.path / "models" / "glands"


def _startup() -> dict[str, Any]:
    from napari_glands.cli.startup import startup_seconds

    return {"startup seconds": startup_seconds()}
