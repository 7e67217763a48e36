"""Talking to the user: results on stdout, everything else on stderr, exit codes."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from napari_glands.jobs import CancelToken, Event, Job, Outcome, perform

__all__ = ["fail", "note", "print_json", "print_table", "work"]

T = TypeVar("T")


def work(job: Job[T]) -> T:
    """Run a job with its progress on stderr, and return its result.

    Ctrl-C asks it to stop; a second one insists.

    Raises
    ------
    typer.Exit
        With code 1, after one line on stderr, when the job failed or was cancelled.
    """
    cancel = CancelToken()
    with _interruptible(cancel), _quiet_libraries(), _progress() as report:
        outcome = perform(job, report, cancel=cancel)
    return _result(outcome)


def note(text: str) -> None:
    """Tell the user something that is no result, on stderr."""
    _stderr().print(escape(text), highlight=False, soft_wrap=True)


def fail(text: str) -> typer.Exit:
    """Print one line on stderr and return the exception that ends the command with code 1."""
    _stderr().print(f"[red]Error:[/red] {escape(text)}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def print_json(data: Any) -> None:
    """Print a result as JSON on stdout."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of equal keys as a table on stdout."""
    table = Table(title=title, title_justify="left")
    numbers = {k for k in (rows[0] if rows else {}) if all(_is_number(row[k]) for row in rows)}
    for key in rows[0] if rows else []:
        table.add_column(key, justify="right" if key in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _result(outcome: Outcome[T]) -> T:
    """Return a job's result, or leave with a message."""
    if outcome.status == "failed":
        if isinstance(outcome.error, typer.BadParameter | typer.Exit):
            raise outcome.error
        text = outcome.message
        if outcome.defect:
            text += f" — this is a defect; details are in {_save_details(outcome.details)}"
        raise fail(text)
    if outcome.status == "cancelled":
        note("Cancelled. What was finished is kept: run the same command again to go on.")
        raise typer.Exit(1)
    return outcome.result  # type: ignore[return-value]


def _save_details(details: str) -> Path:
    from platformdirs import user_log_path

    name = f"error-{datetime.now():%Y%m%dT%H%M%S}.log"
    try:
        file = user_log_path("napari-glands", appauthor=False, ensure_exists=True) / name
        file.write_text(details, encoding="utf-8")
    except OSError:
        file = Path(tempfile.mkdtemp(prefix="napari-glands-")) / name
        file.write_text(details, encoding="utf-8")
    return file


def _stderr() -> Console:
    # Made anew, because tests and shells replace the stream.
    return Console(stderr=True)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


@contextmanager
def _interruptible(cancel: CancelToken) -> Iterator[None]:
    """Turn the first Ctrl-C into a cancel request."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel()
        note("Stopping after the present batch… (Ctrl-C again: at once)")

    former = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


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
                console.print(
                    escape(f"{event.step} {event.fraction:4.0%} {event.message}"),
                    highlight=False,
                    soft_wrap=True,
                )

        yield say
        return
    columns = (
        TextColumn("{task.fields[step]:<9}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def show(event: Event) -> None:
            if event.step not in tasks:
                tasks[event.step] = bars.add_task("", total=1.0, step=event.step)
            changes: dict[str, Any] = {"completed": event.fraction}
            if event.message:
                changes["description"] = escape(event.message)
            bars.update(tasks[event.step], **changes)

        yield show
