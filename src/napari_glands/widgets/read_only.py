"""Controls that change a project, and what becomes of them where it cannot be changed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_glands.widgets.text import unguessed

__all__ = ["ReadOnlyGuard", "edits"]

_PROPERTY = "changes_the_project"


def edits(*widgets: QWidget | None) -> None:
    """Mark widgets, with all in them, as changing the project."""
    for widget in widgets:
        if widget is not None:
            widget.setProperty(_PROPERTY, True)


class ReadOnlyGuard(QObject):
    """Disables the marked widgets below `root` for a reason, which becomes their tooltip.

    Whoever enables one of them meanwhile gets his will when the reason is gone.
    """

    def __init__(self, root: QWidget) -> None:
        super().__init__(root)
        self._root = root
        self._locks: list[_Lock] = []
        self._reason = ""

    def set_reason(self, reason: str) -> None:
        """Disable all marked widgets; an empty reason gives them free."""
        reason = unguessed(reason)
        if reason == self._reason:
            return
        for lock in self._locks:
            lock.release()
        self._locks = []
        self._reason = reason
        if reason:
            marked = [w for w in self._root.findChildren(QWidget) if w.property(_PROPERTY)]
            self._locks = [_Lock(widget, reason) for widget in marked]


class _Lock(QObject):
    def __init__(self, widget: QWidget, reason: str) -> None:
        super().__init__(widget)
        self._widget, self._reason, self._busy = widget, reason, False
        self._wanted = widget.isEnabledTo(widget.parentWidget())
        inside = [w for w in widget.findChildren(QWidget) if w.toolTip()]
        self._tooltips = {w: w.toolTip() for w in (widget, *inside)}
        for w in self._tooltips:
            w.setToolTip(reason)
        widget.setEnabled(False)
        widget.installEventFilter(self)

    def release(self) -> None:
        self._widget.removeEventFilter(self)
        for widget, tooltip in self._tooltips.items():
            widget.setToolTip(tooltip)
        self._widget.setEnabled(self._wanted)
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or self._busy:
            return False
        self._busy = True
        widget = self._widget
        if event.type() == QEvent.Type.EnabledChange and widget.isEnabledTo(widget.parentWidget()):
            self._wanted = True
            widget.setEnabled(False)
        elif event.type() == QEvent.Type.ToolTipChange and widget.toolTip() != self._reason:
            self._tooltips[widget] = widget.toolTip()
            widget.setToolTip(self._reason)
        self._busy = False
        return False
