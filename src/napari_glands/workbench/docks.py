"""What napari docks: the workbench with all steps, and each step alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from napari_glands.jobs import Outcome
from napari_glands.progress import Event
from napari_glands.widgets.job_bar import JobBar
from napari_glands.widgets.project_bar import ProjectBar
from napari_glands.widgets.step_nav import StepNav
from napari_glands.workbench.binding import make_step
from napari_glands.workbench.closing import watch_closing
from napari_glands.workbench.hinting import give_hints
from napari_glands.workbench.notices import ProjectNotices
from napari_glands.workbench.panels import make_display_bar
from napari_glands.workbench.project_menu import ProjectMenu
from napari_glands.workbench.session import Session, session_of
from napari_glands.workbench.state import STEPS, resolve

if TYPE_CHECKING:
    import napari

__all__ = [
    "ExportStep",
    "ExteriorStep",
    "PredictStep",
    "PriorsStep",
    "SlidesStep",
    "TrainStep",
    "Workbench",
]

_WIDTH = 360


class _Dock(QWidget):
    """Project bar above, job bar below, and the steps between; several docks share a session."""

    def __init__(self, viewer: napari.Viewer, steps: tuple[str, ...]) -> None:
        super().__init__()
        self.session: Session = session_of(viewer)
        self.steps = steps
        self.notices = ProjectNotices(self.session, self)
        self.views = {step: make_step(self.session, step) for step in steps}
        give_hints(self.session, self.views)
        self.project_bar, self.job_bar = ProjectBar(), JobBar()
        self.display_bar = make_display_bar(self.session)
        self.stack = QStackedWidget()
        for view in self.views.values():
            self.stack.addWidget(_scrolling(view))
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.project_bar)
        self._layout.addWidget(self.notices.read_only)
        self._layout.addWidget(self.notices.missing)
        self._layout.addWidget(self.notices.damaged)
        self._layout.addWidget(self.stack, 1)
        self._layout.addWidget(self.display_bar)
        self._layout.addWidget(self.job_bar)
        self.setMinimumWidth(_WIDTH)
        # Else napari adds a stretch of its own below, which may take the room of the steps.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        ProjectMenu(self.session, self.project_bar)
        self.project_bar.find_requested.connect(self.notices.show_missing)
        self._connect_jobs()
        self.session.changed.connect(self.update_state)
        watch_closing(viewer, self.session)
        self.update_state()

    def _connect_jobs(self) -> None:
        session = self.session
        self.job_bar.cancel_requested.connect(session.tasks.cancel)
        self.job_bar.pause_toggled.connect(session.tasks.pause)
        session.tasks.paused_changed.connect(self.job_bar.show_paused)
        self.job_bar.show_live(session.preview.wanted)
        self.job_bar.live_toggled.connect(session.preview.set_wanted)
        session.preview.toggled.connect(self.job_bar.show_live)
        session.job_started.connect(self._on_started)
        session.job_event.connect(self._on_event)
        session.job_ended.connect(self._on_ended)
        if session.tasks.busy:
            self.job_bar.start("A step is running…", live=True)

    def update_state(self) -> None:
        """Show the session's state."""
        self.notices.update()

    def _on_started(self, step: str) -> None:
        live = self.session.preview.drawn_by(step)
        self.job_bar.start(f"{step.capitalize()}: starting…", live=live)

    def _on_event(self, event: Event) -> None:
        text = f"{event.step.capitalize()}: {event.message}" if event.message else ""
        self.job_bar.advance(event.fraction, text)

    def _on_ended(self, step: str, outcome: Outcome[Any]) -> None:
        ends = {"done": "finished.", "cancelled": "stopped.", "failed": "failed."}
        problem = outcome.status == "failed"
        self.job_bar.finish(f"{step.capitalize()} {ends[outcome.status]}", problem=problem)


class Workbench(_Dock):
    """All steps in one dock, from the images to the export."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self.nav: StepNav | None = None
        super().__init__(napari_viewer, STEPS)
        self.nav = StepNav([self.views[step].title for step in STEPS])
        self.nav.step_chosen.connect(self.show_step)
        self._layout.insertWidget(1, self.nav)
        self.update_state()

    def show_step(self, index: int) -> None:
        """Bring a step to the front."""
        self.stack.setCurrentIndex(index)
        if self.nav is not None:
            self.nav.show_step(index)

    def update_state(self) -> None:
        """Show the session's state."""
        super().update_state()
        if self.nav is None:
            return
        for index, state in enumerate(resolve(self.session.facts).values()):
            tooltip = state.missing or self.views[STEPS[index]].title
            self.nav.show_state(index, ready=state.ready, done=state.done, tooltip=tooltip)


class SlidesStep(_Dock):
    """The step Slides alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("slides",))


class ExteriorStep(_Dock):
    """The step Exterior alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("exterior",))


class PriorsStep(_Dock):
    """The step Priors alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("priors",))


class TrainStep(_Dock):
    """The step Train alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("train",))


class PredictStep(_Dock):
    """The step Predict alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("predict",))


class ExportStep(_Dock):
    """The step Export alone."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, ("export",))


def _scrolling(view: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidget(view)
    return area
