"""The project bar at work: recent projects, the dirty mark, earlier versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_glands.project.restoring import Version, restore, versions
from napari_glands.widgets.project_bar import ProjectBar
from napari_glands.workbench.recent import recent_projects, remember

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["ProjectMenu"]


class ProjectMenu(QObject):
    """Ties a project bar to the session; ends with the bar."""

    def __init__(self, session: Session, bar: ProjectBar) -> None:
        super().__init__(bar)
        self._session, self._bar = session, bar
        self._remembered: Path | None = None
        bar.new_requested.connect(self._new)
        bar.open_requested.connect(self._open)
        bar.save_as_requested.connect(self._save_as)
        bar.slide_chosen.connect(session.show_slide)
        bar.menu_opened.connect(self._look_up)
        bar.restore_requested.connect(self._restore)
        session.dirty_changed.connect(self._show_saved)
        session.changed.connect(self.update)
        self.update()
        self._look_up()

    def update(self) -> None:
        """Show the session's state."""
        session, project = self._session, self._session.project
        if project is None:
            self._bar.show_project("No project yet", "One is made with the first slide.")
        else:
            where = "Its results can be looked at." if project.read_only else "All work is saved."
            self._bar.show_project(project.path.stem, f"{project.path}\n{where}")
        self._bar.show_slides([(s.id, s.name) for s in session.facts.slides], session.current)
        self._show_saved()
        if project is not None and project.path != self._remembered:
            self._remembered = path = project.path
            session.tasks.later(lambda: remember(path))
            self._look_up()

    def _show_saved(self) -> None:
        project = self._session.project
        idle = project is None or project.read_only
        self._bar.show_saved(None if idle else not self._session.curation.dirty)

    # ---- projects

    def _new(self, folder: str) -> None:
        self._session.new_project(Path(folder))

    def _open(self, folder: str) -> None:
        self._session.open_project(Path(folder))

    def _save_as(self, folder: str) -> None:
        self._session.save_project_as(Path(folder))

    # ---- what is looked up off this thread

    def _look_up(self) -> None:
        session, project, current = self._session, self._session.project, self._session.current

        def work() -> tuple[list[tuple[str, bool]], list[Version]]:
            known = project is not None and any(e.id == current for e in project.slides)
            # Of a project that is read only nothing can be restored.
            kept = versions(project, current) if known and not project.read_only else []  # type: ignore[arg-type, union-attr]
            return recent_projects(), kept

        session.tasks.later(work, self._show_looked_up, key=f"project menu {id(self)}")

    def _show_looked_up(self, found: tuple[list[tuple[str, bool]], list[Version]]) -> None:
        projects, kept = found
        open_now = None if self._session.project is None else str(self._session.project.path)
        self._bar.show_recent([entry for entry in projects if entry[0] != open_now])
        self._bar.show_versions([(str(v.path), v.describe()) for v in kept])

    # ---- versions

    def _restore(self, path: str) -> None:
        session, project, slide_id = self._session, self._session.project, self._session.current
        if project is None or not slide_id:
            return
        if session.tasks.busy:
            text = "A step is running: restore when it has ended."
            session.say("slides", text, problem=True)
            return
        session.curation.flush()
        session.curation.pause(True)

        def done(version: Version) -> None:
            session.curation.pause(False)
            step = "priors" if version.name == "priors" else "predict"
            session.say(step, f"Restored {version.describe()}. What was there before is kept.")
            session.refresh(create=True)
            self._look_up()

        def failed(message: str) -> None:
            session.curation.pause(False)
            session.say("slides", message, problem=True)

        session.tasks.later(lambda: restore(project, slide_id, Path(path)), done, failed)
