"""The end of a session with its window; a running step is asked about once."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from napari_glands.workbench.session import Session

__all__ = ["watch_closing"]


class _ClosingFilter(QObject):
    """Closes a session with its window, by whichever way that goes away."""

    def __init__(self, window: QWidget, session: Session) -> None:
        super().__init__(window)
        self.session = session
        self._window: Any = window
        self._agreed = False
        window.installEventFilter(self)
        self._ask_instead_of_napari()
        app: Any = QApplication.instance()
        app.aboutToQuit.connect(self._close)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Close:
            return False
        if self._must_ask():
            if not self._ask():
                event.ignore()
                return True
            if event.spontaneous():
                # Closed from here, the window does not ask for a second time.
                event.ignore()
                QTimer.singleShot(0, self._window.close)
                return True
        if event.spontaneous():
            # The user may yet call it off in napari's dialog, which comes after this.
            QTimer.singleShot(0, self._close_if_hidden)
        else:
            self._close()
        return False

    def _ask_instead_of_napari(self) -> None:
        """Let the menu's Close and Exit ask about the step rather than whether to close at all."""
        # The window holds what is put into it: references back to it must be weak.
        watcher, window, close = (
            weakref.ref(self),
            weakref.ref(self._window),
            type(self._window).close,
        )

        def closed(quit_app: bool = False, confirm_need: bool = False) -> Any:
            asking = watcher()
            if confirm_need and asking is not None and asking._must_ask():
                if not asking._ask():
                    return None
                confirm_need = False
            return close(window(), quit_app, confirm_need)

        self._window.close = closed

    def _must_ask(self) -> bool:
        """Whether there is something to stop, and a window to stay in.

        A program that closes its viewer has taken the canvas away by now.
        """
        canvas = getattr(self._window, "_qt_viewer", None)
        there = self._window.isVisible() and canvas is not None and canvas.isVisible()
        return there and self.session.tasks.busy and not self._agreed

    def _ask(self) -> bool:
        """Return whether the user wants the step stopped and the window closed."""
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("A step is running")
        box.setText("A step is still running. Stop it and close the window?")
        box.setInformativeText(
            "What is finished so far is kept, your edits are saved, and the step goes on from "
            "there when you run it again."
        )
        stop: Any = box.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
        stay: Any = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        self._agreed = box.clickedButton() is stop
        box.deleteLater()
        return self._agreed

    def _close_if_hidden(self) -> None:
        if not self._window.isVisible():
            self._close()

    def _close(self) -> None:
        self.session.close()


def watch_closing(viewer: Any, session: Session) -> None:
    """Close the session when the viewer's window closes."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    window = viewer.window._qt_window
    known = window.findChild(_ClosingFilter)
    if known is None:
        _ClosingFilter(window, session)
    else:
        known.session = session
