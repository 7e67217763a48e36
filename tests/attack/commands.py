"""Commands of the program, run in this process as a user would type them."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from looking import tell
from material import Material

__all__ = ["Command", "call", "run_command"]


@dataclass(frozen=True)
class Command:
    """How a command ended.

    Attributes
    ----------
    what
        The words of the command.
    code
        Its exit status.
    sentence
        What follows ``Error:`` on stderr; all of stderr where there is no such line.
    trace
        The traceback of what escaped, or is in the log of a defect; empty for none.
    """

    what: str
    code: int
    sentence: str
    trace: str
    output: str = ""


def call(*words: object) -> Command:
    """Run one command line."""
    from typer.testing import CliRunner

    from napari_glands.cli.app import app

    texts = [str(word) for word in words]
    with warnings.catch_warnings():
        result = CliRunner().invoke(app, texts)
    trace = ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        trace = "".join(traceback.format_exception(result.exception))
    what = " ".join(Path(t).name if "/" in t else t for t in texts)
    return Command(
        what, result.exit_code, _sentence(result.stderr), trace or _logged(result.stderr),
        result.stdout,
    )  # fmt: skip


def _sentence(stderr: str) -> str:
    lines = stderr.strip("\n").split("\n")
    at = next((n for n, line in enumerate(lines) if line.startswith("Error:")), None)
    return "\n".join(lines[at:]).removeprefix("Error: ") if at is not None else stderr.strip()


def _logged(stderr: str) -> str:
    if "details are in " not in stderr:
        return ""
    log = Path(stderr.split("details are in ")[1].split("\n")[0].strip())
    return log.read_text() if log.exists() else "a defect without a log"


def run_command(copy: Material, command: str) -> Command:
    """Run one of the commands that are tried on damaged projects."""
    p = ("--project", copy.project)
    out = copy.folder / "out"
    lines: dict[str, Sequence[object]] = {
        "measure": ("measure", *p),
        "export": ("export", *p, "-f", "csv", "-f", "geojson", "-f", "png", "-f", "ome-zarr",
                   "--out", out),
        "predict": ("predict", *p, "--threshold", 0.45),
        "train": ("train", *p, "--seed", 3),
        "go-on": ("train", *p, "--go-on"),
        "other": ("train", *p, "--name", "other"),
        "exterior": ("exterior", *p, "--iterations", 2),
        "priors": ("priors", *p, "--min-area-um2", 70),
        "grow": ("grow", *p, "--grow-score", 0.2),
        "run": ("run", *p),
    }  # fmt: skip
    if command == "edit":
        return _edit(copy)
    return call(*lines[command])


def _edit(copy: Material) -> Command:
    """Decide on a gland and a prior of every slide that can be opened, as the window does."""
    from dataclasses import replace

    from napari_glands.project import Project

    def decide() -> str:
        with Project.open(copy.project, read_only=False) as project:
            for entry in project.slides:
                for name in ("priors", "glands"):
                    seen = tell(lambda e=entry, n=name: _decide(project, e.id, n, replace))
                    if seen[0] == "trace":
                        raise _Seen(seen[1])
        return "decided"

    kind, text = tell(decide)
    trace = text if kind == "trace" else ""
    return Command("edit", int(kind != "value"), text, trace)


class _Seen(Exception):
    """Carries a traceback of another exception."""


def _decide(project: Any, slide: str, name: str, replace: Any) -> str:
    found = getattr(project, f"load_{name}")(slide)
    first = next((row for row in found.table), None)
    if first is None:
        return "nothing"
    table = tuple(
        replace(row, state="rejected" if row.state == "accepted" else "accepted")
        if row is first else row
        for row in found.table
    )  # fmt: skip
    project.keep_version(slide, name)
    getattr(project, f"save_edited_{name}")(replace(found, table=table))
    return "saved"
