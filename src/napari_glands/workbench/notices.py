"""What stands above the steps until it is settled: what cannot be changed, found or used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_glands.widgets.notice import Notice
from napari_glands.widgets.read_only import ReadOnlyGuard, edits
from napari_glands.workbench.repair import describe_damaged, describe_missing, find_images_in

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["ProjectNotices"]


class ProjectNotices(QObject):
    """The notices of one dock; made before its views, so that it comes first at every change.

    Attributes
    ----------
    read_only, missing, damaged
        The notices.
    """

    def __init__(self, session: Session, root: QWidget) -> None:
        super().__init__(root)
        self._session, self._root = session, root
        self._put_off: set[str] = set()
        self._guard = ReadOnlyGuard(root)
        self.read_only, self.missing, self.damaged = Notice(), Notice(), Notice()
        self.read_only.add_button(
            "Try again",
            "Opens the project again, to see whether it can be changed now.",
            self._again,
        )
        choose = self.missing.add_button(
            "Choose a file…",
            "Point to one of them: the others are looked for beside it.",
            self._file,
        )
        look = self.missing.add_button(
            "Look in a folder…", "Looks through a folder and all folders in it.", self._folder
        )
        self.missing.add_button("Not now", "Goes on without these images.", self._later)
        edits(choose, look)
        session.changed.connect(self.update)
        session.tasks.busy_changed.connect(self._on_busy)

    def update(self) -> None:
        """Show the session's state."""
        facts, shown = self._session.facts, self._session.shown
        reason = facts.read_only_reason
        self._guard.set_reason(f"This project cannot be changed. {reason}" if reason else "")
        text = f"For reading only. {reason} You can look at everything and export it."
        self.read_only.say(text if reason else "")
        gone = [slide for slide in facts.slides if slide.missing]
        put_off = {slide.missing for slide in gone} <= self._put_off
        self.damaged.say(*describe_damaged(facts.slides, shown.damage if shown else ()))
        self.missing.say("" if put_off else describe_missing(gone))

    def show_missing(self) -> None:
        """Ask again where missing images are."""
        self._put_off.clear()
        self.update()

    def _on_busy(self, busy: bool) -> None:
        for notice in (self.missing, self.read_only, self.damaged):
            notice.setEnabled(not busy)

    def _again(self) -> None:
        project = self._session.project
        if project is not None:
            self._session.open_project(project.path)

    def _file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._root, "Choose one of the missing images")
        if name:
            find_images_in(self._session, Path(name))

    def _folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self._root, "Look for the missing images in")
        if name:
            find_images_in(self._session, Path(name))

    def _later(self) -> None:
        self._put_off = {s.missing for s in self._session.facts.slides if s.missing}
        self.update()
