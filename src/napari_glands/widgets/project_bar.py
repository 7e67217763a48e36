"""Which project, and which of its slides is on show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

__all__ = ["ProjectBar"]


class ProjectBar(QWidget):
    """The project's name with its menu, and the slide on show with steps back and forth.

    Signals
    -------
    new_requested, open_requested, save_as_requested
        Folder of a project to make, to open, or to save this one as.
    slide_chosen
        Id of the slide to show.
    """

    new_requested = Signal(str)
    open_requested = Signal(str)
    save_as_requested = Signal(str)
    slide_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.name = QLabel("No project yet")
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.menu_button = QPushButton("Project")
        self.menu = QMenu(self)
        self.menu.addAction("New project…", self._new)
        self.menu.addAction("Open project…", self._open)
        self.menu.addAction("Save project as…", self._save_as)
        self.menu_button.setMenu(self.menu)
        self.slides = QComboBox()
        self.slides.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.slides.setMinimumWidth(80)
        self.slides.activated.connect(self._on_slide)
        self.previous_button = self._step_button("◀", "Previous slide", -1)
        self.next_button = self._step_button("▶", "Next slide", 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 4, 8, 4)
        grid.addWidget(self.name, 0, 0)
        grid.addWidget(self.menu_button, 0, 1, 1, 2)
        grid.addWidget(self.slides, 1, 0)
        grid.addWidget(self.previous_button, 1, 1)
        grid.addWidget(self.next_button, 1, 2)
        grid.setColumnStretch(0, 1)

    def _step_button(self, text: str, tooltip: str, step: int) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: self._go(step))
        return button

    def show_project(self, name: str, tooltip: str) -> None:
        """Show which project is open."""
        self.name.setText(name)
        self.name.setToolTip(tooltip)

    def show_slides(self, slides: Sequence[tuple[str, str]], current: str) -> None:
        """Offer the slides, as (id, name), and mark the one on show."""
        self.slides.clear()
        for slide_id, name in slides:
            self.slides.addItem(name, slide_id)
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
