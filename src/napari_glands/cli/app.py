"""All commands of ``napari-glands``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import napari_glands
from napari_glands.cli import benchmark, demo, doctor, files, regions, restore, steps, viewer
from napari_glands.cli.terminal import fail
from napari_glands.errors import GlandsError
from napari_glands.jobs import explain
from napari_glands.plain_text import shown

__all__ = ["app"]


class _PlainErrors(TyperGroup):
    """Commands whose errors are one sentence of plain text, wherever they come from."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the options of the group."""
        with _plain_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _plain_errors():
            return super().invoke(ctx)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except TyperException as error:
        error.message = shown(error.message, lines=True)
        raise
    except (GlandsError, OSError, MemoryError) as error:
        raise fail(explain(error)) from error


app = typer.Typer(
    name="napari-glands",
    cls=_PlainErrors,
    help="Segment glands in histology images without hand-made training labels.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-glands {napari_glands.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Segment glands in histology images without hand-made training labels."""


_WHOLE = "The whole way"
_STEPS = "One step each"
_FILES = "Files and figures"
_APP = "The program"

app.command("demo", rich_help_panel=_WHOLE)(demo.demo)
app.command("run", rich_help_panel=_WHOLE)(steps.run)
app.command("new", rich_help_panel=_STEPS)(steps.new)
app.command("regions", rich_help_panel=_STEPS)(regions.regions)
app.command("exterior", rich_help_panel=_STEPS)(steps.exterior)
app.command("priors", rich_help_panel=_STEPS)(steps.priors)
app.command("train", rich_help_panel=_STEPS)(steps.train)
app.command("predict", rich_help_panel=_STEPS)(steps.predict)
app.command("grow", rich_help_panel=_STEPS)(steps.grow)
app.command("measure", rich_help_panel=_STEPS)(steps.measure)
app.command("restore", rich_help_panel=_STEPS)(restore.restore)
app.command("export", rich_help_panel=_FILES)(files.export)
app.command("evaluate", rich_help_panel=_FILES)(files.evaluate)
app.add_typer(benchmark.app, name="benchmark", rich_help_panel=_FILES)
app.command("open", rich_help_panel=_APP)(viewer.open_viewer)
app.command("doctor", rich_help_panel=_APP)(doctor.doctor)
