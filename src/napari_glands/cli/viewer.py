"""The command that opens napari with the workbench."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from napari_glands.cli import interrupts
from napari_glands.cli.images import RecursiveOption
from napari_glands.cli.terminal import fail, note
from napari_glands.errors import GlandsError

__all__ = ["open_viewer", "show_workbench"]

_INSTALL = 'pip install "napari-glands[app]"'


def open_viewer(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="A project folder, and images.", show_default=False),
    ] = None,
    recursive: RecursiveOption = False,
) -> None:
    """Open napari with the workbench docked."""
    from napari_glands.slides import find_images

    paths = paths or []
    projects = [Path(p) for p in paths if (Path(p).expanduser() / "project.json").exists()]
    images = [p for p in paths if Path(p) not in projects]
    if len(projects) > 1:
        raise typer.BadParameter("name one project at most.")
    try:
        found = find_images(images, recursive=recursive) if images else []
        show_workbench(projects[0] if projects else None, found)
    except GlandsError as error:
        raise fail(str(error)) from error


def show_workbench(project: Path | None, images: Sequence[str | Path]) -> None:
    """Open the workbench and return when its window is closed.

    Raises
    ------
    GlandsError
        When napari or Qt is not installed.
    """
    if find_spec("napari") is None:
        raise GlandsError(f"napari is not installed: {_INSTALL}")
    try:
        from qtpy import QtWidgets  # the binding is looked up here
    except ImportError as error:
        raise GlandsError(f"No Qt is installed: {_INSTALL}") from error
    import napari

    from napari_glands.workbench import open_workbench

    open_workbench(project, list(images))
    with interrupts.until_closed(QtWidgets.QApplication.quit):
        napari.run()
    if interrupts.heard():  # the window has closed as its button closes it
        note("Closed; what was edited is saved.")
        raise typer.Exit(128 + interrupts.heard())
