"""The tool in the user's hand: which it is, and what it does on the canvas."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_glands.errors import GlandsError
from napari_glands.workbench.keys import TOOL_KEYS
from napari_glands.workbench.tools.gestures import Gestures
from napari_glands.workbench.tools.kinds import AMOUNTS, TOOLS, Tool
from napari_glands.workbench.tools.marks import MarksDisplay
from napari_glands.workbench.tools.outlines import brush_outline, mask_outlines, to_data
from napari_glands.workbench.tools.performer import Performer
from napari_glands.workbench.tools.sketch import Sketch

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_glands.workbench.session import Session

__all__ = ["Toolbox"]

Role = Literal["priors", "glands"]
_BY_NAME = {tool.name: tool for tool in TOOLS}
_CURSORS = {"brush": "circle", "ring": "crosshair"}


class Toolbox(QObject):
    """One tool at a time, until Escape, another tool, or one of napari's.

    Signals
    -------
    changed
        Another tool is in hand, or its number is another.
    said
        ``(sentence, whether it is a problem)``: what to do next, or why nothing happened.
    """

    changed = Signal()
    said = Signal(str, bool)

    def __init__(self, session: Session, viewer: napari.Viewer) -> None:
        super().__init__(session)
        self.active: Tool | None = None
        self._session = session
        self._amounts = {name: amount.value for name, amount in AMOUNTS.items()}
        self._layer: weakref.ref[Labels] | None = None
        self._first: np.ndarray | None = None  # of two clicks that belong together
        self._under: np.ndarray | None = None  # the point under the mouse, in the world
        self._sketch = Sketch(viewer)
        self._performer = Performer(session, self._on_done, self._on_failed)
        self._gestures = Gestures(
            self,
            viewer,
            moved=self._on_moved,
            drawn=self._on_drawn,
            clicked=self._on_clicked,
            hovered=self._on_hovered,
            escaped=self.put_down,
        )
        viewer.layers.selection.events.active.connect(self._on_active_layer)
        session.curation.changed.connect(self._on_curated)
        MarksDisplay(session)
        _bind_keys(viewer, self)

    # ---- choosing

    def choose(self, name: str, role: Role | None = None) -> None:
        """Take a tool in hand; the one that is there is put down.

        Parameters
        ----------
        name
            Of the tool.
        role
            Whether to work on priors or glands; what is worked on now when not given.
        """
        tool, curation = _BY_NAME[name], self._session.curation
        again = tool is self.active
        self.put_down()
        if again:
            return
        wanted: Any = curation.editor if role is None else getattr(curation, role)
        if tool.marks is not None:
            wanted = curation.priors  # marks lie with the priors, and so does their undo
        layer = wanted.layer
        if layer is None:
            noun = "priors" if wanted is curation.priors else "glands"
            self.said.emit(f"There are no {noun} on show to work on.", True)
            return
        if not wanted.editable:
            self.said.emit("This project is open for reading only.", True)
            return
        curation.choose(wanted)
        layer.mode = "pan_zoom"
        self.active, self._layer = tool, weakref.ref(layer)
        layer.events.mode.connect(self._on_mode)
        self._show_cursor(layer)
        self._gestures.start()
        self._prepare(tool)
        self.changed.emit()
        self._say_hint()

    def put_down(self) -> None:
        """Have no tool in hand."""
        if self.active is None:
            return
        layer = self._layer() if self._layer is not None else None
        self.active, self._layer, self._first = None, None, None
        self._gestures.stop()
        self._sketch.hide()
        if layer is not None:
            layer.events.mode.disconnect(self._on_mode)
            if layer.mode == "pan_zoom":
                layer.cursor = "standard"
            layer.brush_size = layer.brush_size  # napari's size of the cursor again
        self.changed.emit()
        self.said.emit("", False)

    @property
    def hint(self) -> str:
        """What to do next; empty without a tool."""
        tool = self.active
        if tool is None:
            return ""
        return tool.hint.format(amount=self.amount_text(tool))

    # ---- numbers

    def amount(self, tool: Tool) -> float:
        """Return the number that belongs to a tool; 0 without one."""
        return self._amounts.get(tool.amount, 0.0)

    def amount_text(self, tool: Tool) -> str:
        """Return that number with its unit."""
        return f"{self.amount(tool):g} {AMOUNTS[tool.amount].unit}" if tool.amount else ""

    def set_amount(self, value: float) -> None:
        """Set the number of the tool in hand."""
        tool = self.active
        if tool is None or not tool.amount or self._amounts[tool.amount] == value:
            return
        self._amounts[tool.amount] = value
        layer = self._layer() if self._layer is not None else None
        if layer is not None:
            self._show_cursor(layer)
        self._preview()
        self.changed.emit()
        self._say_hint()

    # ---- what the hand does

    def _on_moved(self, points: np.ndarray) -> None:
        tool = self.active
        if tool is None:
            return
        if tool.gesture == "brush":
            self._sketch.show(brush_outline(points, self.amount(tool)))
        elif tool.gesture == "outline":
            self._sketch.show([np.vstack([points, points[:1]])])
        elif tool.gesture == "line":
            self._sketch.show([points])

    def _on_drawn(self, points: np.ndarray) -> None:
        tool = self.active
        if tool is None:
            return
        self._first = None
        if tool.gesture in ("gland", "ring", "picture"):
            self._on_clicked(points[-1:])
        else:
            self._do(tool, points)

    def _on_clicked(self, points: np.ndarray) -> None:
        tool = self.active
        if tool is None:
            return
        if tool.name == "merge":
            self._click_to_merge(tool, points)
        elif tool.gesture in ("line", "outline"):
            self.said.emit(f"{self.hint} Keep the button pressed while you draw.", True)
        else:
            self._do(tool, points)

    def _click_to_merge(self, tool: Tool, points: np.ndarray) -> None:
        if self._first is not None:
            points = np.vstack([self._first, points])
            self._first = None
            self._do(tool, points)
            return
        layer = self._layer() if self._layer is not None else None
        number = 0 if layer is None else self._performer.label_at(to_data(layer, points)[0])
        if not number:
            self.said.emit("There is no gland here: click on one, or draw a line.", True)
            return
        self._first = points
        self.said.emit(f"Now click on what belongs to gland {number}.", False)

    def _on_hovered(self, points: np.ndarray) -> None:
        self._under = points
        if self.active is not None and self.active.gesture == "ring":
            self._preview()

    def _do(self, tool: Tool, points: np.ndarray) -> None:
        layer = self._layer() if self._layer is not None else None
        self._sketch.hide()
        if layer is not None:
            self._performer.do(tool, to_data(layer, points), self.amount(tool))

    # ---- what comes of it

    def _on_done(self, tool: Tool, text: str) -> None:
        if tool is self.active:
            self.said.emit(f"{text} {self.hint}".strip(), False)
            self._preview()

    def _on_failed(self, tool: Tool, text: str) -> None:
        if tool is self.active:
            self.said.emit(text, True)

    def _say_hint(self) -> None:
        if self.active is not None:
            self.said.emit(f"{self.hint} Escape ends it.", False)

    # ---- what is shown beforehand

    def _prepare(self, tool: Tool) -> None:
        if tool.gesture == "ring":
            try:
                self._performer.prepare_rings(self._preview)
            except GlandsError as error:
                self.put_down()
                self.said.emit(str(error), True)
        else:
            self._preview()

    def _preview(self) -> None:
        """Outline what a click would take."""
        tool, layer = self.active, self._layer() if self._layer is not None else None
        if tool is None or layer is None:
            return
        if tool.gesture == "ring":
            point = None if self._under is None else to_data(layer, self._under)[0]
            ring = None if point is None else self._performer.ring_at(point, self.amount(tool))
            self._sketch.show([] if ring is None else mask_outlines(layer, ring.box, ring.mask))
        elif tool.gesture == "picture":
            self._performer.preview(tool, self.amount(tool), self._show_gone)

    def _show_gone(self, box: Any, mask: np.ndarray) -> None:
        layer = self._layer() if self._layer is not None else None
        if layer is not None and self.active is not None and self.active.gesture == "picture":
            self._sketch.show([] if box is None else mask_outlines(layer, box, mask))

    def _show_cursor(self, layer: Labels) -> None:
        tool = self.active
        if tool is None:
            return
        layer.cursor = _CURSORS.get(tool.gesture, "cross")
        if tool.gesture == "brush":
            layer.cursor_size = self.amount(tool)

    # ---- what puts a tool down

    def _on_mode(self, event: Any) -> None:
        layer = self._layer() if self._layer is not None else None
        if layer is not None and layer.mode != "pan_zoom":
            self.put_down()

    def _on_active_layer(self, event: Any) -> None:
        # A layer that is added is the active one for a moment.
        if self.active is not None:
            QTimer.singleShot(0, self._check_layer)

    def _check_layer(self) -> None:
        viewer = self._session.layers.viewer
        layer = self._layer() if self._layer is not None else None
        if viewer is not None and viewer.layers.selection.active is not layer:
            self.put_down()

    def _on_curated(self) -> None:
        if self.active is not None and self.active.gesture == "picture":
            self._preview()


def _bind_keys(viewer: napari.Viewer, toolbox: Toolbox) -> None:
    known = weakref.ref(toolbox)

    def binder(name: str) -> Any:
        def choose(viewer: Any) -> None:
            there = known()
            if there is not None and not there._session.closed:
                there.choose(name)

        return choose

    for name, key in TOOL_KEYS.items():
        viewer.bind_key(key, binder(name), overwrite=True)
