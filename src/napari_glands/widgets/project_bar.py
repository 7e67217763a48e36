"""Which project, and which of its slides is on show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_glands.plain_text import shown
from napari_glands.widgets.text import PlainLabel, caption, unguessed

__all__ = ["ProjectBar"]


class ProjectBar(QWidget):
    """The project's name with its menu, and the slide on show with steps back and forth.

    Signals
    -------
    new_requested, open_requested, save_as_requested
        Folder of a project to make, to open, or to save this one as.
    slide_chosen
        Id of the slide to show.
    menu_opened
        The menu is about to show: recent projects and versions may be looked up again.
    restore_requested
        Key of the version of the slide's results to go back to.
    find_requested
        Images that are not where they were shall be looked for.
    """

    new_requested = Signal(str)
    open_requested = Signal(str)
    save_as_requested = Signal(str)
    menu_opened = Signal()
    restore_requested = Signal(str)
    find_requested = Signal()
    slide_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.name = PlainLabel("No project yet")
        self.saved_mark = PlainLabel()
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.menu_button = QPushButton("Project")
        self.menu = QMenu(self)
        self.menu.addAction("New project…", self._new)
        self.menu.addAction("Open project…", self._open)
        self.recent_menu = self._submenu("Open recent project")
        self.menu.addAction("Save project as…", self._save_as)
        self.menu.addSeparator()
        self.versions_menu = self._submenu("Restore previous version")
        self.find_action: Any = self.menu.addAction("Find missing images…", self.find_requested)
        self.menu.aboutToShow.connect(self.menu_opened)
        self.menu_button.setMenu(self.menu)
        self.slides = QComboBox()
        self.slides.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.slides.setMinimumWidth(80)
        self.slides.activated.connect(self._on_slide)
        self.previous_button = self._step_button("◀", "Previous slide", -1)
        self.next_button = self._step_button("▶", "Next slide", 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 4, 8, 4)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.saved_mark)
        grid.addLayout(head, 0, 0)
        grid.addWidget(self.menu_button, 0, 1, 1, 2)
        grid.addWidget(self.slides, 1, 0)
        grid.addWidget(self.previous_button, 1, 1)
        grid.addWidget(self.next_button, 1, 2)
        grid.setColumnStretch(0, 1)
        self.show_recent([])
        self.show_versions([])
        self.show_missing(0)

    def _step_button(self, text: str, tooltip: str, step: int) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: self._go(step))
        return button

    def show_project(self, name: str, tooltip: str) -> None:
        """Show which project is open."""
        self.name.setText(name)
        self.name.setToolTip(unguessed(tooltip))

    def show_saved(self, saved: bool | None) -> None:
        """Show whether all edits are on the disk; None where there is nothing to save."""
        texts = {None: "", True: "✓", False: "●"}
        tooltips = {None: "", True: "All edits are saved.", False: "Edits are being saved…"}
        self.saved_mark.setText(texts[saved])
        self.saved_mark.setToolTip(tooltips[saved])
        self.saved_mark.setStyleSheet("color: #E8743B;" if saved is False else "")

    def show_recent(self, projects: Sequence[tuple[str, bool]]) -> None:
        """Offer projects by their folder; those that are not there (False) cannot be chosen."""
        self.recent_menu.clear()
        self.recent_menu.setEnabled(bool(projects))
        for folder, there in projects:
            path = Path(folder)
            action: Any = self.recent_menu.addAction(caption(f"{path.stem} — {path.parent}"))
            action.setEnabled(there)
            tooltip = folder if there else f"{folder} is not there any more."
            action.setToolTip(unguessed(tooltip))
            action.triggered.connect(lambda _=False, f=folder: self.open_requested.emit(f))

    def show_versions(self, versions: Sequence[tuple[str, str]]) -> None:
        """Offer earlier versions of the slide's results, as (key, text)."""
        self.versions_menu.clear()
        self.versions_menu.setEnabled(bool(versions))
        for key, text in versions:
            action: Any = self.versions_menu.addAction(caption(text))
            action.triggered.connect(lambda _=False, k=key: self.restore_requested.emit(k))

    def show_missing(self, count: int) -> None:
        """Offer to look for images that are not where they were, if there are any."""
        self.find_action.setVisible(count > 0)

    def _submenu(self, title: str) -> QMenu:
        menu = QMenu(title, self)
        menu.setToolTipsVisible(True)
        self.menu.addMenu(menu)
        return menu

    def show_slides(self, slides: Sequence[tuple[str, str]], current: str) -> None:
        """Offer the slides, as (id, name), and mark the one on show."""
        self.slides.clear()
        for slide_id, name in slides:
            self.slides.addItem(shown(name), slide_id)
        self.slides.setCurrentIndex(self.slides.findData(current))
        for widget in (self.slides, self.previous_button, self.next_button):
            widget.setVisible(len(slides) > 1)

    def _on_slide(self, index: int) -> None:
        self.slide_chosen.emit(self.slides.itemData(index))

    def _go(self, step: int) -> None:
        count = self.slides.count()
        if count:
            index = (self.slides.currentIndex() + step) % count
            self.slides.setCurrentIndex(index)
            self._on_slide(index)

    def _new(self) -> None:
        self._ask_new_folder("New project", self.new_requested)

    def _save_as(self) -> None:
        self._ask_new_folder("Save project as", self.save_as_requested)

    def _ask_new_folder(self, title: str, signal: Signal) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, title, "study.glands", "Gland project (*.glands)"
        )
        if name:
            signal.emit(str(Path(name).with_suffix(".glands")))

    def _open(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open project (a .glands folder)")
        if name:
            self.open_requested.emit(name)
