"""The commands that run steps of the method."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_glands.cli.files import Named, export_all
from napari_glands.cli.options import (
    Changes,
    PresetOption,
    SettingsOption,
    changed,
    starting_settings,
    with_preset,
    with_settings,
)
from napari_glands.cli.regions import add_from_file
from napari_glands.cli.terminal import note, print_json, print_lines, print_table, work
from napari_glands.jobs import CancelToken, Report
from napari_glands.presets import PresetName
from napari_glands.project.commands import step_options

if TYPE_CHECKING:
    from napari_glands.workers import Crew

__all__ = ["exterior", "grow", "measure", "new", "predict", "priors", "run", "train"]

Images = Annotated[
    list[str], typer.Argument(help="Images: files, folders or patterns.", show_default=False)
]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Project folder.", show_default=False)
]
MppOption = Annotated[
    float | None,
    typer.Option("--mpp", help="µm per pixel of the images, where they do not state it rightly."),
]
NameOption = Annotated[str, typer.Option("--name", help="Name of the model in the project.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Address of a running Dask scheduler, such as tcp://10.0.0.1:8786, whose workers do "
        "small images and the tiles of large slides; they must see the project and the images "
        "under the same paths.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes on this machine that do small images and the tiles of large slides.  "
        "[default: one per GPU]",
    ),
]


@with_settings(general=None)
def new(
    *,
    images: Images,
    project: ProjectOption,
    settings: SettingsOption = None,
    preset: PresetOption = None,
    mpp: MppOption = None,
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
    from napari_glands.slides import find_images

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        if regions is not None and len(find_images(images)) != 1:
            raise typer.BadParameter("--regions are of one image: name that image alone.")
        with _filled_project(images, project, settings, preset, mpp, changes) as opened:
            if regions is not None:
                (entry,) = opened.add_slides(find_images(images), mpp=mpp)
                add_from_file(opened, entry, regions)
            return {
                "project": str(opened.path),
                "slides": [entry.model_dump(mode="json") for entry in opened.slides],
            }

    result = work(job)
    if as_json:
        print_json(result)
        return
    rows = [
        {"slide": s["name"], "size": f"{s['shape'][1]} × {s['shape'][0]}", "µm/px": s["mpp"]}
        for s in result["slides"]
    ]
    print_table(f"Slides of {result['project']}", rows)


@with_settings(general=("working_mpp", "device", "devices", "seed"))
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
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Run all steps on images. Run again, it goes on where it was stopped."""

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        from napari_glands.project.steps import run_all
        from napari_glands.workers import chosen_workers

        with (
            chosen_workers(scheduler, workers) as those,
            _filled_project(images or [], project, settings, preset, mpp, changes) as opened,
        ):
            return run_all(opened, report=report, cancel=cancel, workers=those).to_dict()

    summary = work(job)
    if as_json:
        print_json(summary)
        return
    print_table(f"Project {summary['project']}", summary_rows(summary))
    total = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in summary["seconds"].items())
    print_lines(
        f"Steps: {total}. Device: {summary['device']}",
        f"Next: napari-glands export --project {project} --format png --out FOLDER",
    )


@with_settings(**step_options("exterior"))
def exterior(
    *,
    project: ProjectOption,
    preset: PresetOption = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Stage 1: find the gland exterior in all slides, without labels."""
    from napari_glands.project.steps import run_exterior

    changes = with_preset(changes, preset, "exterior")
    _run_tiled_step(run_exterior, project, changes, as_json, scheduler, workers)


@with_settings(**step_options("priors"))
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
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Fill well-closed exteriors: the priors that training starts from."""
    from napari_glands.project.steps import run_priors

    told = {"replace_curated": replace_curated}
    _run_tiled_step(run_priors, project, changes, as_json, scheduler, workers, **told)


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
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Predict the glands of a project's slides, or of new images with a trained model."""
    changes = with_preset(changes, preset, "predict")
    if project is not None and not (images or model or out):
        _refuse_idle_mpp(mpp)
        from napari_glands.project.steps import run_predict

        _run_tiled_step(run_predict, project, changes, as_json, scheduler, workers, name=name)
        return
    if not images or model is None or out is None or project is not None:
        raise typer.BadParameter(
            "give either --project DIR, or IMAGES... with --model DIR and --out DIR."
        )
    _predict_new(images, model, out, mpp, changes, as_json, scheduler, workers)


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
        return
    print_table(f"Priors of {project}", told["priors"])
    print_lines(f"Next: napari-glands train --project {project}")


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


def _predict_new(
    images: Sequence[str],
    model: Path,
    out: Path,
    mpp: float | None,
    changes: Changes,
    as_json: bool,
    scheduler: str | None,
    workers: int | None,
) -> None:
    def job(report: Report, cancel: CancelToken) -> list[dict[str, Any]]:
        with chosen_workers(scheduler, workers) as those:
            crew = Crew(those, report, cancel)
            return _predicted(images, model, out, mpp, changes, crew)

    from napari_glands.workers import Crew, chosen_workers

    rows = work(job)
    if as_json:
        print_json(rows)
    else:
        shown = [{**row, "files": len(row["files"])} for row in rows]
        print_table(f"Predictions in {out}", shown)


def _predicted(
    images: Sequence[str],
    model: Path,
    out: Path,
    mpp: float | None,
    changes: Changes,
    crew: Crew,
) -> list[dict[str, Any]]:
    """Predict and export image after image; say what was written."""
    from napari_glands.measurement import measure
    from napari_glands.project.whole_slide.prediction import predicted_in
    from napari_glands.segmentation import load_model
    from napari_glands.slides import find_images, open_slide
    from napari_glands.slides.opening import default_name

    paths = find_images(images)
    names = Counter(default_name(path).casefold() for path in paths)
    trained = load_model(model)
    # Where it was trained says nothing about where it is applied.
    settings = changed(trained.settings.updated("general", device="auto"), changes)
    default_mpp = settings.general.default_mpp
    rows = []
    for path in paths:
        if crew.cancel.cancelled:
            break
        slide = open_slide(path, mpp=mpp, default_mpp=default_mpp)
        # Images of one name in several folders must not share their files.
        alone = names[slide.name.casefold()] == 1
        named = Named(slide, slide.name if alone else slide.id)
        with predicted_in(out, trained, slide, settings, crew) as prediction:
            table = measure(prediction, cancel=crew.cancel)
            written = export_all(prediction, named, out, settings, table, cancel=crew.cancel)
        rows.append({"image": slide.name, "glands": len(table), "files": [str(f) for f in written]})
    return rows


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


def _run_tiled_step(
    step: Callable[..., Any],
    project: Path,
    changes: Changes,
    as_json: bool,
    scheduler: str | None,
    workers: int | None,
    **more: Any,
) -> None:
    """Run a step whose tiles others may work on."""
    from napari_glands.workers import chosen_workers

    def with_workers(*given: Any, **options: Any) -> Any:
        with chosen_workers(scheduler, workers) as those:
            return step(*given, **options, workers=those)

    _run_step(with_workers, project, changes, as_json, **more)


def _told(project: Path, result: Any) -> dict[str, Any]:
    """Return what a step did, as plain data for JSON."""
    return {
        "project": str(project),
        "step": result.step,
        "made": list(result.made),
        "kept": list(result.kept),
        "seconds": round(result.seconds, 2),
    }


def _refuse_idle_mpp(mpp: float | None) -> None:
    """Refuse a pixel size that would be ignored: the slides of a project have theirs."""
    if mpp is not None:
        raise typer.BadParameter("--mpp is for images named in the same command: name them too.")


def _filled_project(
    images: Sequence[str],
    folder: Path,
    settings_file: Path | None,
    preset: PresetName | None,
    mpp: float | None,
    changes: Changes,
) -> Any:
    """Open or make a project and add images to it."""
    from napari_glands.project import Project
    from napari_glands.slides import find_images

    if not images:
        _refuse_idle_mpp(mpp)
    base = starting_settings(preset, settings_file)
    paths = find_images(images) if images else []
    exists = (folder.expanduser() / "project.json").exists()
    if not exists:
        if not paths:
            raise typer.BadParameter(f"{folder} is no project yet: name images to make one.")
        changed(base, changes)  # refused before a folder is made
    project = Project.open(folder, read_only=False) if exists else Project.create(folder, base)
    try:
        start = starting_settings(preset, settings_file, project.settings)
        project.set_settings(changed(start, changes))
        with warnings.catch_warnings():  # one line for all images instead of one for each
            warnings.simplefilter("ignore", UserWarning)
            entries = project.add_slides(paths, mpp=mpp)
    except BaseException:
        project.close()
        raise
    assumed = [entry for entry in entries if entry.mpp_source == "default"]
    if assumed:
        note(
            f"Warning: {len(assumed)} of {len(entries)} images do not state their pixel size: "
            f"{assumed[0].mpp:g} µm/px is assumed. State the right one with --mpp."
        )
    return project
