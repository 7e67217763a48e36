"""The hands of a user on a real window: clicks, keys and strokes, and the patience to wait."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

__all__ = ["Hands"]

_LEFT, _NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
_PLAIN = Qt.KeyboardModifier.NoModifier
_POLL_MILLISECONDS = 20


class Hands:
    """Works a docked workbench as a person would; every action is counted by kind.

    Parameters
    ----------
    viewer
        The napari viewer.
    workbench
        The docked workbench.
    """

    def __init__(self, viewer: Any, workbench: Any) -> None:
        self.viewer, self.workbench = viewer, workbench
        self.session = workbench.session
        self.actions: Counter[str] = Counter()

    # ---- waiting

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 120) -> float:
        """Wait for something to be so; return how long it took."""
        start = time.perf_counter()
        while not condition():
            if time.perf_counter() - start > seconds:
                raise TimeoutError(f"Waited {seconds:g} s in vain until {what}.")
            QTest.qWait(_POLL_MILLISECONDS)
        return time.perf_counter() - start

    def settle(self, seconds: float = 900) -> None:
        """Wait until neither job nor queue has anything to do."""
        self.until(lambda: not self.session.tasks.busy, "the step has ended", seconds)
        done: list[bool] = []
        self.session.tasks.later(lambda: None, lambda _: done.append(True))
        self.until(lambda: done, "the files are written", seconds)
        QTest.qWait(50)

    def run(self, button: Any, seconds: float = 900) -> None:
        """Click what starts a step, and wait for the step's end."""
        ended: list[str] = []
        self.session.job_ended.connect(lambda step, _: ended.append(step))
        self.click(button)
        self.until(lambda: ended, "the step has ended", seconds)
        self.settle()

    # ---- clicks and keys

    def view(self, step: str) -> Any:
        """Go to a step."""
        index = self.workbench.steps.index(step)
        if self.workbench.stack.currentIndex() != index:
            self.click(self.workbench.nav.buttons[index])
        return self.workbench.views[step]

    def click(self, button: Any) -> None:
        """Click a button, which must be enabled."""
        assert button.isEnabled(), f"the button {button.text()!r} is disabled"
        self.actions["click"] += 1
        QTest.mouseClick(button, _LEFT)

    def key(self, key: Any, modifier: Any = _PLAIN) -> None:
        """Press a key with the canvas in focus."""
        self.actions["key"] += 1
        self.canvas.setFocus()
        QTest.keyClick(self.canvas, key, modifier)

    # ---- the mouse on the canvas

    @property
    def canvas(self) -> Any:
        """The widget that shows the layers."""
        return self.viewer.window._qt_viewer.canvas.native

    def layer(self, role: str) -> Any:
        """The layer of the slide on show in a role."""
        return self.session.layers.find(self.session.current, role)

    def point(self, layer: Any, pixel: Sequence[float]) -> QPoint:
        """Where on the canvas a pixel of a layer is."""
        y, x = layer.data_to_world(tuple(pixel))[-2:]
        camera, canvas = self.viewer.camera, self.canvas
        cy, cx = camera.center[-2:]
        return QPoint(
            round((x - cx) * camera.zoom + canvas.width() / 2),
            round((y - cy) * camera.zoom + canvas.height() / 2),
        )

    def stroke(self, layer: Any, pixels: Sequence[Sequence[float]], *, let_go: bool = True) -> None:
        """Press, move along some pixels of a layer, and let go."""
        self.actions["stroke"] += 1
        points = [self.point(layer, pixel) for pixel in pixels]
        self._mouse(QEvent.Type.MouseMove, points[0], _NONE, _NONE)
        self._mouse(QEvent.Type.MouseButtonPress, points[0], _LEFT, _LEFT)
        for start, stop in itertools.pairwise(points):
            for share in np.linspace(0, 1, 6)[1:]:
                between = QPoint(
                    round(start.x() + share * (stop.x() - start.x())),
                    round(start.y() + share * (stop.y() - start.y())),
                )
                self._mouse(QEvent.Type.MouseMove, between, _NONE, _LEFT)
        if let_go:
            self.let_go(layer, pixels[-1])

    def let_go(self, layer: Any, pixel: Sequence[float]) -> None:
        """Release the mouse over a pixel of a layer."""
        self._mouse(QEvent.Type.MouseButtonRelease, self.point(layer, pixel), _LEFT, _NONE)

    def _mouse(self, kind: Any, point: QPoint, button: Any, held: Any) -> None:
        place = QPointF(point)
        event = QMouseEvent(
            kind, place, QPointF(self.canvas.mapToGlobal(point)), button, held, _PLAIN
        )
        QApplication.sendEvent(self.canvas, event)
        QApplication.processEvents()
