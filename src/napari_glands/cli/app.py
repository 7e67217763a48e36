"""All commands of ``napari-glands``."""

from __future__ import annotations

from typing import Annotated

import typer

import napari_glands
from napari_glands.cli import benchmark, demo, doctor, files, regions, restore, steps, viewer

__all__ = ["app"]

app = typer.Typer(
    name="napari-glands",
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
