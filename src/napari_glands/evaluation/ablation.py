"""The ablation: what each part of the method is worth, every row on the same budget.

To add a row, add a line to `LADDER` or `ROWS`. A row that changes nothing, because it names what is
the default, is left out of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.evaluation.labelling import Labeller
from napari_glands.evaluation.material import Material
from napari_glands.evaluation.records import LEFT_OUT, Record, evaluation_of, score_labels
from napari_glands.evaluation.shelf import Shelf
from napari_glands.evaluation.split import Split
from napari_glands.evaluation.tables import mean_sd
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.settings import Settings

__all__ = [
    "LADDER",
    "ROWS",
    "Row",
    "RowResult",
    "ablation_table",
    "benchmark_ablation",
    "change",
    "failures",
    "rows_named",
]

Adapt = Callable[[Settings], Settings]


def change(**steps: Mapping[str, Any]) -> Adapt:
    """Return what sets fields of settings, given by step: ``change(train={"rounds": 1})``."""

    def adapt(settings: Settings) -> Settings:
        for step, values in steps.items():
            settings = settings.updated(step, **values)
        return settings

    return adapt


def unchanged(settings: Settings) -> Settings:
    """Change nothing."""
    return settings


def one_round(settings: Settings) -> Settings:
    """Spend the iterations of all rounds in the first one."""
    train = settings.train
    return settings.updated("train", iterations=train.iterations * train.rounds, rounds=1)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    name
        What it says at its left.
    adapt
        What it changes in the settings.
    stage
        The stage of the method that it scores.
    """

    name: str
    adapt: Adapt = unchanged
    stage: str = "glands"


_EXTERIOR, _PRIORS = "exterior cluster, filled", "priors with their exterior"
_NO_EMBEDDING_TERMS = {"diffusion_weight": 0.0, "push_weight": 0.0, "omission": False}

LADDER = (
    Row("random network, clustered and filled", change(exterior={"iterations": 0}), _EXTERIOR),
    Row("stage 1, filled", stage=_EXTERIOR),
    Row("+ priors, with their exterior", stage=_PRIORS),
    Row("+ PSPNet", change(train=_NO_EMBEDDING_TERMS)),
    Row(
        "+ knowledge diffusion",
        change(train={"diffusion_weight": 0.1, "push_weight": 0.1, "omission": False}),
    ),
)
"""The steps of the proposal, each on top of the one before."""

ROWS = (
    Row("default"),
    # What changes the prediction alone comes first: it shares the default's training.
    Row("flips on", change(predict={"flips": True})),
    Row("flips off", change(predict={"flips": False})),
    Row("split depth 12 µm", change(predict={"split_um": 12.0})),
    Row("slide adaptation on in prediction", change(predict={"adaptation": 0.6})),
    Row("slide adaptation off in prediction", change(predict={"adaptation": 0.0})),
    Row("slide adaptation off in training", change(train={"adaptation": 0.0})),
    Row("encoder of three stages", change(train={"depth": 3})),
    Row("rings of the exterior map alone", change(priors={"stain_rings": False})),
    Row("knowledge diffusion off", change(train={"diffusion_weight": 0.0})),
    Row("knowledge diffusion on", change(train={"diffusion_weight": 0.1})),
    Row("background push off", change(train={"push_weight": 0.0})),
    Row("background push on", change(train={"push_weight": 0.1})),
    Row("omission relabelling on", change(train={"omission": True})),
    Row("omission relabelling off", change(train={"omission": False})),
    Row("all images with priors teach", change(train={"min_coverage": 0.0})),
    Row("no sure gland-like pixels", change(train={"positive_fraction": 0.0})),
    Row(
        "nothing ignored, outside priors is background", change(train={"negative_fraction": 0.999})
    ),
    Row(
        "nothing ignored in later rounds",
        change(train={"sure_gland": 0.5001, "sure_background": 0.4999}),
    ),
    Row("one round of all iterations", one_round),
    Row("no stain jitter", change(train={"stain_jitter": 0.0})),
    Row(
        "stage 1 self-labelling",
        change(exterior={"loss": "self_label", "spatial_weight": 5.0, "learning_rate": 0.01}),
    ),
    Row("stage 1 without spatial loss", change(exterior={"spatial_weight": 0.0})),
)
"""The default, and one named change to it per row."""


@dataclass(frozen=True)
class RowResult:
    """A row at one seed: the counts of the images, or why there are none."""

    row: str
    seed: int
    records: tuple[Record, ...]
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "row": self.row,
            "seed": self.seed,
            "records": [record.to_dict() for record in self.records],
            "failure": self.failure,
        }


def benchmark_ablation(
    material: Material,
    split: Split,
    settings: Settings,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    rows: Sequence[Row] = (*LADDER, *ROWS),
    shelf: Shelf | None = None,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> list[RowResult]:
    """Run every row for every seed; stage 1 and priors are shared where settings agree.

    Parameters
    ----------
    material
        The images and their masks; masks are asked for after the labels of a row were made, and
        nothing of them reaches another row.
    split
        Which images teach.
    settings
        What the rows change: the defaults on the budget of all rows.
    seeds
        The seeds.
    rows
        The table; rows that change nothing, but for the first of them, are left out.
    shelf
        Where finished rows are kept and found again.
    report, cancel
        Progress and cancel request.

    Raises
    ------
    Cancelled
        On a cancel request; finished rows are on the shelf.
    """
    cancel = cancel or CancelToken()
    results: list[RowResult] = []
    rows = distinct(rows, settings)
    for n, seed in enumerate(seeds):
        labeller = Labeller(
            material.slides, split, scored=split.left_out, report=report, cancel=cancel
        )
        for m, row in enumerate(rows):
            done = (n * len(rows) + m) / (len(seeds) * len(rows))
            report(Event("ablation", done, f"Seed {seed}: {row.name}"))
            wishes = row.adapt(settings).updated("general", seed=seed)
            results.append(_shelved(row, wishes, labeller, material, shelf))
    report(Event("ablation", 1.0, "All rows are finished"))
    return results


def rows_named(names: Sequence[str] | None) -> tuple[Row, ...]:
    """Return the default row and those named; all rows when none is.

    Raises
    ------
    GlandsError
        When there is no such row.
    """
    rows = (*LADDER, *ROWS)
    unknown = set(names or ()) - {row.name for row in rows}
    if unknown:
        raise GlandsError(
            f"There is no ablation row {', '.join(sorted(unknown))}: choose among "
            f"{'; '.join(row.name for row in rows)}."
        )
    return tuple(row for row in rows if not names or row.name in ("default", *names))


def distinct(rows: Sequence[Row], settings: Settings) -> list[Row]:
    """Drop rows of `ROWS` that come down to the default; the ladder keeps all its steps."""
    return [
        row
        for row in rows
        if row in LADDER or row.name == "default" or row.adapt(settings) != settings
    ]


def ablation_table(results: Sequence[RowResult], groups: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per ablation: left-out figures, mean ± standard deviation over seeds.

    Parameters
    ----------
    results
        All rows at all seeds.
    groups
        Groups of the images, ``"all"`` first.
    """
    figures = {
        name: {group: _figures(results, name, group) for group in groups}
        for name in dict.fromkeys(result.row for result in results)
    }
    default = figures["default"]["all"] if "default" in figures else {}
    table = []
    for name, by_group in figures.items():
        row: dict[str, Any] = {"row": name}
        for group, pooled in by_group.items():
            title = "pooled mIOU" if group == "all" else f"{group} mIOU"
            row[title] = _cell([f["miou"] for f in pooled.values()])
        found = by_group["all"]
        row["object F1"] = _cell([f["object_f1"] for f in found.values()])
        shared = [seed for seed in found if seed in default]
        gains = [found[seed]["miou"] - default[seed]["miou"] for seed in shared]
        row["Δ mIOU to default"] = f"{np.mean(gains):+.3f}" if gains else "–"
        row["seeds"] = len(found)
        table.append(row)
    return table


def failures(results: Sequence[RowResult]) -> list[str]:
    """Return one sentence for every row and seed without figures: why there are none."""
    return [f"{r.row}, seed {r.seed}: {r.failure}" for r in results if r.failure]


def _shelved(
    row: Row, settings: Settings, labeller: Labeller, material: Material, shelf: Shelf | None
) -> RowResult:
    """Take a finished row from the shelf, or make it and put it there.

    Rows of the same settings and stage are one and the same part. A failure is not kept: its cause
    may lie outside the settings, such as in a file that cannot be read for a while.
    """
    seed = settings.general.seed
    name = f"ablation seed {seed}"
    key = {
        "settings": settings.model_dump(),
        "stage": row.stage,
        "left_out": list(labeller.split.left_out),
    }
    saved = shelf.load(name, key) if shelf else None
    if saved is not None:
        data, _ = saved
        return RowResult(row.name, seed, tuple(map(Record.from_dict, data["records"])))
    result = _made(row, settings, labeller, material)
    if shelf and not result.failure:
        shelf.save(name, key, result.to_dict())
    return result


def _made(row: Row, settings: Settings, labeller: Labeller, material: Material) -> RowResult:
    seed = settings.general.seed
    try:
        labels = labeller.labels(row.stage, settings)
    except GlandsError as error:  # such as no prior found: no reason to stop
        return RowResult(row.name, seed, (), str(error))
    records = score_labels(
        {row.stage: labels},
        material.truths,
        material.slides,
        material.grades,
        labeller.split,
    )
    return RowResult(row.name, seed, tuple(records))


def _figures(results: Sequence[RowResult], row: str, group: str) -> dict[int, dict[str, float]]:
    """Pooled left-out figures of a row by seed."""
    figures = {}
    for result in results:
        if result.row != row:
            continue
        chosen = [r for r in result.records if r.part == LEFT_OUT and group in ("all", r.grade)]
        evaluation = evaluation_of(chosen)
        if evaluation is not None:
            pooled = evaluation.pooled
            figures[result.seed] = {"miou": pooled.miou, "object_f1": pooled.object_f1}
    return figures


def _cell(values: Sequence[float]) -> str:
    return mean_sd(values) if values else "–"
