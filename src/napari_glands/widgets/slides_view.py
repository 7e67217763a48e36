"""The first step: which images, and how large their pixels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QMimeData, Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

from napari_glands.plain_text import shown
from napari_glands.settings import GeneralSettings
from napari_glands.slides import READABLE
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.run_all import RunAll
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import sentence, unguessed

__all__ = ["SlideRow", "SlidesView"]

_IMAGES = f"Histology images ({' '.join(f'*{ending}' for ending in READABLE)});;All files (*)"


_LARGE = (
    "This slide is large: all its tissue is worked on tile by tile. Draw regions to work on parts "
    "first."
)
_LARGE_WITH_REGIONS = (
    "This slide is large: its regions are worked on in its place. Predict finds the glands of the "
    "whole slide, tile by tile."
)


@dataclass(frozen=True)
class SlideRow:
    """One line of the slide list.

    Attributes
    ----------
    id, name
        Which slide.
    pixel_size
        µm per pixel as text.
    assumed
        Whether the pixel size is asked for now: it is only assumed or estimated.
    state
        How far the slide has come, such as ``"priors"``.
    size
        Width and height as text.
    of
        Id of the slide that it is a region of; empty for a slide.
    large
        Whether it is worked on tile by tile.
    source
        Where the pixel size comes from, in words.
    mpp
        The pixel size as a number: what the question starts from.
    """

    id: str
    name: str
    pixel_size: str
    assumed: bool
    state: str
    size: str = ""
    of: str = ""
    large: bool = False
    source: str = ""
    mpp: float = 0.0


class SlidesView(StepView):
    """Add images, see them listed, and give the pixel size of those that do not state it.

    Signals
    -------
    files_chosen
        List of files or folders to add, each a path, or an address as text.
    open_layers_requested
        The image layers that are already open shall be used.
    sample_requested
        Name of the sample to add.
    mpp_given
        µm per pixel of the images that do not state it.
    slide_chosen
        Id of the slide or region to show.
    draw_requested, use_requested, remove_requested
        Regions shall be drawn; those drawn shall be used; the one on show shall be removed.
    tissue_toggled
        Whether tissue shall be outlined.
    """

    files_chosen = Signal(list)
    open_layers_requested = Signal()
    sample_requested = Signal(str)
    mpp_given = Signal(float)
    slide_chosen = Signal(str)
    draw_requested = Signal()
    use_requested = Signal()
    remove_requested = Signal()
    tissue_toggled = Signal(bool)

    def __init__(
        self,
        settings: GeneralSettings,
        samples: Sequence[tuple[str, str]],
        presets: Sequence[tuple[str, str, str]],
    ) -> None:
        super().__init__(
            "Slides", "Choose the images to work on. The files stay where they are.", "", settings
        )
        self._all_ready = False
        self._asked: set[str] = set()
        self.setAcceptDrops(True)
        self.list = self._make_list()
        self.mpp_frame = self._make_mpp_frame(settings.default_mpp)
        self.run_all = RunAll(presets)
        edits(self.run_all)
        self.large_note = sentence()
        self.build(
            self._make_buttons(samples),
            self.list,
            self.large_note,
            self._make_region_buttons(),
            self.mpp_frame,
            after=(self.run_all,),
        )
        self.show_slides([], "")

    def set_all_ready(self, ready: bool) -> None:
        """Tell whether there is something to run all steps on."""
        self._all_ready = ready
        self._update_enabled()

    def _update_enabled(self) -> None:
        super()._update_enabled()
        self.run_all.set_ready(self._all_ready and not self._running)

    def _make_buttons(self, samples: Sequence[tuple[str, str]]) -> QFrame:
        self.add_files_button = QPushButton("Add files…")
        self.add_folder_button = QPushButton("Add folder…")
        self.add_layers_button = QPushButton("Add open layers")
        self.add_layers_button.setToolTip("Use the image layers that are already in the viewer.")
        self.samples_button = QPushButton("Samples")
        self.samples_menu = QMenu(self)
        for key, title in samples:
            action: Any = self.samples_menu.addAction(title)
            action.triggered.connect(lambda _=False, key=key: self.sample_requested.emit(key))
        self.samples_button.setMenu(self.samples_menu)
        self.add_files_button.clicked.connect(self._choose_files)
        self.add_folder_button.clicked.connect(self._choose_folder)
        self.add_layers_button.clicked.connect(self.open_layers_requested)
        edits(self.add_files_button, self.add_folder_button, self.add_layers_button)
        edits(self.samples_button)
        frame = QFrame()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.add_files_button, 0, 0)
        grid.addWidget(self.add_folder_button, 0, 1)
        grid.addWidget(self.samples_button, 0, 2)
        grid.addWidget(self.add_layers_button, 1, 0, 1, 3)
        return frame

    def _make_region_buttons(self) -> QFrame:
        self.draw_button = QPushButton("Draw regions")
        self.draw_button.setToolTip(
            "Draw rectangles on the slide with the mouse. Regions are worked on like slides of "
            "their own, and lie in the coordinates of the whole slide."
        )
        self.use_button = QPushButton("Use as regions")
        self.use_button.setToolTip("Take the rectangles that you have drawn into the list.")
        self.remove_button = QPushButton("Remove region")
        self.remove_button.setToolTip(
            "Take the region on show out of the list. What was made of it stays in the project."
        )
        self.tissue_button = QPushButton("Show tissue")
        self.tissue_button.setToolTip("Outline what is taken for tissue; glass is passed over.")
        self.tissue_button.setCheckable(True)
        self.draw_button.clicked.connect(self.draw_requested)
        self.use_button.clicked.connect(self.use_requested)
        self.remove_button.clicked.connect(self.remove_requested)
        self.tissue_button.toggled.connect(self.tissue_toggled)
        edits(self.draw_button, self.use_button, self.remove_button)
        frame = QFrame()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.draw_button, 0, 0)
        grid.addWidget(self.use_button, 0, 1)
        grid.addWidget(self.tissue_button, 1, 0)
        grid.addWidget(self.remove_button, 1, 1)
        return frame

    def _make_list(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setHeaderLabels(["Slide", "µm/px", "Pixel size", "State", "Size"])
        tree.setRootIsDecorated(False)
        tree.setIndentation(14)
        tree.setUniformRowHeights(True)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends
        tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header: Any = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 3, 4):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        # Long words are in the tooltip, too: names need the room.
        header.resizeSection(2, header.fontMetrics().horizontalAdvance("from the file") + 14)
        tree.currentItemChanged.connect(self._on_current)
        return tree

    def _make_mpp_frame(self, default: float) -> QFrame:
        frame = QFrame()
        frame.setFrameShape(QFrame.Shape.StyledPanel)
        self.mpp_text = sentence()
        self.mpp_box = QDoubleSpinBox()
        self.mpp_box.setDecimals(4)
        self.mpp_box.setRange(0.01, 100)
        self.mpp_box.setValue(default)
        self.mpp_box.setSuffix(" µm/px")
        self.mpp_button = QPushButton("Use this pixel size")
        self.mpp_button.clicked.connect(self._on_mpp)
        edits(self.mpp_box, self.mpp_button)
        row = QHBoxLayout()
        row.addWidget(self.mpp_box)
        row.addWidget(self.mpp_button)
        layout = QVBoxLayout(frame)
        layout.addWidget(self.mpp_text)
        layout.addLayout(row)
        return frame

    def show_slides(self, rows: Sequence[SlideRow], current: str, question: str = "") -> None:
        """List the slides, mark the one on show, and ask for pixel sizes that are not known.

        Parameters
        ----------
        rows
            The slides and regions.
        current
            Id of the one on show.
        question
            What to ask about the rows that are `assumed`; a plain question where it is empty.
        """
        self.list.blockSignals(True)
        self.list.clear()
        items: dict[str, QTreeWidgetItem] = {}
        for row in rows:
            item = items[row.id] = _item(row)
            whole = items.get(row.of)
            if whole is None:
                self.list.addTopLevelItem(item)
            else:
                whole.addChild(item)
                whole.setExpanded(True)
            if row.id == current:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self._show_regions(rows, current)
        self._fit_list()
        self._ask([row for row in rows if row.assumed], question)

    def _ask(self, rows: Sequence[SlideRow], question: str) -> None:
        """Ask for the pixel size of slides; what was typed meanwhile stays."""
        self.mpp_frame.setVisible(bool(rows))
        asked = {row.id for row in rows}
        if rows and not asked & self._asked:
            self.mpp_box.setValue(rows[0].mpp or self.mpp_box.value())
        self._asked = asked
        if rows:
            who = rows[0].name if len(rows) == 1 else f"{len(rows)} images"
            verb = "does not state its" if len(rows) == 1 else "do not state their"
            plain = f"{who} {verb} pixel size. How large is one pixel?"
            self.mpp_text.setText(question or plain)

    def _show_regions(self, rows: Sequence[SlideRow], current: str) -> None:
        """Say what a large slide means, and offer what can be done with regions."""
        row = next((row for row in rows if row.id == current), None)
        parts = [part for part in rows if row is not None and part.of == row.id]
        text = ""
        if row is not None and row.large:
            text = _LARGE_WITH_REGIONS if parts else _LARGE
        self.large_note.setText(text)
        self.large_note.setVisible(bool(text))
        self.draw_button.setEnabled(row is not None)
        self.use_button.setEnabled(row is not None)
        self.tissue_button.setEnabled(row is not None)
        self.remove_button.setEnabled(row is not None and bool(row.of))

    def _fit_list(self) -> None:
        """Make the list as high as its slides, within reason."""
        header: Any = self.list.header()
        tops = [self.list.topLevelItem(n) for n in range(self.list.topLevelItemCount())]
        row = self.list.sizeHintForRow(0) if tops else 16
        count = sum(1 + top.childCount() for top in tops if top is not None)
        rows = min(max(count, 3), 12)
        self.list.setFixedHeight(header.sizeHint().height() + rows * row + 8)

    def _on_current(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.slide_chosen.emit(item.data(0, Qt.ItemDataRole.UserRole))

    def _on_mpp(self) -> None:
        self.mpp_given.emit(self.mpp_box.value())

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders, from a file manager, and addresses, from a browser."""
        if event is not None and _dropped(event.mimeData()) and self.add_files_button.isEnabled():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Add what was dropped."""
        if event is not None and (places := _dropped(event.mimeData())):
            event.acceptProposedAction()
            self.files_chosen.emit(places)

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Add images", "", _IMAGES)
        if names:
            self.files_chosen.emit([Path(name) for name in names])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Add a folder of images, or an OME-Zarr")
        if name:
            self.files_chosen.emit([Path(name)])


def _item(row: SlideRow) -> QTreeWidgetItem:
    """Return the line of a slide or region."""
    pixel_size = f"{row.pixel_size} ?" if row.assumed else row.pixel_size
    # Below its slide a region needs no more than its number.
    name = shown(row.name.rpartition(" · ")[2] if row.of else row.name)
    own = ["", ""] if row.of else [pixel_size, row.source]
    item = QTreeWidgetItem([name, *own, row.state, row.size])
    item.setData(0, Qt.ItemDataRole.UserRole, row.id)
    item.setToolTip(0, unguessed(row.name))
    item.setToolTip(2, row.source)
    return item


def _dropped(data: QMimeData | None) -> list[Path | str]:
    """Return the files, folders and addresses that are dragged."""
    urls = data.urls() if data is not None else []
    return [Path(url.toLocalFile()) if url.isLocalFile() else url.toString() for url in urls]
