"""The commands that reproduce the tables in the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_glands.atomic import write_json, write_text
from napari_glands.cli.options import (
    Changes,
    PresetOption,
    SettingsOption,
    changed,
    starting_settings,
    with_settings,
)
from napari_glands.cli.speed import speed
from napari_glands.cli.steps import ProjectOption
from napari_glands.cli.terminal import note, print_json, print_table, work
from napari_glands.jobs import CancelToken, Report
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.evaluation.material import Material
    from napari_glands.evaluation.split import Split

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Reproduce the tables in the documentation.")

Images = Annotated[list[str], typer.Argument(help="Files, folders or patterns.")]
TruthOption = Annotated[Path, typer.Option("--truth", help="Folder of true label images.")]
GradesOption = Annotated[
    Path | None,
    typer.Option("--grades", help="CSV table with a grade per image, as GlaS has."),
]
OutOption = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder for the tables, and for what a stopped run keeps."),
]
SeedsOption = Annotated[int, typer.Option("--seeds", help="Number of seeds.", min=1)]
LeftOutOption = Annotated[
    int | None,
    typer.Option("--left-out", help="Number of images left out (default: three in ten).", min=1),
]
MppOption = Annotated[float | None, typer.Option("--mpp", help="µm per pixel of the images.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_BUDGET: dict[str, Any] = {
    "general": ("device", "working_mpp"),
    "train": ("iterations", "rounds", "encoder", "weights"),
}
_SHOWN = ("stage", "pooled mIOU", "sd", "Dice", "object F1")  # as many as a terminal has room for


@with_settings(**_BUDGET)
def quality(
    *,
    images: Images,
    truth: TruthOption,
    out: OutOption,
    grades: GradesOption = None,
    seeds: SeedsOption = 3,
    left_out: LeftOutOption = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help="Leave every image out once, in this many folds.", min=2),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers/--no-peers", help="Run the peers, which take most of the time.")
    ] = True,
    preset: PresetOption = None,
    settings: SettingsOption = None,
    mpp: MppOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Learn without labels from some images; score every stage and its peers on the others.

    Run again with the same folder, it goes on where it was stopped.
    """
    if folds is not None and left_out is not None:
        raise typer.BadParameter("give either --folds or --left-out.")

    def job(report: Report, cancel: CancelToken) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        from napari_glands.evaluation import tables
        from napari_glands.evaluation.pictures import write_pictures
        from napari_glands.evaluation.quality import benchmark_quality
        from napari_glands.evaluation.records import LEFT_OUT
        from napari_glands.evaluation.shelf import Shelf
        from napari_glands.evaluation.split import folds as dealt

        wishes = changed(starting_settings(preset, settings), changes)
        material = _material(images, truth, grades, mpp, wishes)
        splits = dealt(material.grades, folds) if folds else [_split(material, left_out)]
        runs = benchmark_quality(
            material,
            splits,
            wishes,
            seeds=range(seeds),
            peers=peers,
            shelf=Shelf(out / "parts", material.fingerprint(wishes.general.device)),
            report=report,
            cancel=cancel,
        )
        result = {
            **_facts(wishes),
            "splits": [material.split_names(split) for split in splits],
            "table": tables.quality_table(runs, LEFT_OUT, "all"),
            "runs": [
                {
                    "seed": run.seed,
                    "fold": run.fold,
                    "seconds": run.seconds,
                    "figures": tables.figures_of(run, material.groups),
                }
                for run in runs
            ],
        }
        write_json(out / "quality.json", result)
        write_text(out / "quality.md", tables.quality_markdown(runs, material.groups))
        write_pictures(runs, material, out / "pictures")
        return result, [{name: row[name] for name in _SHOWN} for row in result["table"]]

    result, rows = work(job)
    _print(f"Quality on the images left out, mean of {seeds} seed(s)", result, rows, as_json)


@with_settings(**_BUDGET)
def ablation(
    *,
    images: Images,
    truth: TruthOption,
    out: OutOption,
    grades: GradesOption = None,
    seeds: SeedsOption = 3,
    left_out: LeftOutOption = None,
    row: Annotated[
        list[str] | None,
        typer.Option("--row", help="Only this row and the default; may be given several times."),
    ] = None,
    preset: PresetOption = None,
    settings: SettingsOption = None,
    mpp: MppOption = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Switch each part of the method on or off, on one budget, and score the images left out.

    Run again with the same folder, it goes on where it was stopped.
    """

    def job(report: Report, cancel: CancelToken) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        from napari_glands.evaluation.ablation import (
            ablation_table,
            benchmark_ablation,
            failures,
            rows_named,
        )
        from napari_glands.evaluation.shelf import Shelf
        from napari_glands.evaluation.tables import markdown_table

        wishes = changed(starting_settings(preset, settings), changes)
        rows = rows_named(row)
        material = _material(images, truth, grades, mpp, wishes)
        split = _split(material, left_out)
        results = benchmark_ablation(
            material,
            split,
            wishes,
            seeds=range(seeds),
            rows=rows,
            shelf=Shelf(out / "parts", material.fingerprint(wishes.general.device)),
            report=report,
            cancel=cancel,
        )
        table = ablation_table(results, material.groups)
        result = {
            **_facts(wishes),
            "split": material.split_names(split),
            "table": table,
            "failures": failures(results),
            "rows": [r.to_dict() for r in results],
        }
        train = wishes.train
        budget = (
            f"Every row: {train.iterations} iterations × {train.rounds} rounds, {seeds} seed(s)."
        )
        write_json(out / "ablation.json", result)
        reasons = "".join(f"\n- {reason}" for reason in result["failures"])
        below = f"\nWithout figures:\n{reasons}\n" if reasons else ""
        write_text(out / "ablation.md", f"{budget}\n\n{markdown_table(table)}\n{below}")
        shown = ("row", "pooled mIOU", "object F1", "Δ mIOU to default")
        return result, [{name: found[name] for name in shown} for found in table]

    result, table = work(job)
    _print(f"Ablation on the images left out, {seeds} seed(s)", result, table, as_json)
    for reason in result["failures"]:
        note(f"Without figures: {reason}")


def curation(
    *,
    project: ProjectOption,
    truth: TruthOption,
    goal: Annotated[
        float, typer.Option("--goal", help="Object F1 at which the user stops.", min=0, max=1)
    ] = 0.8,
    as_json: JsonOption = False,
) -> None:
    """Count what a simulated user does to correct a project's glands, or to paint them.

    The user knows the true glands. Down the review list, worst first, every row costs a key, every
    cut, joint and drawn gland a stroke; with napari's own tools every gland costs a new label and
    its painting.
    """

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        from napari_glands.evaluation.effort import effort_table, efforts, times_fewer
        from napari_glands.evaluation.label_files import label_files_of, read_label_image
        from napari_glands.project import Project

        found = {}
        with Project.open(project, read_only=True) as opened:
            slides = [entry for entry in opened.slides if opened.facts(entry.id, "prediction")]
            files = label_files_of([Path(entry.name) for entry in slides], truth)
            for entry, file in zip(slides, files, strict=True):
                cancel.check()
                glands = opened.load_glands(entry.id)
                found[entry.name] = efforts(glands, read_label_image(file)[0], goal)
        return {
            "goal": goal,
            "slides": effort_table(found),
            "times_fewer": times_fewer(found),
            "actions": {
                name: {way: effort.actions for way, effort in ways.items()}
                for name, ways in found.items()
            },
        }

    result = work(job)
    _print(f"Actions until object F1 is {goal:g}", result, result["slides"], as_json)


app.command("quality")(quality)
app.command("curation")(curation)
app.command("ablation")(ablation)
app.command("speed")(speed)


def _material(
    images: Sequence[str], truth: Path, grades: Path | None, mpp: float | None, settings: Settings
) -> Material:
    """Open the images and find their masks and grades; no mask is read."""
    from napari_glands.evaluation.label_files import label_files_of, pairing_key, read_label_image
    from napari_glands.evaluation.material import Material
    from napari_glands.evaluation.split import read_grades
    from napari_glands.slides import find_images, open_slide

    paths = find_images(images)
    masks = label_files_of(paths, truth)
    default = settings.general.default_mpp
    slides = [open_slide(path, mpp=mpp, default_mpp=default) for path in paths]
    found = read_grades(grades, [pairing_key(path) for path in paths]) if grades else ()

    def read_truths() -> Sequence[np.ndarray]:
        return [read_label_image(mask)[0] for mask in masks]

    marks = [(mask.name, mask.stat().st_size, mask.stat().st_mtime_ns) for mask in masks]
    return Material(slides, read_truths, found, marks)


def _split(material: Material, left_out: int | None) -> Split:
    """Choose the images left out: the same ones at every seed."""
    from napari_glands.evaluation.split import stratified

    count = left_out or max(1, len(material.slides) * 3 // 10)
    return stratified(material.grades, count)


def _facts(settings: Settings) -> dict[str, Any]:
    """Return what a table was made with."""
    import platform

    import napari_glands
    from napari_glands.exterior import choose_device

    return {
        "version": napari_glands.__version__,
        "device": choose_device(settings.general.device).reason,
        "platform": platform.platform(),
        "settings": settings.model_dump(),
    }


def _print(title: str, result: Any, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        print_table(title, rows)
