"""The display bar tied to the session, and panels that end with their dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_glands.widgets.display_bar import DisplayBar
from napari_glands.workbench.display import BEFORE_KEY, Display

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["SHEET", "TABLE", "end_with_dock", "make_display_bar", "open_panel"]

PLUGIN = "napari-glands"
SHEET, TABLE = "All slides", "Measurements"
"""Names of the panels in the manifest."""
_HEIGHT = 300


class _Displaying(QObject):
    """Keeps a display bar and the session's display alike; ends with the bar."""

    def __init__(self, session: Session, bar: DisplayBar) -> None:
        super().__init__(bar)
        self._bar, self._display = bar, session.display
        display: Display = session.display
        bar.before_toggled.connect(display.set_before)
        bar.outlines_toggled.connect(display.set_outlines)
        bar.opacity_chosen.connect(display.set_opacity)
        bar.sheet_requested.connect(lambda: open_panel(session, SHEET))
        bar.table_requested.connect(lambda: open_panel(session, TABLE))
        display.changed.connect(self.update)
        self.update()

    def update(self) -> None:
        """Show how things are looked at."""
        display = self._display
        self._bar.show_state(
            before=display.before,
            outlines=display.outlines,
            opacity=display.opacity,
            overlays=display.has_overlays,
        )
        self._bar.show_legend(display.legend())


def make_display_bar(session: Session) -> DisplayBar:
    """Make a display bar, tied to the session."""
    bar = DisplayBar(BEFORE_KEY.replace("-", "+"))
    _Displaying(session, bar)
    return bar


def open_panel(session: Session, name: str) -> None:
    """Open a panel of the plugin, or bring it to the front."""
    viewer = session.layers.viewer
    if viewer is None:
        return
    window = viewer.window
    full_name = f"{name} ({PLUGIN})"
    fresh = full_name not in window.dock_widgets
    dock, _ = window.add_plugin_dock_widget(PLUGIN, name)
    if fresh:
        # Below the canvas there is room for rows; beside it the workbench would be squeezed.
        below = Qt.DockWidgetArea.BottomDockWidgetArea
        main = window._qt_window
        names = {f"{other} ({PLUGIN})" for other in (SHEET, TABLE)} - {full_name}
        others = [other for other in main.findChildren(QDockWidget) if other.name in names]
        # The workbench keeps its height.
        for corner, side in (
            (Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
            (Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea),
        ):
            main.setCorner(corner, side)
        main.addDockWidget(below, dock)
        if others:
            main.tabifyDockWidget(others[0], dock)
        main.resizeDocks([dock], [_HEIGHT], Qt.Orientation.Vertical)
    dock.show()
    dock.raise_()


class _DockEnd(QObject):
    """Deletes a widget when its dock lets go of it.

    napari takes a widget out of a dock that the user closes, and leaves its end to the garbage
    collection, which may happen on any thread.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._docked = False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.ParentChange:
            parent: Any = self._widget.parentWidget()
            self._docked = self._docked or isinstance(parent, QDockWidget)
            if self._docked and parent is None:
                self._widget.deleteLater()
        return False


def end_with_dock(widget: QWidget) -> None:
    """Let a panel end when its dock is closed."""
    _DockEnd(widget)
