"""The live preview: what the running step sees now in the part of the slide in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_glands.live import LiveView, Wish
from napari_glands.progress import Event
from napari_glands.workbench.projects import shows_live_preview

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["LivePreview"]

_STEPS = ("exterior", "train", "predict", "slides")  # the last runs all steps
_LOOK_MILLISECONDS = 500


class LivePreview(QObject):
    """Asks the running step for pictures of what is in view, and shows them in a layer.

    Attributes
    ----------
    view
        Carries the wish to the step.

    Signals
    -------
    toggled
        Whether pictures are wanted.
    """

    toggled = Signal(bool)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.view = LiveView()
        self.wanted = shows_live_preview()
        self._running = False
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._look)
        session.job_started.connect(self._on_started)
        session.job_event.connect(self._on_event)
        session.job_ended.connect(self._on_ended)

    @staticmethod
    def drawn_by(step: str) -> bool:
        """Whether a step can draw pictures while it runs."""
        return step in _STEPS

    def set_wanted(self, wanted: bool) -> None:
        """Switch the pictures on or off, also while a step runs."""
        if wanted == self.wanted:
            return
        self.wanted = wanted
        self._look()
        if not wanted:
            self._session.layers.remove_live()
        self.toggled.emit(wanted)

    def _on_started(self, step: str) -> None:
        self._running = self.drawn_by(step)
        if self._running:
            self.view.begin()
            self._timer.start()
            self._look()

    def _look(self) -> None:
        """Tell the step what is in view now."""
        session = self._session
        if not (self._running and self.wanted and session.current):
            self.view.look_at(None)
            return
        self.view.look_at(Wish(session.current, session.layers.box_in_view(session.current)))

    def _on_event(self, event: Event) -> None:
        picture = event.picture
        if picture is None or not self.wanted or picture.slide_id != self._session.current:
            return
        self._session.layers.show_live(picture, of_exterior=event.step == "exterior")

    def _on_ended(self) -> None:
        self._running = False
        self._timer.stop()
        self.view.look_at(None)
        self._session.layers.remove_live()
