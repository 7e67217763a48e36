"""Choosing the exterior by a click on the cluster map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_glands.workbench.actions import choose_cluster

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["ClusterPicker"]


class ClusterPicker:
    """While it is on, a click (not a drag) on the cluster map chooses the exterior."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.active = False

    def set_active(self, active: bool) -> None:
        """Turn picking on or off."""
        viewer = self._session.layers.viewer
        if viewer is None or active == self.active:
            return
        self.active = active
        if active:
            viewer.mouse_drag_callbacks.append(self._on_mouse)
            self._show_clusters()
        else:
            viewer.mouse_drag_callbacks.remove(self._on_mouse)
            self._session.layers.set_visible(self._session.current, clusters=False, exterior=True)

    def _show_clusters(self) -> None:
        session = self._session
        if session.layers.find(session.current, "clusters") is None:
            session.refresh(create=True)
            return
        session.layers.set_visible(session.current, clusters=True, exterior=False)
        clusters = session.layers.find(session.current, "clusters")
        if clusters is not None:
            # An active priors layer in paint mode would take the click for a stroke.
            session.layers.select(clusters)

    def _on_mouse(self, viewer: Any, event: Any) -> Iterator[None]:
        position = event.position
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if dragged:
            return
        clusters = self._session.layers.find(self._session.current, "clusters")
        if clusters is None:
            return
        value = clusters.get_value(position, world=True)
        if isinstance(value, tuple):  # of a pyramid: the level, and the value
            value = value[-1]
        if value:
            choose_cluster(self._session, int(value))
