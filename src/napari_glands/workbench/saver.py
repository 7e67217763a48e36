"""Bringing what is edited to the disk: off the interface's thread, soon, and in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_glands.priors.curated import Row
from napari_glands.workbench.autosave import Autosave
from napari_glands.workbench.ledger import settled
from napari_glands.workbench.projects import autosave_seconds
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    from napari_glands.project import Project

__all__ = ["Held", "Role", "Saver", "Snapshot"]

Role = Literal["priors", "glands"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a layer holds at a moment: its pixels, the rows, and the marks if it has any."""

    labels: np.ndarray
    table: tuple[Row, ...]
    marks: np.ndarray | None

    def onto(self, saved: Any) -> Any:
        """Return this in place of what was saved."""
        now = settled(saved, self.labels, self.table)
        return now if self.marks is None else replace(now, marks=self.marks)


class Held:
    """What is edited as last saved; belongs to the queue's thread once shown.

    Work that is queued keeps the one it was meant for, whichever slide is shown when it runs.
    """

    def __init__(self, project: Project, curated: Any, content: str) -> None:
        self.project, self.curated, self.content = project, curated, content

    def save(self, now: Any, role: Role) -> bool:
        """Save what is other than before; False when nothing is."""
        former = self.curated
        if (
            former.table == now.table
            and np.array_equal(former.labels, now.labels)
            and np.array_equal(getattr(former, "marks", ()), getattr(now, "marks", ()))
        ):
            return False
        project = self.project
        project.keep_version(now.slide_id, role)
        save: Any = project.save_edited_priors if role == "priors" else project.save_edited_glands
        self.content = save(now, base=self.content)
        self.curated = now
        return True


class Saver(QObject):
    """Saves snapshots of a layer.

    Parameters
    ----------
    parent
        Owner.
    tasks
        Whose queue saves.
    role
        Of the layer.
    take
        Returns what the layer holds now; None when there is no layer.

    Attributes
    ----------
    held
        What is edited as last saved; None before anything was shown.
    dirty
        Whether there are edits that are not saved yet.
    autosave
        When they will be.

    Signals
    -------
    saved
        ``(Curated, content)`` of the layer on show has reached the disk.
    clean
        ``(Curated)``: all that was edited is saved, as this.
    outdated
        What has reached the disk is not what is shown.
    dirty_changed
        Whether there are edits that are not saved yet.
    failed
        ``(sentence)``: why edits are not saved.
    """

    saved = Signal(object, str)
    clean = Signal(object)
    outdated = Signal()
    dirty_changed = Signal(bool)
    failed = Signal(str)

    def __init__(
        self, parent: QObject, tasks: Tasks, role: Role, take: Callable[[], Snapshot | None]
    ) -> None:
        super().__init__(parent)
        self.held: Held | None = None
        self.dirty = False
        self.autosave = Autosave(self, autosave_seconds())
        self.autosave.due.connect(self._save)
        self._tasks, self._role, self._take = tasks, role, take
        self._edits = 0

    def hold(self, held: Held) -> None:
        """Save from now on over something else."""
        self.held = held
        self._set_dirty(False)

    def touch(self) -> None:
        """Note an edit."""
        self.suspect()
        self._set_dirty(True)

    def suspect(self) -> None:
        """Note what may have been an edit."""
        self._edits += 1
        self.autosave.touch()

    def flush(self) -> None:
        """Save now what is not saved."""
        if self.autosave.waiting:
            self.autosave.flush()
        elif self.dirty:
            self._save()

    def _set_dirty(self, dirty: bool) -> None:
        if dirty != self.dirty:
            self.dirty = dirty
            self.dirty_changed.emit(dirty)

    def _save(self) -> None:
        held, snapshot, edits, role = self.held, self._take(), self._edits, self._role
        if held is None or snapshot is None:
            return

        def work() -> bool:
            return held.save(snapshot.onto(held.curated), role)

        def failed(message: str) -> None:
            self.failed.emit(f"The edits are not saved: {message}")

        self._tasks.later(work, lambda differs: self._on_saved(held, differs, edits), failed)

    def _on_saved(self, held: Held, differs: bool, edits: int) -> None:
        # Content that is not known: there was another result, and the decisions went over to it.
        if differs and (held is not self.held or not held.content):
            self.outdated.emit()
        if held is not self.held:
            return
        if edits == self._edits:
            self._set_dirty(False)
            self.clean.emit(held.curated)
        if differs:
            self.saved.emit(held.curated, held.content)
