"""Strokes and clicks with the left button on the canvas, as points in the world."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, Qt

if TYPE_CHECKING:
    import napari

__all__ = ["Gestures"]

_LEFT = 1
_CLICK = 4  # canvas pixels: a hand that moves less has clicked

Heard = Callable[[np.ndarray], None]


class Gestures(QObject):
    """While it is on, the left button draws; with Space held it moves the picture as ever.

    Parameters
    ----------
    viewer
        Whose canvas it is; only referred to weakly.
    moved, drawn, clicked, hovered
        Called with the points so far, with those of a finished stroke, with that of a click and
        with that under the mouse: float (n, 2), rows and columns in the world.
    escaped
        Escape was pressed.
    """

    def __init__(
        self,
        parent: QObject,
        viewer: napari.Viewer,
        *,
        moved: Heard,
        drawn: Heard,
        clicked: Heard,
        hovered: Heard,
        escaped: Callable[[], None],
    ) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)
        self._moved, self._drawn, self._clicked = moved, drawn, clicked
        self._hovered, self._escaped = hovered, escaped
        self._double: list[Any] = []
        self._space = False
        self.active = False

    def start(self) -> None:
        """Take the left button."""
        viewer = self._viewer()
        if viewer is None or self.active:
            return
        self.active, self._space = True, False
        viewer.mouse_drag_callbacks.insert(0, self._on_drag)
        viewer.mouse_move_callbacks.append(self._on_move)
        # The second of two quick clicks comes as a double click; napari would zoom.
        self._double = list(viewer.mouse_double_click_callbacks)
        viewer.mouse_double_click_callbacks[:] = [self._on_double]
        canvas = self._canvas()
        if canvas is not None:
            canvas.installEventFilter(self)
            canvas.setFocus()

    def stop(self) -> None:
        """Give the left button back."""
        viewer = self._viewer()
        if viewer is None or not self.active:
            return
        self.active = False
        viewer.mouse_drag_callbacks.remove(self._on_drag)
        viewer.mouse_move_callbacks.remove(self._on_move)
        viewer.mouse_double_click_callbacks[:] = self._double
        canvas = self._canvas()
        if canvas is not None:
            canvas.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hear Space and Escape on the canvas."""
        kind = None if event is None else event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            key = event.key()  # type: ignore[union-attr]
            pressed = kind == QEvent.Type.KeyPress
            if key == Qt.Key.Key_Space:
                self._space = pressed or event.isAutoRepeat()  # type: ignore[union-attr]
            elif key == Qt.Key.Key_Escape and pressed:
                self._escaped()
                return True
        return False

    def _on_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        if event.button != _LEFT or self._space:
            return
        points, start, far = [_point(event)], np.array(event.pos), 0.0
        event.handled = True  # the picture stays where it is
        yield
        while event.type == "mouse_move":
            event.handled = True
            points.append(_point(event))
            far = max(far, float(np.abs(np.array(event.pos) - start).max()))
            if self.active:
                self._moved(np.array(points))
            yield
        event.handled = True
        if not self.active:  # Escape was pressed meanwhile
            return
        # Of a fast stroke the canvas tells little but its ends.
        points.append(_point(event))
        far = max(far, float(np.abs(np.array(event.pos) - start).max()))
        if far < _CLICK:
            self._clicked(np.array(points[-1:]))
        else:
            self._drawn(np.array(points))

    def _on_move(self, viewer: Any, event: Any) -> None:
        self._hovered(np.array([_point(event)]))

    def _on_double(self, viewer: Any, event: Any) -> None:
        if event.button == _LEFT:
            self._clicked(np.array([_point(event)]))

    def _canvas(self) -> Any:
        view = getattr(getattr(self._viewer(), "window", None), "_qt_viewer", None)
        return getattr(getattr(view, "canvas", None), "native", None)


def _point(event: Any) -> tuple[float, float]:
    rows, columns = event.dims_displayed[-2:]
    return event.position[rows], event.position[columns]
