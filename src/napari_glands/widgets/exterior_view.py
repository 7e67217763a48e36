"""The second step: which of the clusters is the gland exterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QGridLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
)

from napari_glands.settings import ExteriorSettings
from napari_glands.widgets.device_badge import DeviceBadge
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import PlainLabel

__all__ = ["ClusterRow", "ExteriorView"]

_COLUMNS = ("", "Haem.", "L*", "Area", "Adj.", "Score")
_TOOLTIPS = (
    "The cluster and its colour in the cluster map",
    "Mean haematoxylin optical density",
    "Mean lightness, 0 to 100",
    "Share of the tissue",
    "Share of the border that touches the palest cluster's side",
    "The cues folded into one number; the largest is chosen",
)


@dataclass(frozen=True)
class ClusterRow:
    """One line of the evidence table; `color` is RGB in [0, 1], `area` and `adjacency` shares."""

    cluster: int
    color: tuple[float, float, float]
    haematoxylin: float
    lightness: float
    area: float
    adjacency: float
    score: float

    def texts(self, chosen: bool) -> tuple[str, ...]:
        """Return what the table shows, column by column."""
        return (
            f"{self.cluster} ✓" if chosen else str(self.cluster),
            f"{self.haematoxylin:.3f}",
            f"{self.lightness:.0f}",
            f"{self.area:.0%}",
            f"{self.adjacency:.0%}",
            f"{self.score:.2f}",
        )


class ExteriorView(StepView):
    """Run the clustering, see the evidence, choose another exterior, see the classical preview.

    Signals
    -------
    preview_requested
        The classical preview was asked for.
    cluster_chosen
        Number of the cluster that shall be the exterior.
    picking_toggled
        Whether a click on the cluster map shall choose the exterior.
    """

    preview_requested = Signal()
    cluster_chosen = Signal(int)
    picking_toggled = Signal(bool)

    def __init__(self, settings: ExteriorSettings) -> None:
        super().__init__(
            "Exterior",
            "Group the pixels without labels and find the dark borders of the glands.",
            "Find exteriors",
            settings,
            skip=("exterior_cluster",),
        )
        self.device = DeviceBadge()
        self.preview_button = QPushButton("Instant haematoxylin preview")
        self.preview_button.setToolTip(
            "Haematoxylin by colour deconvolution, for comparison; nothing depends on it."
        )
        self.preview_button.clicked.connect(self.preview_requested)
        self.table = self._make_table()
        self.choice = QComboBox()
        self.choice.activated.connect(self._on_choice)
        self.pick_button = QPushButton("Pick exterior by click")
        self.pick_button.setCheckable(True)
        self.pick_button.setToolTip(
            "While this is on, click on the cluster map where you see a gland border."
        )
        self.pick_button.toggled.connect(self.picking_toggled)
        edits(self.choice, self.pick_button)
        self.build(self.device, self.preview_button, after=(self._make_result(),))
        self.show_evidence([], 0)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(_COLUMNS))
        table.setHorizontalHeaderLabels(_COLUMNS)
        for column, text in enumerate(_TOOLTIPS):
            title: Any = table.horizontalHeaderItem(column)
            title.setToolTip(text)
        header: Any = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        numbers: Any = table.verticalHeader()
        numbers.hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        return table

    def _make_result(self) -> QFrame:
        self.result = QFrame()
        grid = QGridLayout(self.result)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.table, 0, 0, 1, 3)
        grid.addWidget(PlainLabel("Exterior:"), 1, 0)
        grid.addWidget(self.choice, 1, 1)
        grid.addWidget(self.pick_button, 1, 2)
        grid.setColumnStretch(2, 1)
        return self.result

    def show_evidence(self, rows: Sequence[ClusterRow], chosen: int) -> None:
        """Show the cues of each cluster and mark the one taken for the exterior."""
        self.result.setVisible(bool(rows))
        if not rows:
            self.stop_picking()
        self.table.setRowCount(len(rows))
        self.choice.clear()
        for index, row in enumerate(rows):
            self.choice.addItem(f"cluster {row.cluster}", row.cluster)
            for column, text in enumerate(row.texts(row.cluster == chosen)):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                font = item.font()
                font.setBold(row.cluster == chosen)
                item.setFont(font)
                self.table.setItem(index, column, item)
            self._paint_number(self.table.item(index, 0), row.color)
        self.choice.setCurrentIndex(self.choice.findData(chosen))
        self._fit_table()

    def _paint_number(
        self, item: QTableWidgetItem | None, color: tuple[float, float, float]
    ) -> None:
        if item is None:
            return
        background = QColor.fromRgbF(*color)
        item.setBackground(background)
        dark = background.lightnessF() > 0.5
        item.setForeground(QColor("black" if dark else "white"))

    def _fit_table(self) -> None:
        """Show all rows: a table that scrolls inside a dock that scrolls hides its last rows."""
        header: Any = self.table.horizontalHeader()
        height = header.sizeHint().height() + 4
        height += sum(self.table.rowHeight(i) for i in range(self.table.rowCount()))
        self.table.setFixedHeight(height)

    def stop_picking(self) -> None:
        """Leave the picking mode."""
        self.pick_button.setChecked(False)

    def _on_choice(self, index: int) -> None:
        self.cluster_chosen.emit(self.choice.itemData(index))
