"""A napari window with the workbench, for scripts."""

from __future__ import annotations

from pathlib import Path

import napari
from hands import Hands

from napari_glands.workbench import Workbench

__all__ = ["open_bench"]


def open_bench(project: Path | None = None) -> Hands:
    """Open a window with the workbench docked, and a project in it if one is given."""
    viewer = napari.Viewer(title="napari-glands", show=True)
    viewer.window.resize(1400, 900)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-glands", "Gland workbench")
    assert isinstance(workbench, Workbench)
    hands = Hands(viewer, workbench)
    hands.until(viewer.window._qt_window.isVisible, "the window is shown")
    if project is not None:
        hands.session.open_project(project)
        hands.until(lambda: hands.session.current, "a slide is shown")
    hands.settle()
    return hands
