"""What a round of training and prediction changed in a slide: ``runs/*-predict/changes.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from napari_glands.errors import GlandsError
from napari_glands.project.folder import Project
from napari_glands.project.paths import inside
from napari_glands.stored import Finite, Whole, read_bytes

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.segmentation import Model

__all__ = ["Change", "changes_of", "compare", "describe_change", "last_change", "record_change"]

_FILE = "changes.jsonl"


@dataclass(frozen=True)
class Change:
    """What another model changed in the glands of a slide.

    Attributes
    ----------
    slide_id
        Which slide.
    model_before, model
        Name and checksum of the former model and of this one.
    glands_before, glands
        Numbers of glands that count.
    changed
        Share of the pixels that became gland or ceased to be.
    certainty_before, certainty
        Mean certainty of the glands that the user did not decide on; None without such glands.
    decisions
        What the model learned from in this slide: accepted, edited, rejected, marked pixels.
    """

    slide_id: str
    model_before: str
    model: str
    glands_before: Whole
    glands: Whole
    changed: Finite
    certainty_before: Finite | None
    certainty: Finite | None
    decisions: Mapping[str, Whole]


_CHANGE = TypeAdapter(Change)


def compare(before: Glands, after: Glands, decisions: Mapping[str, int]) -> Change:
    """Compare the glands of a slide before and after a round."""
    from napari_glands.priors.curated import USED
    from napari_glands.slides.label_resampling import nearest

    was = nearest(before.used, after.labels.shape)
    return Change(
        slide_id=after.slide_id,
        model_before=before.model,
        model=after.model,
        glands_before=len(before.ids(USED)),
        glands=len(after.ids(USED)),
        changed=float((was != after.used).mean()),
        certainty_before=_certainty(before),
        certainty=_certainty(after),
        decisions=dict(decisions),
    )


def record_change(
    project: Project, slide_id: str, before: Glands | None, model: Model, folder: Path
) -> None:
    """Write down what a model changed in a slide, if another one had predicted it before.

    Parameters
    ----------
    project
        With the slide; the new glands are saved.
    slide_id
        Which slide.
    before
        Its former glands; None for none.
    model
        The model that predicted now.
    folder
        Of the run.
    """
    if before is None:
        return
    after = project.load_glands(slide_id)
    if after.model == before.model:
        return
    taught: Mapping[str, Any] = model.provenance.get("decisions", {})
    change = compare(before, after, taught.get(slide_id, {}))
    with (folder / _FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(change)) + "\n")


def changes_of(project: Project, slide_id: str) -> Iterator[Change]:
    """Go through what the rounds changed in a slide, the latest first."""
    runs = inside(project.path, "runs")
    for file in sorted(runs.glob(f"*-predict*/{_FILE}"), reverse=True):
        try:
            lines = read_bytes(file).decode("utf-8", "replace").splitlines()
        except (GlandsError, FileNotFoundError):  # a record that nobody can read stops nobody
            continue
        for line in reversed(lines):
            try:
                change = _CHANGE.validate_json(line)
            except ValueError:  # a line that a kill cut off, or that was damaged
                continue
            if change.slide_id == slide_id:
                yield change


def last_change(project: Project, slide_id: str) -> Change | None:
    """Return what the latest round changed in a slide; None when its prediction is of no such."""
    change = next(changes_of(project, slide_id), None)
    model = (project.facts(slide_id, "prediction") or {}).get("model")
    return change if change is not None and change.model == model else None


def describe_change(project: Project, slide_id: str) -> str:
    """Say in plain words what changed in a slide since the last round; empty for a first one."""
    change = last_change(project, slide_id)
    if change is None:
        return ""
    text = (
        f"Since the last round: {_count(change.glands_before)} before, {change.glands} now; "
        f"{_share(change.changed)} of the area changed."
    )
    if change.certainty_before is not None and change.certainty is not None:
        before, now = _share(change.certainty_before), _share(change.certainty)
        text += f" The network's mean certainty was {before}, and is {now}."
    return f"{text} {_taken_in(change.decisions)}".rstrip()


def _certainty(glands: Glands) -> float | None:
    """Mean certainty, by the model that found them alone, of what counts and is not decided."""
    from napari_glands.segmentation.uncertainty import certainty

    labels = np.where(glands.where("proposed"), glands.labels, 0)
    scores = list(certainty([glands.probability], labels).values())
    return float(np.mean(scores)) if scores else None


def _taken_in(decisions: Mapping[str, int]) -> str:
    number = sum(decisions.get(state, 0) for state in ("accepted", "edited", "rejected"))
    strokes = " and your strokes" if decisions.get("marked") else ""
    if not number:
        return "It learned from your strokes." if strokes else ""
    noun = "decision" if number == 1 else "decisions"
    return f"It learned from {number} {noun} of yours{strokes}."


def _count(number: int) -> str:
    return "1 gland" if number == 1 else f"{number} glands"


def _share(value: float) -> str:
    """Write a share; one that is next to nothing or next to all is not told as that."""
    return f"{value:.1%}" if value < 0.1 or value > 0.99 else f"{value:.0%}"
