"""Talking to the user: results on stdout, everything else on stderr, exit codes.

All text goes through `shown` and none is taken for markup: names come from files.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from napari_glands.cli import interrupts
from napari_glands.cli.streams import to_nowhere
from napari_glands.jobs import CancelToken, Event, Job, Outcome, perform
from napari_glands.plain_text import json_text, shown
from napari_glands.system_errors import naming

__all__ = ["fail", "note", "print_json", "print_lines", "print_table", "work"]

T = TypeVar("T")


def work(job: Job[T]) -> T:
    """Run a job with its progress on stderr, and return its result.

    Ctrl-C asks it to stop; a second one insists.

    Raises
    ------
    typer.Exit
        After one line on stderr: with code 1 when the job failed, with 130 when it was
        interrupted (143 when the system ended it).
    """
    cancel = CancelToken()

    def ask() -> None:
        cancel.cancel()
        note(
            "Stopping after the present batch; what is finished is kept: run the same command "
            "again to go on. (Ctrl-C again: at once)"
        )

    with interrupts.listening(), _quiet_libraries(), _progress() as report:

        def until_asked(event: Event) -> None:
            if not cancel.cancelled:  # the line that says so stays the last
                report(event)

        with interrupts.leaving(ask):
            outcome = perform(job, until_asked, cancel=cancel)
        return _result(outcome)


def note(text: str) -> None:
    """Tell the user something that is no result, on stderr, in one line."""
    _say(_stderr(), Text(shown(text)))


def fail(text: str) -> typer.Exit:
    """Print one line on stderr and return the exception that ends the command with code 1."""
    _say(_stderr(), Text.assemble(("Error:", "red"), " ", shown(text)))
    return typer.Exit(1)


def print_json(data: Any) -> None:
    """Print a result as JSON on stdout."""
    with _output():
        typer.echo(json_text(data, ascii_only=not _is_unicode(sys.stdout)))


def print_lines(*lines: str) -> None:
    """Print a result on stdout, line by line."""
    with _output():
        typer.echo("\n".join(shown(line) for line in lines))


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of equal keys as a table on stdout."""
    table = Table(title=Text(shown(title)), title_justify="left")
    numbers = {k for k in (rows[0] if rows else {}) if all(_is_number(row[k]) for row in rows)}
    for key in rows[0] if rows else []:
        justify: Any = "right" if key in numbers else "left"
        table.add_column(Text(shown(key)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    with _output():
        Console().print(table)


@contextmanager
def _output() -> Iterator[None]:
    """Print a result whole, or say that it cannot be."""
    with interrupts.held(), naming("the output"):
        yield


def _result(outcome: Outcome[T]) -> T:
    """Return a job's result, or leave with a message."""
    if outcome.status == "failed":
        if isinstance(outcome.error, typer.BadParameter | typer.Exit):
            raise outcome.error
        text = outcome.message
        if outcome.defect:
            text += f" — this is a defect; details are in {_save_details(outcome.details)}"
        raise fail(text)
    number = interrupts.heard()  # perhaps too late for the job to hear of it
    if outcome.status == "cancelled" or number:
        if not number:
            note("Interrupted; what is finished is kept: run the same command again to go on.")
        raise typer.Exit(128 + (number or signal.SIGINT))
    return outcome.result  # type: ignore[return-value]


def _save_details(details: str) -> Path:
    from platformdirs import user_log_path

    name = f"error-{datetime.now():%Y%m%dT%H%M%S}.log"
    try:
        file = user_log_path("napari-glands", appauthor=False, ensure_exists=True) / name
        file.write_text(shown(details, lines=True), encoding="utf-8")
    except OSError:
        file = Path(tempfile.mkdtemp(prefix="napari-glands-")) / name
        file.write_text(shown(details, lines=True), encoding="utf-8")
    return file


class _Stderr(Console):
    """The console of what is no result; one that nobody reads any more ends no work."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.quiet = True
        to_nowhere(sys.stderr)


def _stderr() -> Console:
    # Made anew, because tests and shells replace the stream.
    return _Stderr(stderr=True)


def _say(console: Console, text: Text) -> None:
    with suppress(OSError, ValueError):  # closed, or on a full disk
        console.print(text, highlight=False, soft_wrap=True)


def _is_unicode(stream: IO[str] | None) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> Text:
    if value is None:
        return Text("–")
    return Text(f"{value:.3f}" if isinstance(value, float) else shown(value))


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Show our own warnings as one line each, and no other library's."""

    def show(message: Warning | str, *rest: Any, **more: Any) -> None:
        note(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=UserWarning, module=r"napari_glands\b")
        warnings.showwarning = show
        yield


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Give a listener for events: bars in a terminal, lines elsewhere."""
    console = _stderr()
    if not console.is_terminal:
        last = [("", "")]

        def say(event: Event) -> None:
            said = (event.step, event.message)
            if event.message and said != last[0]:
                last[0] = said
                _say(console, Text(shown(f"{event.step} {event.fraction:4.0%} {event.message}")))

        yield say
        return
    columns = (
        TextColumn("{task.fields[step]:<9}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def show(event: Event) -> None:
            if event.step not in tasks:
                tasks[event.step] = bars.add_task("", total=1.0, step=event.step)
            changes: dict[str, Any] = {"completed": event.fraction}
            if event.message:
                changes["description"] = shown(event.message)
            bars.update(tasks[event.step], **changes)

        yield show
