"""What a project holds, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_glands.project.facts import ResultName
from napari_glands.project.folder import Project

__all__ = ["RunSummary", "SlideRow", "summarise"]

_RESULTS: dict[str, ResultName] = {
    "exterior": "exterior",
    "priors": "priors",
    "predict": "prediction",
}


@dataclass(frozen=True)
class SlideRow:
    """One slide of the table.

    Attributes
    ----------
    slide_id, name
        Which slide.
    priors
        Number of priors that count (not rejected or doubtful); None before they were mined.
    glands
        Number of glands; None before they were predicted.
    seconds
        Time spent on this slide alone, by step.
    """

    slide_id: str
    name: str
    priors: int | None
    glands: int | None
    seconds: dict[str, float]


@dataclass(frozen=True)
class RunSummary:
    """The state of a project after its steps.

    Attributes
    ----------
    project
        Its folder.
    rows
        One per slide.
    seconds
        Time of the latest run of each step, in s.
    device
        What the networks computed on, and why.
    left_out
        Slides that the steps went on without, and why, a sentence each.
    """

    project: str
    rows: tuple[SlideRow, ...]
    seconds: dict[str, float]
    device: str
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data for JSON."""
        data = asdict(self)
        return {**data, "rows": list(data["rows"]), "left_out": list(self.left_out)}


def summarise(project: Project, left_out: Sequence[str] = ()) -> RunSummary:
    """Return the state of a project as a table, and what its steps went on without."""
    steps = project.steps
    devices = [steps[s].device for s in ("predict", "train", "exterior") if s in steps]
    return RunSummary(
        project=str(project.path),
        rows=tuple(_row(project, entry.id, entry.name) for entry in project.slides),
        seconds={step: round(record.seconds, 2) for step, record in steps.items()},
        device=devices[0] if devices else "",
        left_out=tuple(left_out),
    )


def _row(project: Project, slide_id: str, name: str) -> SlideRow:
    from napari_glands.priors.curated import USED

    facts, _ = project.all_facts(slide_id)
    found = {step: facts[result] for step, result in _RESULTS.items()}
    priors, prediction = found["priors"], found["predict"]
    states = [row["state"] for row in priors["table"]] if priors else []
    return SlideRow(
        slide_id=slide_id,
        name=name,
        priors=None if priors is None else sum(state in USED for state in states),
        glands=None if prediction is None else prediction["count"],
        seconds={step: round(facts["seconds"], 2) for step, facts in found.items() if facts},
    )
