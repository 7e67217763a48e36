"""The rows of a review as a table: pictures, states, scores, areas; filtered and sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QImage, QPainter, QPixmap

from napari_glands.plain_text import shown
from napari_glands.priors.curated import Row

__all__ = [
    "AREA",
    "ID",
    "PICTURE",
    "PICTURE_SIZE",
    "SCORE",
    "STATE",
    "Limits",
    "ReviewFilter",
    "ReviewModel",
    "area_text",
]

PICTURE, ID, STATE, SCORE, AREA = range(5)
PICTURE_SIZE = 44
_HEADERS = ("", "No.", "State", "Score", "Area (µm²)")
_TIPS = (
    "",
    "Its number in the layer",
    "What the method or you decided on it",
    "How sure the method is of it, from 0 to 1; the least sure come first",
    "Its area in µm²",
)
_SORT = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex


class ReviewModel(QAbstractTableModel):
    """One row per prior or gland.

    Parameters
    ----------
    colors
        RGB, 0..1, by state.

    Signals
    -------
    picture_wanted
        The picture of an object is to be shown and is not there.
    """

    picture_wanted = Signal(int)

    def __init__(self, colors: Mapping[str, Sequence[float]]) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._pictures: dict[int, QPixmap] = {}
        self._dots = {state: _dot(color) for state, color in colors.items()}

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; those that stay keep their place and selection."""
        wanted = {row.id: row for row in rows}
        for index in reversed(range(len(self.rows))):
            if self.rows[index].id not in wanted:
                self.beginRemoveRows(QModelIndex(), index, index)
                del self.rows[index]
                self.endRemoveRows()
        for index, old in enumerate(self.rows):
            if (new := wanted.pop(old.id)) != old:
                self.rows[index] = new
                self.dataChanged.emit(self.index(index, 0), self.index(index, AREA))
        if wanted:
            end = len(self.rows)
            self.beginInsertRows(QModelIndex(), end, end + len(wanted) - 1)
            self.rows.extend(wanted.values())
            self.endInsertRows()

    def show_picture(self, label: int, pixels: np.ndarray) -> None:
        """Show the picture (uint8 RGB) of an object."""
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(max(height, width) / PICTURE_SIZE)
        self._pictures[label] = pixmap
        for index, row in enumerate(self.rows):
            if row.id == label:
                cell = self.index(index, PICTURE)
                self.dataChanged.emit(cell, cell)

    def forget_pictures(self) -> None:
        """Take all pictures away: other objects have the numbers now."""
        self._pictures.clear()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:
        """Return the number of objects."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:
        """Return the number of columns."""
        return len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return a column's name or explanation."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section]
        return _TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: _Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(row, column)
        if role == _SORT:
            return ("", row.id, row.state, row.score, row.area_um2)[column]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._decoration(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (ID, SCORE, AREA):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _decoration(self, row: Row, column: int) -> Any:
        if column == STATE:
            return self._dots.get(row.state)
        if column != PICTURE:
            return None
        picture = self._pictures.get(row.id)
        if picture is None:
            self.picture_wanted.emit(row.id)
        return picture


@dataclass(frozen=True)
class Limits:
    """What is shown: states, and bounds that are included."""

    states: frozenset[str]
    score: tuple[float, float] = (-np.inf, np.inf)
    area: tuple[float, float] = (-np.inf, np.inf)

    def hold(self, row: Row) -> bool:
        """Tell whether a row is to be shown."""
        return (
            row.state in self.states
            and self.score[0] <= row.score <= self.score[1]
            and self.area[0] <= row.area_um2 <= self.area[1]
        )


class ReviewFilter(QSortFilterProxyModel):
    """The rows within limits, in the order of a column."""

    def __init__(self, model: ReviewModel, limits: Limits) -> None:
        super().__init__()
        self._model, self._limits = model, limits
        self.setSourceModel(model)
        self.setSortRole(_SORT)

    def limit(self, limits: Limits) -> None:
        """Show what is within other limits."""
        if limits != self._limits:
            self._limits = limits
            self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: _Index) -> bool:
        """Tell whether an object is within the limits."""
        return self._limits.hold(self._model.rows[row])

    @property
    def rows(self) -> list[Row]:
        """The rows that are shown, from top to bottom."""
        indices = (self.mapToSource(self.index(n, 0)).row() for n in range(self.rowCount()))
        return [self._model.rows[index] for index in indices]


def area_text(area_um2: float) -> str:
    """Return an area in µm² with its digits grouped as in every language: by a narrow space."""
    return f"{area_um2:,.0f}".replace(",", "\u202f")


def _text(row: Row, column: int) -> str:
    texts = ("", str(row.id), shown(row.state), f"{row.score:.2f}", area_text(row.area_um2))
    return texts[column]


def _dot(color: Sequence[float]) -> QPixmap:
    pixmap = QPixmap(QSize(28, 28))
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor.fromRgbF(*color[:3]))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(2, 2, 10, 10)
    painter.end()
    return pixmap
