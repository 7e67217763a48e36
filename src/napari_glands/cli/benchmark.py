"""The commands that reproduce the tables in the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from napari_glands.cli.options import Changes, changed, with_settings
from napari_glands.cli.terminal import print_json, print_table, work
from napari_glands.jobs import CancelToken, Report
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.evaluation.quality import QualityReport

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Reproduce the tables in the documentation.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_SHOWN = ("miou", "dice", "object_f1", "object_dice", "object_hausdorff_um")


@with_settings(general=("device", "working_mpp"), train=("iterations", "rounds"))
def quality(
    *,
    images: Annotated[list[str], typer.Argument(help="Files, folders or patterns.")],
    truth: Annotated[Path, typer.Option("--truth", help="Folder of true label images.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables.")],
    seeds: Annotated[int, typer.Option("--seeds", help="Number of seeds.", min=1)] = 3,
    mpp: Annotated[float | None, typer.Option("--mpp", help="µm per pixel of the images.")] = None,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Run the method without labels for some seeds, then score every stage and two peers."""
    settings = changed(Settings(), changes)

    def job(report: Report, cancel: CancelToken) -> list[QualityReport]:
        from napari_glands.evaluation.label_files import label_files_of, read_label_image
        from napari_glands.evaluation.quality import benchmark_quality
        from napari_glands.slides import find_images, open_slide

        paths = find_images(images)
        masks = label_files_of(paths, truth)  # paired by name; read when all labels are made
        default = settings.general.default_mpp
        slides = [open_slide(path, mpp=mpp, default_mpp=default) for path in paths]

        def read_truths() -> Sequence[np.ndarray]:
            return [read_label_image(mask)[0] for mask in masks]

        return [
            benchmark_quality(
                slides,
                read_truths,
                settings.updated("general", seed=seed),
                report=report,
                cancel=cancel,
            )
            for seed in range(seeds)
        ]

    reports = work(job)
    rows = _rows(reports)
    result = {
        "settings": settings.model_dump(),
        "table": rows,
        "seeds": [report.to_dict() for report in reports],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "quality.json").write_text(json.dumps(result, indent=2), encoding="utf-8")
    (out / "quality.md").write_text(_markdown(rows), encoding="utf-8")
    if as_json:
        print_json(result)
    else:
        print_table(f"Quality, mean of {seeds} seeds", rows)


@with_settings(general=("device", "working_mpp"))
def speed(
    *,
    count: Annotated[int, typer.Option("--images", help="Number of images.", min=1)] = 8,
    as_json: JsonOption = False,
    changes: Changes,
) -> None:
    """Time stage 1 and prediction against their peers, on synthetic fields of 775 × 522 px."""
    settings = changed(Settings(), changes)

    def job(report: Report, cancel: CancelToken) -> dict[str, Any]:
        from napari_glands.evaluation.speed import benchmark_speed
        from napari_glands.sample_data import gland_field
        from napari_glands.slides import open_slide

        fields = [gland_field((522, 775), seed=seed) for seed in range(count)]
        slides = [open_slide(f.image, mpp=f.mpp, name=f.name) for f in fields]
        return benchmark_speed(slides, settings)

    result = work(job)
    if as_json:
        print_json(result)
    else:
        print_table("Speed", [{"figure": k, "value": str(v)} for k, v in result.items()])


app.command("quality")(quality)
app.command("speed")(speed)


def _rows(reports: Sequence[QualityReport]) -> list[dict[str, Any]]:
    """Mean over the seeds, and the spread of the pooled mIOU."""
    rows = []
    for stage in reports[0].stages:
        pooled = [report.stages[stage].pooled for report in reports]
        row: dict[str, Any] = {"stage": stage}
        for name in _SHOWN:
            row[name] = float(np.mean([getattr(scores, name) for scores in pooled]))
        row["miou sd"] = float(np.std([scores.miou for scores in pooled]))
        rows.append(row)
    interiors = np.mean([(r.interior_precision, r.interior_coverage) for r in reports], axis=0)
    for row in rows:
        prior = row["stage"].startswith("priors")
        row["interior precision"] = float(interiors[0]) if prior else None
        row["interior coverage"] = float(interiors[1]) if prior else None
    return rows


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [f"{v:.3f}" if isinstance(v, float) else str(v or "–") for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
