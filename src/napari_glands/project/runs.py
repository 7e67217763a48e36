"""The record of runs: ``runs/<time>-<step>/``."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import write_json, write_text
from napari_glands.errors import GlandsError
from napari_glands.plain_text import shown
from napari_glands.progress import Cancelled, CancelToken, Event, Report
from napari_glands.project.commands import command_line, python_code
from napari_glands.project.folder import Project
from napari_glands.project.paths import holds_links, inside
from napari_glands.project.schema import StepRecord
from napari_glands.settings import Settings
from napari_glands.stored import checked, is_plain_name, read_json
from napari_glands.system_errors import naming

__all__ = ["Run", "end_killed_run", "recorded_run"]


class _State(TypedDict):
    """How a run stands: ``run.json``."""

    step: str
    fingerprint: str
    status: Literal["running", "done", "cancelled", "failed"]


_FILE = "run.json"
_STATE = TypeAdapter(_State)
_VERSIONS = ("napari-glands", "torch", "numpy", "scikit-image")


@dataclass
class Run:
    """A run under way.

    Attributes
    ----------
    folder
        Its folder below ``runs/``.
    report
        Passes events on, after they are written to ``log.txt`` and ``metrics.csv``.
    """

    folder: Path
    report: Report

    def drop_checkpoints(self) -> None:
        """Remove what only a resumed training needs: it is large.

        What other runs left for theirs stays, and what lies behind links, which are not this run's.
        """
        for here, folders, files in os.walk(self.folder):  # does not follow links
            folders[:] = [name for name in folders if not Path(here, name).is_symlink()]
            for name in files:
                if name.endswith((".ckpt", ".safetensors")):
                    Path(here, name).unlink(missing_ok=True)


@contextmanager
def recorded_run(
    project: Project,
    step: str,
    settings: Settings,
    fingerprint: str,
    report: Report,
    cancel: CancelToken,
    *,
    device: str = "",
    resume: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """Keep the record of a run: settings, command line, log, figures, how it ended.

    Parameters
    ----------
    project, step, settings
        What runs on what.
    fingerprint
        Of what it makes.
    report
        Where its events go besides the log.
    cancel
        Decides whether a run that ends well counts as cancelled.
    device
        What it computes on, and why.
    resume
        Whether to go on in the folder of an unfinished run of the same fingerprint.
    arguments
        What the step was told beside settings, for ``command.txt`` and ``script.py``.
    """
    folder = (resume and _unfinished(project, step, fingerprint)) or _new_folder(project, step)
    state = {"step": step, "fingerprint": fingerprint, "status": "running"}
    write_json(folder / _FILE, state)
    write_json(folder / "settings.json", settings.model_dump(mode="json"))
    line = command_line(project.path, step, settings, arguments)
    write_text(folder / "command.txt", line + "\n")
    write_text(folder / "script.py", python_code(project.path, [step], settings, arguments))
    started, clock = _now(), time.perf_counter()
    status: Literal["done", "cancelled", "failed"] = "failed"
    with naming(project.path), _Log(folder) as log:
        log.line(f"{step} started" + (f" on {device}" if device else ""))

        def speak(event: Event) -> None:
            log.event(event)
            report(event)

        try:
            yield Run(folder, speak)
            status = "cancelled" if cancel.cancelled else "done"
        except (Cancelled, KeyboardInterrupt):
            status = "cancelled"
            raise
        except BaseException as error:
            log.line(f"failed: {type(error).__name__}: {error}")
            raise
        finally:
            seconds = time.perf_counter() - clock
            log.line(f"{step} {status} after {seconds:.1f} s")
            record = StepRecord(
                fingerprint=fingerprint,
                status=status,
                started=started,
                ended=_now(),
                seconds=round(seconds, 3),
                device=device,
                run=folder.name,
                settings=settings,
                versions=_versions(),
            )
            # That a record cannot be written must not hide why the run failed.
            with suppress(OSError, GlandsError) if status == "failed" else nullcontext():
                write_json(folder / _FILE, {**state, "status": status})
                project.record_step(step, record)


class _Log:
    """``log.txt`` and ``metrics.csv`` of a run: append-only, a line at a time.

    One that cannot be written ends no run: what the run makes says so itself if it has to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None
        self._last = ""

    def __enter__(self) -> _Log:
        self._file = (self._folder / "log.txt").open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def line(self, text: str) -> None:
        if self._file is not None and not self._file.closed:
            with suppress(OSError):
                self._file.write(f"{_now()} {shown(text)}\n")

    def event(self, event: Event) -> None:
        if event.message and event.message != self._last:
            self._last = event.message
            self.line(f"[{event.fraction:4.0%}] {event.message}")
        if event.values:
            with suppress(OSError):
                self._append(event)

    def _append(self, event: Event) -> None:
        path = self._folder / "metrics.csv"
        fresh = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["time", "fraction", "name", "value"])
            now = _now()
            for name, value in event.values.items():
                writer.writerow([now, f"{event.fraction:.4f}", name, f"{value:.6g}"])


def _new_folder(project: Project, step: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for n in range(1, 1000):
        name = f"{stamp}-{step}" + (f"-{n}" if n > 1 else "")
        folder = inside(project.path, "runs", name)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise RuntimeError("more than 999 runs of one step in one second")


def end_killed_run(project: Project, step: str, fingerprint: str) -> bool:
    """Note the end of the latest run of a step, if it was cut off after it had made its result.

    Returns
    -------
    bool
        Whether there was such a run, of that fingerprint.
    """
    folder, state = _latest(project, step, fingerprint)
    if folder is None or state is None or state["status"] == "done":
        return False
    write_json(folder / _FILE, {**state, "status": "done"})
    return True


def _unfinished(project: Project, step: str, fingerprint: str) -> Path | None:
    """Return the latest run of a step that was cut off and was to make the same."""
    folder, state = _latest(project, step, fingerprint)
    return None if state is None or state["status"] == "done" else folder


def _latest(project: Project, step: str, fingerprint: str) -> tuple[Path | None, _State | None]:
    """Return the latest run of a step with a fingerprint, and how it stands; those that cannot be
    read, which are only records, are passed over.
    """
    runs = inside(project.path, "runs")
    for file in sorted(runs.glob(f"*-{step}*/{_FILE}"), reverse=True):
        if not is_plain_name(file.parent.name) or holds_links(file.parent):
            continue
        try:
            state = checked(_STATE, read_json(file), file)
        except (GlandsError, FileNotFoundError):
            continue
        if state["step"] == step and state["fingerprint"] == fingerprint:
            return file.parent, state
    return None, None


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
