"""Lines on the canvas that are no layer: what is being drawn, and what a click would take."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import napari

__all__ = ["Sketch"]

_ON_TOP = 1_000_000
_INK, _HALO = (1.0, 0.95, 0.25, 1.0), (0.0, 0.0, 0.0, 0.8)


class Sketch:
    """Paths in world coordinates above all layers: yellow with a dark halo, to be seen on stain.

    Made once for a viewer and only hidden: deleting what is drawn makes trouble in some drivers.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._lines: list[Any] = []

    def show(self, paths: Sequence[np.ndarray]) -> None:
        """Show paths, each (n, 2) of rows and columns in the world; none hides all."""
        paths = [path for path in paths if len(path) > 1]
        if not paths or not self._ready():
            self.hide()
            return
        points = np.vstack(paths)[:, ::-1].astype(np.float32)
        connected = np.ones(len(points), bool)
        connected[np.cumsum([len(path) for path in paths]) - 1] = False
        for line in self._lines:
            line.set_data(pos=points, connect=connected)
            line.visible = True

    def hide(self) -> None:
        """Show nothing."""
        for line in self._lines:
            line.visible = False

    @property
    def visible(self) -> bool:
        """Whether anything is shown."""
        return any(line.visible for line in self._lines)

    def _ready(self) -> bool:
        if self._lines:
            return True
        view = getattr(getattr(self._viewer(), "window", None), "_qt_viewer", None)
        scene = getattr(getattr(getattr(view, "canvas", None), "view", None), "scene", None)
        if scene is None:
            return False
        from vispy.scene.visuals import Line

        for order, (color, width) in enumerate(((_HALO, 5), (_INK, 2))):
            line = Line(pos=np.zeros((2, 2), np.float32), color=color, width=width, parent=scene)
            line.set_gl_state("translucent", depth_test=False)
            line.order = _ON_TOP + order
            line.visible = False
            self._lines.append(line)
        return True
