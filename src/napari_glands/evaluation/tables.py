"""The tables of the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from napari_glands.evaluation.quality import Run
from napari_glands.evaluation.records import LEFT_OUT, TAUGHT, Part, Record, evaluation_of
from napari_glands.evaluation.report import EvaluationReport

__all__ = [
    "deviation",
    "figures_of",
    "markdown_table",
    "mean_sd",
    "quality_markdown",
    "quality_table",
    "seconds_table",
]

_COLUMNS = {
    "pooled mIOU": "miou",
    "Dice": "dice",
    "precision": "precision",
    "recall": "recall",
    "object F1": "object_f1",
    "object Dice": "object_dice",
    "object Hausdorff µm": "object_hausdorff_um",
}
_PARTS: tuple[Part, ...] = (LEFT_OUT, TAUGHT)


def quality_table(runs: Sequence[Run], part: Part, group: str) -> list[dict[str, Any]]:
    """Return one row per stage: means over the seeds of figures pooled over images.

    Parameters
    ----------
    runs
        All runs; those of one seed are pooled.
    part
        The images left out, or those whose pixels were trained on.
    group
        A grade, or ``"all"``.
    """
    rows = []
    for stage in dict.fromkeys(record.stage for run in runs for record in run.records):
        reports = [
            report
            for records in _by_seed(runs)
            if (report := evaluation_of(_chosen(records, stage, part, group))) is not None
        ]
        if reports:
            rows.append({"stage": stage, **_row(reports)})
    return rows


def seconds_table(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the mean time of each step and peer per run."""
    names = dict.fromkeys(name for run in runs for name in run.seconds)
    return [
        {"step": name, "seconds": float(np.mean([run.seconds.get(name, 0.0) for run in runs]))}
        for name in names
    ]


def figures_of(run: Run, groups: Sequence[str]) -> dict[str, Any]:
    """Return all figures of a run: by stage, part and group, pooled, as means and by image."""
    figures: dict[str, Any] = {}
    for stage in dict.fromkeys(record.stage for record in run.records):
        for part in _PARTS:
            for group in groups:
                report = evaluation_of(_chosen(run.records, stage, part, group))
                if report is None:
                    continue
                found = report.to_dict()
                if group != "all":  # each image is listed once
                    del found["images"]
                figures.setdefault(stage, {}).setdefault(part, {})[group] = found
    return figures


def quality_markdown(runs: Sequence[Run], groups: Sequence[str]) -> str:
    """Return all tables as Markdown."""
    seeds = len({run.seed for run in runs})
    sections = [f"Means over {seeds} seed(s); figures pooled over all pixels or objects."]
    for part in _PARTS:
        for group in groups:
            rows = quality_table(runs, part, group)
            if rows:
                sections.append(
                    f"## {part[0].upper()}{part[1:]}: {group}\n\n{markdown_table(rows)}"
                )
    sections.append(f"## Seconds per run\n\n{markdown_table(seconds_table(runs))}")
    return "\n\n".join(sections) + "\n"


def mean_sd(values: Sequence[float]) -> str:
    """Write a mean with its standard deviation, such as ``0.665 ± 0.029``."""
    spread = f" ± {deviation(values):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def deviation(values: Sequence[float]) -> float:
    """Return the sample standard deviation; 0 for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _row(reports: Sequence[EvaluationReport]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for title, field in _COLUMNS.items():
        values = [getattr(report.pooled, field) for report in reports]
        row[title] = None if None in values else float(np.mean(values))
        if field == "miou":
            row["sd"] = deviation(values)
            means = [report.mean_per_image["miou"] for report in reports]
            row["mIOU per image"] = float(np.mean([mean for mean in means if mean is not None]))
    return row


def _by_seed(runs: Sequence[Run]) -> Iterator[list[Record]]:
    """Put the records of all folds of a seed together."""
    for seed in dict.fromkeys(run.seed for run in runs):
        yield [record for run in runs if run.seed == seed for record in run.records]


def _chosen(records: Sequence[Record], stage: str, part: Part, group: str) -> list[Record]:
    return [r for r in records if r.stage == stage and r.part == part and group in ("all", r.grade)]


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows of equal keys as a Markdown table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
