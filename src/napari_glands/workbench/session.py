"""What one viewer works on: the project, the slide on show, and the work under way."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_glands.errors import GlandsError
from napari_glands.jobs import Outcome
from napari_glands.plain_text import shown
from napari_glands.progress import Event
from napari_glands.project import Project
from napari_glands.settings import Settings, StepSettings
from napari_glands.workbench.coexistence import remove_layers_in_canvas_context
from napari_glands.workbench.curation import Curation
from napari_glands.workbench.display import Display
from napari_glands.workbench.intake import Intake
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.loading import load_shown
from napari_glands.workbench.preview import LivePreview
from napari_glands.workbench.projects import copy_project, preferred_settings, unnamed_folder
from napari_glands.workbench.state import Facts, Shown, survey
from napari_glands.workbench.tasks import Tasks
from napari_glands.workbench.tools import Toolbox

if TYPE_CHECKING:
    import napari

    from napari_glands.priors.curated import Curated

__all__ = ["Session", "session_of"]

_WATCH_MILLISECONDS = 5000

Then = Callable[[], None]


class Session(QObject):
    """All views of one viewer share one session.

    Signals
    -------
    changed
        The facts, the slide on show, its results or the settings are others than before.
    settings_changed
        The user changed a field of a form.
    said
        ``(step, sentence, whether it is a problem)`` for the status line of a step.
    dirty_changed
        Whether there are edits that are not on the disk yet.
    job_started, job_event, job_ended
        Of the long job: ``(step)``, the `Event`, ``(step, Outcome)``.
    """

    changed = Signal()
    settings_changed = Signal()
    said = Signal(str, str, bool)
    dirty_changed = Signal(bool)
    job_started = Signal(str)
    job_event = Signal(object)
    job_ended = Signal(str, object)

    def __init__(self, viewer: napari.Viewer) -> None:
        # Owned by the application and deleted on its thread: a worker's garbage collection must
        # not destroy timers and signals.
        super().__init__(QApplication.instance())
        self.tasks = Tasks(self)
        self.layers = SlideLayers(viewer)
        remove_layers_in_canvas_context(viewer)
        self.settings = preferred_settings()
        self.project: Project | None = None
        self.facts = Facts()
        self.shown: Shown | None = None
        self.current = ""
        self.intake = Intake(self)
        self.closed = False
        self.curation = Curation(self, viewer, self.tasks, self.layers)
        self.curation.edited.connect(self._on_edited)
        self.curation.outdated.connect(self.refresh)
        self.curation.said.connect(self.said)
        self.curation.dirty_changed.connect(self.dirty_changed)
        self.tools = Toolbox(self, viewer)
        self.preview = LivePreview(self)
        self.closing: threading.Thread | None = None
        self.display = Display(self, viewer)
        # Slides that a long job has finished show it before the job ends.
        self._watch = QTimer(self)
        self._watch.setInterval(_WATCH_MILLISECONDS)
        self._watch.timeout.connect(self.refresh)

    # ---- what is said

    def say(self, step: str, text: str, *, problem: bool = False) -> None:
        """Put one sentence into the status line of a step."""
        self.said.emit(step, text, problem)

    def failing(self, step: str) -> Callable[[str], None]:
        """Return what shows a failure in the status line of a step."""
        return lambda message: self.say(step, message, problem=True)

    # ---- settings

    def set_step_settings(self, step: str, settings: StepSettings) -> None:
        """Take over the settings of one step; they are saved with the next run."""
        self.settings = self.settings.model_copy(update={step: settings})
        self.settings_changed.emit()

    # ---- the project

    def open_project(self, path: Path, then: Then = lambda: None) -> None:
        """Open a project folder."""
        project = self.project
        if project is not None and not project.read_only and _same_place(path, project.path):
            # It would find itself locked by this very session, and open for reading only.
            self.say("slides", f"{path.name} is open already.")
            then()
            return
        self._switch(lambda: Project.open(path), f"Opened {path.name}.", then)

    def new_project(self, path: Path) -> None:
        """Make a project in a new folder."""
        self._switch(lambda: Project.create(path, self.settings), f"Made {path.name}.")

    def save_project_as(self, path: Path) -> None:
        """Copy the project to another folder and go on there."""
        project = self.project
        if project is None:
            self.new_project(path)
            return
        self.curation.flush()
        self._switch(lambda: copy_project(project, path), f"Saved as {path.name}.")

    def _switch(self, make: Callable[[], Project], text: str, then: Then = lambda: None) -> None:
        if self.tasks.busy:
            self.say("slides", "A step is running: cancel it or wait for its end.", problem=True)
            return
        self.curation.flush()
        self.curation.pause(True)

        def failed(message: str) -> None:
            self.curation.pause(False)
            self.say("slides", message, problem=True)

        def opened(project: Project) -> None:
            # Layers of the former project, and strokes in them, must not get into this one, even
            # where both hold the same slide.
            self.curation.flush()
            self.layers.show_only("")
            if self.project is not None:
                self.tasks.later(self.project.close)  # after the edits that are on their way
            self.project, self.settings = project, project.settings
            self.intake.pending.clear()
            self.current, self.shown = "", None
            reason = project.read_only_reason
            text_now = f"{text} It is open for reading only: {reason}" if reason else text
            self.say("slides", text_now, problem=bool(reason))
            self.refresh(create=True)
            then()

        self.tasks.later(make, opened, failed)

    def writable_project(self) -> Project:
        """Return the project, made in the user's data folder if there is none; not for the GUI."""
        if self.project is None:
            self.project = Project.create(unnamed_folder(), self.settings)
        return self.project

    # ---- the slide on show

    def show_slide(self, slide_id: str) -> None:
        """Show a slide with all its results."""
        gone = next((s for s in self.facts.slides if s.id == slide_id and s.missing), None)
        if gone is not None:
            self.say("slides", f"The image of {gone.name} is missing.", problem=True)
            self.changed.emit()  # the lists go back to the slide on show
        elif slide_id != self.current:
            self.refresh(show=slide_id, create=True)

    def refresh(
        self,
        *,
        show: str | None = None,
        create: bool = False,
        visible: Mapping[str, bool] | None = None,
    ) -> None:
        """Look at the disk again and bring views and layers up to date.

        Parameters
        ----------
        show
            The slide to show from now on; None keeps the present one, or takes the first.
        create
            Whether to make layers that are missing; else only outdated ones are renewed.
        visible
            Which layers to show or hide then, by role.
        """
        project, wanted = self.project, show or self.current
        if project is None:
            self.facts = Facts(pending=len(self.intake.pending))
            self.changed.emit()
            return
        if show:
            self.curation.flush()
        held, pending = self.shown, len(self.intake.pending)

        def load() -> tuple[Facts, Shown | None, str]:
            facts = survey(project, pending)
            ids = [slide.id for slide in facts.slides if not slide.missing]
            slide_id = wanted if wanted in ids else (ids[0] if ids else "")
            try:
                return facts, load_shown(project, slide_id, held) if slide_id else None, ""
            except GlandsError as error:  # its image: the other slides can be worked on
                return facts, None, str(error)

        def loaded(result: tuple[Facts, Shown | None, str]) -> None:
            self.facts, shown, problem = result
            if problem:
                self.say("slides", problem, problem=True)
            fresh = shown is not None and shown.slide.id != self.current
            self._show(shown, create=create or fresh)
            self.layers.set_visible(self.current, **(visible or {}))
            self.changed.emit()

        self.tasks.later(load, loaded, self.failing("slides"), key="refresh")

    def _show(self, shown: Shown | None, *, create: bool) -> None:
        self.shown = shown
        if shown is None:
            self.current = ""
            self.layers.show_only("")
            return
        slide_id, contents = shown.slide.id, shown.contents
        fresh, self.current = slide_id != self.current, slide_id
        adopted = self.intake.take_adopted(slide_id)
        if adopted is not None:
            self.layers.adopt(adopted, shown.slide)
        if create:
            self.layers.show_slide(shown.slide, shown.pyramid)
        self.curation.exterior_map = None if shown.large else shown.exterior
        for overlay in shown.overlays:
            self.layers.show_overlay(overlay, create=create)
        if shown.exterior is not None and not shown.large:
            self.layers.show_exterior(
                shown.exterior, contents["clusters"], contents["exterior"], create=create
            )
        if shown.priors is not None and self.project is not None:
            self.curation.priors.show(self.project, shown.priors, contents["priors"], create=create)
        if shown.prediction is not None:
            self.layers.show_probability(shown.prediction, contents["probability"], create=create)
        if shown.glands is not None and self.project is not None:
            self.curation.glands.show(self.project, shown.glands, contents["glands"], create=create)
        # Last, so that the view does not jump for want of layers.
        self.layers.show_only(slide_id)
        if fresh:
            self._show_latest_result(shown)
            self.layers.look_at(shown.slide)

    def after_step(self, step: str) -> None:
        """Show what a finished step made, and hide what it stands for."""
        hidden = {
            "exterior": {"exterior": True, "preview": False},
            "priors": {"priors": True, "exterior": False, "clusters": False, "preview": False},
            "grow": {"priors": True, "probability": False},
            "predict": {
                "probability": True,
                "glands": True,
                "priors": False,
                "exterior": False,
                "clusters": False,
                "preview": False,
            },
        }
        self.refresh(create=True, visible=hidden.get(step))

    def _on_edited(self, curated: Curated, content: str) -> None:
        shown = self.shown
        if shown is not None and shown.slide.id == curated.slide_id:
            name = f"{curated.noun}s"
            contents = {**shown.contents, name: content}
            changes: dict[str, Any] = {name: curated, "contents": contents}
            self.shown = replace(shown, **changes)
            self.changed.emit()

    def _show_latest_result(self, shown: Shown) -> None:
        """Hide what later results stand for."""
        predicted, mined = ("prediction" in shown.contents, "priors" in shown.contents)
        self.layers.set_visible(
            shown.slide.id, exterior=not (predicted or mined), priors=not predicted
        )
        if shown.large:
            self.layers.set_visible(shown.slide.id, clusters=not (predicted or mined))

    # ---- long jobs

    def start(
        self,
        step: str,
        job: Callable[[Project, Settings, Any, Any], Any],
        finished: Callable[[Outcome[Any]], None],
    ) -> None:
        """Start the job of a step on the project; the edits made so far are saved first."""
        project, settings = self.project, self.settings
        if project is None:
            self.say(step, "There are no slides yet: add images first.", problem=True)
            return
        self.curation.flush()

        def work(report: Any, cancel: Any) -> Any:
            return job(project, settings, report, cancel)

        def ended(outcome: Outcome[Any]) -> None:
            self._watch.stop()
            self.job_ended.emit(step, outcome)
            if outcome.status == "failed":
                self.say(step, _plain(outcome, project), problem=True)
            else:
                finished(outcome)

        try:
            self.tasks.start(work, self._on_event, ended)
        except GlandsError as error:
            self.say(step, str(error), problem=True)
            return
        self._watch.start()
        self.say(step, "")
        self.job_started.emit(step)

    def _on_event(self, event: Event) -> None:
        self.job_event.emit(event)

    # ---- the end

    def close(self) -> None:
        """Save what was edited, stop what runs, let go of the project; does not wait."""
        if self.closed:
            return
        self.curation.flush()
        self.closed = True
        project, shown = self.project, self.shown

        def after() -> None:
            if shown is not None:
                shown.slide.close()
            if project is not None:
                project.close()

        self.closing = self.tasks.close(after)
        self.deleteLater()


def _same_place(path: Path, project: Path) -> bool:
    """Tell whether a path, or that of its project file, is a project's folder."""
    place = path.expanduser().resolve()
    return project in (place, place.parent if place.name == "project.json" else place)


def _plain(outcome: Outcome[Any], project: Project) -> str:
    """Return one sentence on a failure; the details of a defect go to a file that it names."""
    if not outcome.defect:
        return outcome.message
    log = project.path / "runs" / "errors.log"
    try:
        if log.is_symlink() or (log.exists() and not log.is_file()):
            raise OSError("it is a link or a pipe, put there by somebody else")
        with log.open("a", encoding="utf-8") as file:
            details = shown(outcome.details, lines=True)
            file.write(f"{datetime.now().isoformat(timespec='seconds')}\n{details}\n")
    except OSError:  # the disk may be what failed
        return f"{outcome.message}. This is a defect of napari-glands."
    return f"{outcome.message}. This is a defect of napari-glands; details are in {log}."


_SESSIONS: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


def session_of(viewer: Any) -> Session:
    """Return the session of a viewer; the first call makes it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a guarding proxy
    session = _SESSIONS.get(viewer)
    if session is None or session.closed:
        session = _SESSIONS[viewer] = Session(viewer)
    return session
