"""All slides as pictures, with how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractListModel, QModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from napari_glands.plain_text import shown
from napari_glands.widgets.text import sentence, unguessed

__all__ = ["ContactSheet", "SlideCard"]

PICTURE = QSize(150, 110)
_MARGIN, _LINE, _BAR = 6, 17, 5
_CARD = QSize(PICTURE.width() + 2 * _MARGIN, PICTURE.height() + 3 * _MARGIN + 2 * _LINE + _BAR)
# Okabe and Ito: bluish green for what is done, sky blue for the slide on show.
_DONE, _CURRENT = QColor("#009E73"), QColor("#56B4E9")
_ALL = "all states"


@dataclass(frozen=True)
class SlideCard:
    """One slide of the sheet.

    Attributes
    ----------
    id, name
        Which slide.
    state
        How far it has come, such as ``"priors"``.
    reviewed
        Share of its priors, or glands once there are any, that the user has decided on; None
        where there are none.
    """

    id: str
    name: str
    state: str
    reviewed: float | None = None

    @property
    def line(self) -> str:
        """What stands below the name."""
        return (
            self.state if self.reviewed is None else f"{self.state}, {self.reviewed:.0%} reviewed"
        )


class ContactSheet(QWidget):
    """Cards in rows; a click shows the slide. Pictures are asked for when they come into view.

    Signals
    -------
    slide_chosen
        Id of the slide to show.
    picture_wanted
        Id of a slide whose picture is seen and not there yet; emitted once per slide.
    """

    slide_chosen = Signal(str)
    picture_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Name of a slide")
        self.filter.setClearButtonEnabled(True)
        self.filter.setToolTip("Shows only slides whose name contains this.")
        self.states = QComboBox()
        self.states.addItem(_ALL)
        self.states.setToolTip("Shows only slides that have come this far.")
        self.summary = sentence()
        self.model = _Cards()
        self.list = self._make_list()
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.states)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addLayout(row)
        layout.addWidget(self.summary)
        layout.addWidget(self.list, 1)
        self._cards: tuple[SlideCard, ...] = ()
        self._current = ""
        self.model.wanted.connect(self.picture_wanted)
        self.filter.textChanged.connect(self._show_filtered)
        self.states.currentIndexChanged.connect(self._show_filtered)
        self.list.clicked.connect(self._on_chosen)
        self.list.activated.connect(self._on_chosen)
        self.show_slides((), "")

    def _make_list(self) -> QListView:
        view = QListView()
        view.setModel(self.model)
        view.setItemDelegate(_CardPainter(view))
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setMovement(QListView.Movement.Static)
        view.setUniformItemSizes(True)
        view.setSpacing(2)
        view.setMouseTracking(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        return view

    def show_slides(self, cards: Sequence[SlideCard], current: str) -> None:
        """Show these slides, and which of them is on show."""
        self._cards, self._current = tuple(cards), current
        states = [_ALL, *dict.fromkeys(card.state for card in cards)]
        if [self.states.itemText(i) for i in range(self.states.count())] != states:
            chosen = self.states.currentText()
            self.states.blockSignals(True)
            self.states.clear()
            self.states.addItems(states)
            self.states.setCurrentIndex(max(0, self.states.findText(chosen)))
            self.states.blockSignals(False)
        for widget in (self.filter, self.states):
            widget.setEnabled(bool(cards))
        self._show_filtered()

    def show_picture(self, slide_id: str, picture: np.ndarray) -> None:
        """Show the picture of a slide.

        Parameters
        ----------
        slide_id
            Which slide.
        picture
            uint8 (y, x, RGB).
        """
        self.model.set_picture(slide_id, _pixmap(picture))

    def forget_pictures(self) -> None:
        """Drop all pictures, as for another project."""
        self.model.forget_pictures()

    def _show_filtered(self) -> None:
        text, state = self.filter.text().strip().lower(), self.states.currentText()
        cards = [
            card
            for card in self._cards
            if text in card.name.lower() and state in (_ALL, card.state)
        ]
        self.model.set_cards(cards, self._current)
        self.summary.setText(self._summary(len(cards)))

    def _summary(self, seen: int) -> str:
        count = len(self._cards)
        if not count:
            return "No slides yet. Add images in the step Slides; each gets a picture here."
        if not seen:
            return "No slide fits. Clear the name or choose all states."
        of_all = f"{seen} of {count} slides" if seen < count else f"{count} slides"
        parts = {s: sum(c.state == s for c in self._cards) for s in [c.state for c in self._cards]}
        words = {state: state if state == "added" else f"with {state}" for state in parts}
        states = ", ".join(f"{number} {words[state]}" for state, number in parts.items())
        noun = "1 slide" if count == 1 else of_all
        return f"{noun}: {states}. Click one to show it."

    def _on_chosen(self, index: QModelIndex) -> None:
        card = index.data(_Cards.CARD)
        if card is not None and card.id != self._current:
            self.slide_chosen.emit(card.id)


class _Cards(QAbstractListModel):
    """The cards and their pictures."""

    CARD = Qt.ItemDataRole.UserRole
    CURRENT = Qt.ItemDataRole.UserRole + 1
    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[SlideCard] = []
        self._current = ""
        self._pictures: dict[str, QPixmap] = {}
        self._asked: set[str] = set()

    def set_cards(self, cards: list[SlideCard], current: str) -> None:
        if [card.id for card in cards] == [card.id for card in self._cards]:
            # The same cards in other states: the view keeps its place.
            self._cards, self._current = cards, current
            if cards:
                self.dataChanged.emit(self.index(0), self.index(len(cards) - 1))
            return
        self.beginResetModel()
        self._cards, self._current = cards, current
        self.endResetModel()

    def set_picture(self, slide_id: str, picture: QPixmap) -> None:
        self._pictures[slide_id] = picture
        for row, card in enumerate(self._cards):
            if card.id == slide_id:
                self.dataChanged.emit(self.index(row), self.index(row))

    def forget_pictures(self) -> None:
        self._pictures.clear()
        self._asked.clear()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._cards)

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        if not index.isValid():
            return None
        card = self._cards[index.row()]
        if role == self.CARD:
            return card
        if role == self.CURRENT:
            return card.id == self._current
        if role == Qt.ItemDataRole.DisplayRole:
            return shown(card.name)
        if role == Qt.ItemDataRole.ToolTipRole:
            return unguessed(f"{shown(card.name)}\n{card.line}\nClick to show it.")
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(card.id)
        return None

    def _picture(self, slide_id: str) -> QPixmap | None:
        """Return the picture; one that is not there is asked for, once."""
        picture = self._pictures.get(slide_id)
        if picture is None and slide_id not in self._asked:
            self._asked.add(slide_id)
            self.wanted.emit(slide_id)
        return picture


class _CardPainter(QStyledItemDelegate):
    """Draws one card: picture, name, state, and a bar for the share that is reviewed."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return _CARD

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        if painter is None:
            return
        card: SlideCard = index.data(_Cards.CARD)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = option.palette.color(QPalette.ColorRole.Text)
        self._draw_frame(painter, option, text, current=index.data(_Cards.CURRENT))
        box = option.rect.adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        picture_box = QRect(box.topLeft(), QSize(box.width(), PICTURE.height()))
        self._draw_picture(painter, picture_box, index.data(Qt.ItemDataRole.DecorationRole), text)
        line = QRect(box.left(), picture_box.bottom() + _MARGIN, box.width(), _LINE)
        self._draw_line(painter, line, shown(card.name), text, bold=True)
        line.translate(0, _LINE)
        self._draw_line(painter, line, card.line, text, bold=False)
        if card.reviewed is not None:
            bar = QRectF(box.left(), line.bottom() + 3, box.width(), _BAR - 1)
            self._draw_bar(painter, bar, card.reviewed, text)
        painter.restore()

    def _draw_frame(
        self, painter: QPainter, option: QStyleOptionViewItem, text: QColor, *, current: bool
    ) -> None:
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        back = QColor(text)
        back.setAlphaF(0.16 if hovered else 0.07)
        painter.setBrush(back)
        painter.setPen(QPen(_CURRENT, 2) if current else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(QRectF(option.rect).adjusted(1, 1, -1, -1), 4, 4)

    def _draw_picture(
        self, painter: QPainter, box: QRect, picture: QPixmap | None, text: QColor
    ) -> None:
        if picture is None:
            painter.setPen(text)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "…")
            return
        size = picture.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(QPointF(0, 0), size.toSizeF())
        place.moveCenter(QRectF(box).center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, picture, QRectF(picture.rect()))

    def _draw_line(
        self, painter: QPainter, box: QRect, words: str, color: QColor, *, bold: bool
    ) -> None:
        font = painter.font()
        font.setBold(bold)
        painter.setFont(font)
        color = QColor(color)
        color.setAlphaF(1.0 if bold else 0.75)
        painter.setPen(color)
        metrics = painter.fontMetrics()
        mode = Qt.TextElideMode.ElideMiddle if bold else Qt.TextElideMode.ElideRight
        painter.drawText(
            box, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(words, mode, box.width())
        )

    def _draw_bar(self, painter: QPainter, box: QRectF, share: float, text: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        back = QColor(text)
        back.setAlphaF(0.2)
        painter.setBrush(back)
        painter.drawRoundedRect(box, 2, 2)
        done = QRectF(box)
        done.setWidth(box.width() * share)
        painter.setBrush(_DONE)
        painter.drawRoundedRect(done, 2, 2)


def _pixmap(picture: np.ndarray) -> QPixmap:
    pixels = np.ascontiguousarray(picture[..., :3], dtype=np.uint8)
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())
