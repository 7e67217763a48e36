"""Napari with the workbench docked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.errors import GlandsError
from napari_glands.workbench.docks import Workbench

if TYPE_CHECKING:
    import napari

__all__ = ["open_workbench"]


def open_workbench(
    project: str | Path | None = None,
    images: Sequence[str | Path] = (),
    *,
    viewer: napari.Viewer | None = None,
) -> napari.Viewer:
    """Open napari with the workbench docked; the caller runs napari's event loop.

    Parameters
    ----------
    project
        Project folder to open.
    images
        Images to add to it, or to a new one.
    viewer
        A viewer to use; a new one by default.

    Returns
    -------
    napari.Viewer
        The viewer. Project and images are being opened in the background.

    Raises
    ------
    GlandsError
        When there is no such project.
    """
    import napari

    folder = None if project is None else Path(project).expanduser()
    if folder is not None and not folder.exists():
        raise GlandsError(f"There is no project {folder}: check the path.")
    viewer = viewer or napari.Viewer(title="napari-glands")
    _, workbench = viewer.window.add_plugin_dock_widget("napari-glands", "Gland workbench")
    session = workbench.session if isinstance(workbench, Workbench) else Workbench(viewer).session

    def add_images() -> None:
        if images:
            session.intake.add_files(images)

    if folder is None:
        add_images()
    else:
        session.open_project(folder, add_images)
    return viewer
