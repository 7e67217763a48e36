"""The commands that run steps of the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_glands.cli.images import (
    Images,
    Intake,
    MppOption,
    PictureOption,
    RecursiveOption,
    Wanted,
    exit_over,
    exit_over_slides,
    filled_project,
)
from napari_glands.cli.options import (
    Changes,
    PresetOption,
    SettingsOption,
    changed,
    with_preset,
    with_settings,
)
from napari_glands.cli.predicting import predict_images
from napari_glands.cli.terminal import print_json, print_lines, print_table, work
from napari_glands.cli.workers import WorkersChoice, with_workers
from napari_glands.jobs import CancelToken, Report
from napari_glands.project.commands import step_options

__all__ = ["exterior", "grow", "measure", "new", "predict", "priors", "run", "train"]

ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder.", show_default=False)
]
NameOption = Annotated[str, typer.Option("--name", help="Name of the model in the project.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@with_settings(general=None)
def new(
    *,
    images: Images,
    project: ProjectOption,
    settings: SettingsOption = None,
    preset: PresetOption = None,
    mpp: MppOption = None,
    picture: PictureOption = None,
    recursive: RecursiveOption = False,
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions",
            help="GeoJSON with annotations on the image (one), as QuPath exports it: the "
            "rectangle around each becomes a region that is worked on in place of the image.",
        ),
    ] = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Make a project of images, or add images to one."""
    wanted = Wanted(images, recursive, mpp, picture)

    def job(report: Report, cancel: CancelToken) -> tuple[Intake, dict[str, Any]]:
        intake = Intake.of(wanted)
        if regions is not None and len(intake.paths) != 1:
            raise typer.BadParameter("--regions are of one image: name that image alone.")
        with filled_project(
            intake, project, settings, preset, changes, cancel, regions=regions
        ) as opened:
            told = {
                "project": str(opened.path),
                "slides": [entry.model_dump(mode="json") for entry in opened.slides],
            }
            return intake, told

    intake, result = work(job)
    if as_json:
        print_json({**result, "left_out": intake.left_out_rows()})
    else:
        print_table(f"Slides of {result['project']}", _slide_rows(result["slides"]))
    exit_over(intake)


@with_settings(general=("working_mpp", "device", "devices", "seed"))
@with_workers
def run(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images: files, folders or patterns; none to go on with a project's.",
            show_default=False,
        ),
    ] = None,
    project: ProjectOption,
    settings: SettingsOption = None,
    preset: PresetOption = None,
    mpp: MppOption = None,
    picture: PictureOption = None,
    recursive: RecursiveOption = False,
    chosen: WorkersChoice,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Run all steps on images. Run again, it goes on where it was stopped."""
    wanted = Wanted(images or (), recursive, mpp, picture)

    def job(report: Report, cancel: CancelToken) -> tuple[Intake, dict[str, Any]]:
        from napari_glands.project.steps import run_all

        with chosen.opened() as those:  # first: what is wrong with it is told before any work
            intake = Intake.of(wanted)
            with filled_project(intake, project, settings, preset, changes, cancel) as opened:
                summary = run_all(opened, report=report, cancel=cancel, workers=those)
                return intake, summary.to_dict()

    intake, summary = work(job)
    unusable = summary.pop("left_out")
    if as_json:
        print_json({**summary, "left_out": intake.left_out_rows(), "unusable": unusable})
    else:
        print_table(f"Project {summary['project']}", summary_rows(summary))
        times = (f"{step} {seconds:.0f} s" for step, seconds in summary["seconds"].items())
        print_lines(
            f"Steps: {', '.join(times)}. Device: {summary['device']}",
            f"Next: napari-glands export --project {project} --format png --out FOLDER",
        )
    exit_over(intake)
    exit_over_slides(unusable)


@with_settings(**step_options("exterior"))
@with_workers
def exterior(
    *,
    project: ProjectOption,
    preset: PresetOption = None,
    chosen: WorkersChoice,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Stage 1: find the gland exterior in all slides, without labels."""
    from napari_glands.project.steps import run_exterior

    changes = with_preset(changes, preset, "exterior")
    _run_tiled_step(run_exterior, project, changes, as_json, chosen)


@with_settings(**step_options("priors"))
@with_workers
def priors(
    *,
    project: ProjectOption,
    replace_curated: Annotated[
        bool,
        typer.Option(
            "--replace-curated",
            help="Replace priors that you edited or took from predictions, too (after a backup).",
        ),
    ] = False,
    chosen: WorkersChoice,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Fill well-closed exteriors: the priors that training starts from."""
    from napari_glands.project.steps import run_priors

    told = {"replace_curated": replace_curated}
    _run_tiled_step(run_priors, project, changes, as_json, chosen, **told)


@with_settings(**step_options("train"))
def train(
    *,
    project: ProjectOption,
    name: NameOption = "glands",
    go_on: Annotated[
        bool,
        typer.Option(
            "--go-on",
            help="Go on from the weights of the last model, with your corrections, instead of "
            "training a new one; the last one is kept as NAME-previous.",
        ),
    ] = False,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Stage 2: train the segmentation network on the priors and your corrections."""
    from napari_glands.project.steps import run_train

    changes = with_preset(changes, preset, "train")
    _run_step(run_train, project, changes, as_json, name=name, go_on=go_on)


@with_settings(**step_options("predict"))
@with_workers
def predict(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="New images: files, folders or patterns; without them, a project's slides.",
            show_default=False,
        ),
    ] = None,
    project: Annotated[
        Path | None, typer.Option("--project", "-p", help="Project whose slides to predict.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of the model for new images.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the results of new images.")
    ] = None,
    name: NameOption = "glands",
    preset: PresetOption = None,
    mpp: MppOption = None,
    picture: PictureOption = None,
    recursive: RecursiveOption = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files of new images that were made of another image, model or settings.",
        ),
    ] = False,
    chosen: WorkersChoice,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Predict the glands of a project's slides, or of new images with a trained model.

    Run again, it goes on where it was stopped.
    """
    changes = with_preset(changes, preset, "predict")
    wanted = Wanted(images or (), recursive, mpp, picture)
    if project is not None and not (images or model or out):
        from napari_glands.project.steps import run_predict

        _run_tiled_step(run_predict, project, changes, as_json, chosen, name=name)
        return
    if not images or model is None or out is None or project is not None:
        raise typer.BadParameter(
            "give either --project DIR, or IMAGES... with --model DIR and --out DIR."
        )
    _predict_new(wanted, model, out, overwrite, changes, as_json, chosen)


@with_settings(**step_options("grow"))
def grow(
    *,
    project: ProjectOption,
    name: NameOption = "glands",
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Take the predicted glands that the network is sure of into the priors, to train again."""

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        from napari_glands.project import Project
        from napari_glands.project.steps import run_grow
        from napari_glands.project.summary import summarise

        with Project.open(project, read_only=False) as opened:
            settings = changed(opened.settings, changes)
            before = summarise(opened).rows
            result = run_grow(opened, settings, name=name, report=report, cancel=cancel)
            pairs = zip(before, summarise(opened).rows, strict=True)
            priors = [
                {"slide": new.name, "before": old.priors, "after": new.priors} for old, new in pairs
            ]
        return {**_told(project, result), "priors": priors}

    told = work(job)
    if as_json:
        print_json(told)
    else:
        print_table(f"Priors of {project}", told["priors"])
        print_lines(f"Next: napari-glands train --project {project}")
    exit_over_slides(told["left_out"])


@with_settings()
def measure(*, project: ProjectOption, as_json: JsonOption = False, changes: Changes) -> None:
    """Measure the predicted glands of a project's slides."""
    from napari_glands.project.steps import run_measure

    _run_step(run_measure, project, changes, as_json)


def summary_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the table that `run` and `demo` print."""
    return [
        {
            "image": row["name"],
            "priors": row["priors"],
            "glands": row["glands"],
            **{f"{step} s": row["seconds"].get(step) for step in ("exterior", "priors", "predict")},
        }
        for row in summary["rows"]
    ]


def _slide_rows(slides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the table that `new` prints."""
    from napari_glands.slides.pixel_size import describe_source

    return [
        {
            "slide": slide["name"],
            "size": f"{slide['shape'][1]} × {slide['shape'][0]}",
            "µm/px": slide["mpp"],
            "pixel size": describe_source(slide["mpp_source"]),
        }
        for slide in slides
    ]


def _predict_new(
    wanted: Wanted,
    model: Path,
    out: Path,
    overwrite: bool,
    changes: Changes,
    as_json: bool,
    chosen: WorkersChoice,
) -> None:
    """Predict images that belong to no project and print what was written."""

    def job(report: Report, cancel: CancelToken) -> tuple[Intake, list[dict[str, Any]]]:
        from napari_glands.workers import Crew

        intake = Intake.of(wanted)
        with chosen.opened() as those:
            crew = Crew(those, report, cancel)
            return intake, predict_images(intake, model, out, changes, crew, overwrite=overwrite)

    intake, rows = work(job)
    if as_json:
        print_json(rows)
    else:
        done = [row for row in rows if row["left_out"] is None]
        shown = [
            {"image": r["image"], "glands": r["glands"], "files": len(r["files"])} for r in done
        ]
        print_table(f"Predictions in {out}", shown)
    exit_over(intake)


def _run_step(
    step: Callable[..., Any], project: Path, changes: Changes, as_json: bool, **more: Any
) -> None:
    """Run one step on a project and print what it did."""

    def job(report: Report, cancel: CancelToken) -> Any:
        from napari_glands.project import Project

        with Project.open(project, read_only=False) as opened:
            settings = changed(opened.settings, changes)
            return step(opened, settings, report=report, cancel=cancel, **more)

    result = work(job)
    if as_json:
        print_json(_told(project, result))
    else:
        print_lines(
            f"{result.step}: {len(result.made)} finished now, {len(result.kept)} were before "
            f"({result.seconds:.1f} s)"
        )
    exit_over_slides(result.left_out)


def _run_tiled_step(
    step: Callable[..., Any],
    project: Path,
    changes: Changes,
    as_json: bool,
    chosen: WorkersChoice,
    **more: Any,
) -> None:
    """Run a step whose tiles others may work on."""

    def worked_on(*given: Any, **options: Any) -> Any:
        with chosen.opened() as those:
            return step(*given, **options, workers=those)

    _run_step(worked_on, project, changes, as_json, **more)


def _told(project: Path, result: Any) -> dict[str, Any]:
    """Return what a step did, as plain data for JSON."""
    return {
        "project": str(project),
        "step": result.step,
        "made": list(result.made),
        "kept": list(result.kept),
        "seconds": round(result.seconds, 2),
        "left_out": list(result.left_out),
    }
