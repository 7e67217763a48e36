"""How the layers of the slide on show are looked at: alone, as outlines, how opaque, and why so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_glands.widgets.legend import LegendEntry
from napari_glands.workbench.layers import KEY, OF_WHOLE, STATE_COLORS, cluster_color

if TYPE_CHECKING:
    import napari

    from napari_glands.workbench.session import Session

__all__ = ["BEFORE_KEY", "Display"]

BEFORE_KEY = "Shift-H"
# A key that is held longer than this shows the slide for just as long; a tap switches.
_HOLD_SECONDS = 0.35
_OUTLINE_WIDTH = 2
_ZOOM_MILLISECONDS = 100
_USUAL_OPACITY = 0.5
_INSTANCES = ("priors", "glands")
_CLASSES = {
    "marks": {1: "Marked as background", 2: "Marked to be ignored"},
    "teaching": {
        1: "Taught as background",
        2: "Taught as exterior",
        3: "Taught as interior",
        0: "Clear: not taught",
    },
}
_NEVER_OVERLAY = OF_WHOLE


class Display(QObject):
    """Wishes of the user on how overlays look; kept for slides and layers to come.

    Signals
    -------
    changed
        Something looks different, or there are other layers.
    """

    changed = Signal()

    def __init__(self, session: Session, viewer: napari.Viewer) -> None:
        super().__init__(session)
        self._session = session
        self._opacity: float | None = None
        self._outlines: bool | None = None
        self._hidden: tuple[str, tuple[str, ...]] = ("", ())
        self._soon = QTimer(self)  # many layers change at once
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.changed)
        session.changed.connect(self._apply)
        layers = viewer.layers.events
        for event in (layers.inserted, layers.removed):
            event.connect(self._on_layers)
        # Lines of shapes are as wide as their slide is large, whatever the zoom.
        self._zoomed = QTimer(self)
        self._zoomed.setSingleShot(True)
        self._zoomed.setInterval(_ZOOM_MILLISECONDS)
        self._zoomed.timeout.connect(lambda: session.layers.fit_frames(session.current))
        viewer.scene.camera.events.zoom.connect(self._on_zoom)
        viewer.bind_key(BEFORE_KEY, self._on_key, overwrite=True)

    # ---- the slide alone

    @property
    def before(self) -> bool:
        """Whether the slide is seen alone because the user asked for it."""
        slide_id, roles = self._hidden
        if not roles or slide_id != self._session.current:
            return False
        return not any(layer.visible for layer in self._overlays())

    def set_before(self, alone: bool) -> None:
        """Hide what is drawn over the slide, or show again what was hidden so."""
        session = self._session
        if alone and not self.before:
            roles = tuple(_role(layer) for layer in self._overlays() if layer.visible)
            self._hidden = (session.current, roles)
            session.layers.set_visible(session.current, **dict.fromkeys(roles, False))
        elif not alone and self.before:
            session.layers.set_visible(session.current, **dict.fromkeys(self._hidden[1], True))
            self._hidden = ("", ())
        self.changed.emit()

    def _on_key(self, viewer: Any) -> Iterator[None]:
        began, alone = time.monotonic(), not self.before
        self.set_before(alone)
        yield
        if alone and time.monotonic() - began > _HOLD_SECONDS:
            self.set_before(False)

    # ---- outlines and opacity

    @property
    def outlines(self) -> bool:
        """Whether the uppermost of the visible instances are outlines."""
        layers = [x for x in self._overlays() if _role(x) in _INSTANCES and x.visible]
        return bool(layers) and bool(layers[-1].contour)

    def set_outlines(self, outlines: bool) -> None:
        """Draw priors and glands as outlines, or as areas."""
        self._outlines = outlines
        self._apply()

    @property
    def opacity(self) -> float:
        """Opacity of the uppermost visible area."""
        areas = [x for x in self._overlays() if x.visible and not _is_outlined(x)]
        if self._opacity is not None:
            return self._opacity
        return float(areas[-1].opacity) if areas else _USUAL_OPACITY

    def set_opacity(self, opacity: float) -> None:
        """Make all areas that opaque; outlines stay as they are, or they could not be seen."""
        self._opacity = opacity
        self._apply()

    def _apply(self) -> None:
        for layer in self._overlays():
            if isinstance(layer, Labels) and _role(layer) in _INSTANCES:
                self._apply_outlines(layer)
            if self._opacity is not None and not _is_outlined(layer):
                layer.opacity = self._opacity
        self.changed.emit()

    def _apply_outlines(self, layer: Labels) -> None:
        if self._outlines is None or _is_outlined(layer) == self._outlines:
            return
        layer.contour = _OUTLINE_WIDTH if self._outlines else 0
        layer.opacity = 1.0 if self._outlines else self._opacity or _USUAL_OPACITY

    # ---- what the colours mean

    @property
    def has_overlays(self) -> bool:
        """Whether anything of ours lies over the slide."""
        return bool(self._overlays())

    def legend(self) -> list[LegendEntry]:
        """Explain the colours of what is visible, from bottom to top."""
        entries: list[LegendEntry] = []
        for layer in self._overlays():
            if layer.visible:
                entries += [e for e in self._explain(layer) if e not in entries]
        return entries

    def _explain(self, layer: Layer) -> list[LegendEntry]:
        role = _role(layer)
        if isinstance(layer, Image):
            return [LegendEntry(layer.name, _rgba(layer.colormap.colors[-1]))]
        if not isinstance(layer, Labels):
            return []
        if role == "clusters":
            shown = self._session.shown
            exterior = None if shown is None else shown.exterior
            numbers = range(1, 1 + (0 if exterior is None else exterior.memberships.shape[0]))
            chosen = 0 if exterior is None else exterior.cluster
            return [
                LegendEntry(f"Cluster {n}{' (exterior)' * (n == chosen)}", (*cluster_color(n), 1.0))
                for n in numbers
            ]
        if role in _CLASSES:
            present = set(np.unique(layer.data).tolist())
            return [
                LegendEntry(text, _rgba(layer.colormap.map(value)))
                for value, text in _CLASSES[role].items()
                if value in present
            ]
        if role in _INSTANCES:
            outlined = bool(layer.contour)
            return [
                LegendEntry(state.capitalize(), STATE_COLORS[state], outlined)
                for state in self._states(role)
            ]
        return []

    def _states(self, role: str) -> list[str]:
        """Return the states that there are in the priors or glands on show."""
        shown = self._session.shown
        curated = None if shown is None else getattr(shown, role, None)
        present = {row.state for row in getattr(curated, "table", ())}
        from napari_glands.priors.prior import STATES

        return [state for state in STATES if state in present]

    # ---- helpers

    def _overlays(self) -> list[Layer]:
        """Return the layers over the slide on show, from bottom to top."""
        session, viewer = self._session, self._session.layers.viewer
        current = session.current
        layers = [] if viewer is None or not current else list(viewer.layers)
        return [
            layer
            for layer in layers
            if _tag(layer).get("slide_id") == current and _role(layer) not in _NEVER_OVERLAY
        ]

    def _on_layers(self, event: Any) -> None:
        layer = event.value
        if _tag(layer):
            layer.events.visible.disconnect(self._on_visible)
            if event.type == "inserted":
                layer.events.visible.connect(self._on_visible)
        self._soon.start()

    def _on_zoom(self, event: Any = None) -> None:
        self._zoomed.start()

    def _on_visible(self, event: Any = None) -> None:
        self._soon.start()


def _tag(layer: Layer) -> dict[str, Any]:
    tag = layer.metadata.get(KEY)
    return tag if isinstance(tag, dict) else {}


def _is_outlined(layer: Layer) -> bool:
    return isinstance(layer, Labels) and layer.contour > 0


def _role(layer: Layer) -> str:
    return str(_tag(layer).get("role"))


def _rgba(color: Any) -> tuple[float, float, float, float]:
    red, green, blue, alpha = (float(value) for value in color)
    return red, green, blue, alpha
