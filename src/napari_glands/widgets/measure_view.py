"""The measurements of the glands of one slide: a table and a histogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_glands.plain_text import shown
from napari_glands.widgets.histogram import Histogram
from napari_glands.widgets.text import PlainLabel, sentence

__all__ = ["HEADINGS", "MeasureView", "heading_of"]

HEADINGS: Mapping[str, tuple[str, str]] = {
    "label": ("Gland", "Number of the gland in the layer"),
    "state": ("State", "What was decided on it"),
    "area_um2": ("Area (µm²)", "Area of the gland"),
    "perimeter_um": ("Perimeter (µm)", "Length of its outline"),
    "solidity": ("Solidity", "Area over that of its convex hull; 1 has no dents"),
    "eccentricity": ("Eccentricity", "0 is round, near 1 is long"),
    "major_axis_um": ("Length (µm)", "Long axis of the ellipse that is like it"),
    "minor_axis_um": ("Width (µm)", "Short axis of the ellipse that is like it"),
    "mean_probability": ("Probability", "Mean probability of gland that the network gave"),
    "score": ("Sureness", "How sure the network is of it, 0 to 1"),
    "touches_border": ("At the edge", "Lies at the slide's edge, where it may be cut off"),
    "centroid_y_um": ("Down (µm)", "Its centre, measured from the slide's upper edge"),
    "centroid_x_um": ("Across (µm)", "Its centre, measured from the slide's left edge"),
}
"""Heading, with its unit, and meaning of each measurement, in the order of the columns."""

_HIDDEN = ("slide",)
_NOT_SPREAD = ("label", "centroid_y_um", "centroid_x_um")


def heading_of(column: str) -> tuple[str, str]:
    """Return heading and meaning of a column; the unit is in its name."""
    if column in HEADINGS:
        return HEADINGS[column]
    for ending, unit in (("_um2", " (µm²)"), ("_um", " (µm)")):
        if column.endswith(ending):
            return shown(column.removesuffix(ending).replace("_", " ")).capitalize() + unit, ""
    return shown(column.replace("_", " ")).capitalize(), ""


class MeasureView(QWidget):
    """One row per gland, sorted by any column, beside how a measurement is spread.

    Signals
    -------
    gland_chosen
        Number of the gland whose row was chosen by the user.
    """

    gland_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.summary = sentence()
        self.model = _Rows()
        self.table = self._make_table()
        self.histogram = Histogram()
        self.choice = QComboBox()
        self.choice.setToolTip("Measurement whose spread the histogram shows.")
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setToolTip("Puts the table on the clipboard, for a spreadsheet.")
        self.selected = 0
        self._lay_out()
        self.choice.currentIndexChanged.connect(self._show_histogram)
        self.copy_button.clicked.connect(self._copy)
        self.show_empty("")

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setSortingEnabled(True)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        numbers: Any = table.verticalHeader()
        numbers.hide()
        numbers.setDefaultSectionSize(22)
        header: Any = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        selection: Any = table.selectionModel()
        selection.currentRowChanged.connect(self._on_row)
        return table

    def _lay_out(self) -> None:
        right = QWidget()
        row = QHBoxLayout()
        row.addWidget(PlainLabel("Histogram of"))
        row.addWidget(self.choice, 1)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.histogram, 1)
        self.body = QSplitter(Qt.Orientation.Horizontal)
        self.body.addWidget(self.table)
        self.body.addWidget(right)
        self.body.setStretchFactor(0, 3)
        self.body.setStretchFactor(1, 2)
        self.body.setChildrenCollapsible(False)
        top = QHBoxLayout()
        top.addWidget(self.summary, 1)
        top.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addLayout(top)
        layout.addWidget(self.body, 1)

    # ---- showing

    def show_empty(self, text: str) -> None:
        """Say why there is nothing to show."""
        self.summary.setText(text)
        self.selected = 0
        self.model.set_frame(pd.DataFrame())
        self.body.hide()
        self.copy_button.hide()

    def show_table(self, frame: pd.DataFrame, summary: str) -> None:
        """Show one row per gland; the selected gland stays so while it exists.

        Parameters
        ----------
        frame
            Columns as of `napari_glands.measurement.measure`.
        summary
            One sentence on all of them.
        """
        known = [name for name in HEADINGS if name in frame.columns]
        others = [c for c in frame.columns if c not in known and c not in _HIDDEN]
        frame = frame[known + others]
        first = self.body.isHidden()
        self.summary.setText(summary)
        self.body.show()
        self.copy_button.show()
        # Choosing the rows anew must not look as if the user had chosen one.
        selected, self.selected = self.selected, 0
        self.model.set_frame(frame)
        self._offer_choices(frame)
        if first:
            self.table.resizeColumnsToContents()
            self.body.setSizes([3 * self.width() // 5, 2 * self.width() // 5])
        self.select(selected)
        self._show_histogram()

    def select(self, gland: int) -> None:
        """Mark a gland in table and histogram; 0, or one that is not there, marks none."""
        row = self.model.row_of(gland)
        self.selected = gland if row >= 0 else 0
        selection: Any = self.table.selectionModel()
        selection.blockSignals(True)
        if row < 0:
            selection.clear()
        else:
            index = self.model.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.table.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)
        selection.blockSignals(False)
        viewport: Any = self.table.viewport()
        viewport.update()
        self._mark()

    def _offer_choices(self, frame: pd.DataFrame) -> None:
        columns = [
            column
            for column in frame.select_dtypes("number").columns
            if column not in _NOT_SPREAD and frame[column].dtype != bool
        ]
        if columns == [self.choice.itemData(i) for i in range(self.choice.count())]:
            return
        chosen = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for column in columns:
            self.choice.addItem(heading_of(column)[0], column)
        self.choice.setCurrentIndex(max(0, self.choice.findData(chosen)))
        self.choice.blockSignals(False)

    def _show_histogram(self) -> None:
        column = self.choice.currentData()
        if column is None or column not in self.model.frame:
            self.histogram.show_values(np.zeros(0), "")
            return
        values = self.model.frame[column].to_numpy(float)
        self.histogram.show_values(values, heading_of(column)[0])
        self._mark()

    def _mark(self) -> None:
        column, row = self.choice.currentData(), self.model.row_of(self.selected)
        found = column is not None and row >= 0 and column in self.model.frame
        self.histogram.mark(float(self.model.frame[column].iloc[row]) if found else None)

    # ---- what the user does

    def _on_row(self, current: QModelIndex, previous: QModelIndex) -> None:
        gland = self.model.gland_at(current.row())
        if gland and gland != self.selected:
            self.selected = gland
            self._mark()
            self.gland_chosen.emit(gland)

    def _copy(self) -> None:
        from napari_glands.export.table import as_text

        clipboard = QApplication.clipboard()
        if clipboard is not None:
            titles = {column: heading_of(column)[0] for column in self.model.frame.columns}
            frame = as_text(self.model.frame).rename(columns=titles)
            clipboard.setText(frame.to_csv(sep="\t", index=False))


class _Rows(QAbstractTableModel):
    """The table as it is sorted now."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()
        self._order: tuple[int, Qt.SortOrder] = (0, Qt.SortOrder.AscendingOrder)

    def set_frame(self, frame: pd.DataFrame) -> None:
        self.beginResetModel()
        self.frame = self._sorted(frame)
        self.endResetModel()

    def row_of(self, gland: int) -> int:
        """Return the row of a gland; -1 when it has none."""
        if not gland or "label" not in self.frame:
            return -1
        (rows,) = np.nonzero(self.frame["label"].to_numpy() == gland)
        return int(rows[0]) if len(rows) else -1

    def gland_at(self, row: int) -> int:
        """Return the gland of a row; 0 when there is none."""
        if not 0 <= row < len(self.frame) or "label" not in self.frame:
            return 0
        return int(self.frame["label"].iloc[row])

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.frame)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.frame.columns)

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        if not index.isValid():
            return None
        column = self.frame.columns[index.column()]
        value = self.frame[column].iloc[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(column, value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = isinstance(value, int | float | np.number) and not isinstance(value, np.bool_)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.frame.columns):
            return None
        heading, meaning = heading_of(str(self.frame.columns[section]))
        if role == Qt.ItemDataRole.DisplayRole:
            return heading
        return meaning if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order)
        if not len(self.frame):
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        glands = [self.gland_at(index.row()) for index in held]
        self.frame = self._sorted(self.frame)
        moved = [
            self.index(self.row_of(gland), index.column())
            for gland, index in zip(glands, held, strict=True)
        ]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        column, order = self._order
        if not 0 <= column < len(frame.columns):
            return frame
        ascending = order == Qt.SortOrder.AscendingOrder
        return frame.sort_values(
            frame.columns[column], ascending=ascending, kind="stable", ignore_index=True
        )


def _text(column: str, value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, int | np.integer):
        return shown(value)
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return ""
        return (
            f"{value:,.0f}"
            if column.endswith("_um2")
            else (f"{value:,.1f}" if column.endswith("_um") else f"{value:.2f}")
        )
    return shown(value)
