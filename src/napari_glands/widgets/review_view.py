"""The panel in which priors or glands are looked through one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_glands.priors.curated import DECIDED, STATES, Row
from napari_glands.widgets.range_row import RangeRow
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.review_table import (
    AREA,
    ID,
    PICTURE,
    PICTURE_SIZE,
    SCORE,
    STATE,
    Limits,
    ReviewFilter,
    ReviewModel,
    area_text,
)
from napari_glands.widgets.text import PlainLabel, sentence

__all__ = ["ReviewView"]

_OPEN = frozenset(STATES) - DECIDED
_ROWS_SHOWN = 5


class ReviewView(QFrame):
    """How far the review is, the objects worst first, and what can be done with one.

    Parameters
    ----------
    noun
        What is reviewed, such as ``"prior"``.
    keys
        The key of each verb: previous, next, accept, reject, edit, delete, undo, redo.
    colors
        RGB, 0..1, by state.

    Signals
    -------
    chosen
        The user chose an object in the table.
    verb
        The user asked for something: one of the keys' verbs, or accept_rest.
    restore_requested
        The layer that was removed is wanted again.
    appeared
        The panel is seen now.
    pictures_wanted
        ``list[int]``: of these objects a picture is to be shown.
    """

    chosen = Signal(int)
    verb = Signal(str)
    restore_requested = Signal()
    appeared = Signal()
    pictures_wanted = Signal(list)

    def __init__(
        self, noun: str, keys: Mapping[str, str], colors: Mapping[str, Sequence[float]]
    ) -> None:
        super().__init__()
        self._noun, self._keys, self._colors = noun, keys, colors
        self.current = 0
        self.tally: Counter[str] = Counter()
        self._updating = False
        self._wanted: set[int] = set()
        self._editable = True
        self.model = ReviewModel(colors)
        self.filter = ReviewFilter(self.model, Limits(_OPEN))
        self.progress = QProgressBar()
        self.counts = sentence()
        self.counts.setTextFormat(Qt.TextFormat.RichText)  # dots in the colours of the states
        self.saved = PlainLabel()
        self.saved.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.current_text = sentence()
        self.table = self._make_table()
        self._collect = QTimer(self)
        self._collect.setSingleShot(True)
        self._collect.timeout.connect(self._ask_for_pictures)
        self.model.picture_wanted.connect(self._on_picture_wanted)
        self.restore_button = QPushButton(f"Show the {noun}s again")
        self.restore_button.setToolTip("Their layer was removed from the viewer, nothing else.")
        self.restore_button.clicked.connect(self.restore_requested)
        self._parts = (
            self.progress,
            self.counts,
            self._make_filters(),
            self.table,
            self.current_text,
            self._make_buttons(),
            self.saved,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.restore_button)
        for part in self._parts:
            layout.addWidget(part)
        self.show_rows([])
        self.set_removed(False)

    # ---- parts

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.filter)
        table.setSortingEnabled(True)
        table.sortByColumn(SCORE, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setIconSize(QSize(PICTURE_SIZE, PICTURE_SIZE))
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows: Any = table.verticalHeader()
        rows.setVisible(False)
        rows.setDefaultSectionSize(PICTURE_SIZE + 4)
        header: Any = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        for column, width in ((PICTURE, PICTURE_SIZE + 8), (ID, 36), (STATE, 90), (SCORE, 54)):
            table.setColumnWidth(column, width)
        header.setSectionResizeMode(AREA, QHeaderView.ResizeMode.Stretch)
        table.setMinimumHeight(_ROWS_SHOWN * (PICTURE_SIZE + 4) + 30)
        selection: Any = table.selectionModel()
        selection.currentRowChanged.connect(self._on_row)
        return table

    def _make_filters(self) -> QWidget:
        self.states_box = QComboBox()
        self.states_box.addItem("To do", _OPEN)
        self.states_box.addItem("All", frozenset(STATES))
        for state in STATES:
            self.states_box.addItem(state.capitalize(), frozenset({state}))
        self.states_box.setToolTip(f"Which {self._noun}s the table lists.")
        self.states_box.currentIndexChanged.connect(self._limit)
        self.more_button = QToolButton()
        self.more_button.setText("Size and score ▸")
        self.more_button.setCheckable(True)
        self.more_button.toggled.connect(self._on_more)
        self.area_row = RangeRow("Size", area_text, logarithmic=True)
        self.area_row.setToolTip("Area in µm²")
        self.score_row = RangeRow("Score", lambda score: f"{score:.2f}")
        for row in (self.area_row, self.score_row):
            row.changed.connect(self._limit)
            row.setVisible(False)
        line = QHBoxLayout()
        line.addWidget(PlainLabel("Show"))
        line.addWidget(self.states_box, 1)
        line.addWidget(self.more_button)
        frame = QFrame()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self.area_row)
        layout.addWidget(self.score_row)
        return frame

    def _make_buttons(self) -> QWidget:
        noun = self._noun
        self.previous_button = self._button("previous", "Previous", f"Go to the {noun} above.")
        self.next_button = self._button("next", "Next", f"Go to the {noun} below.")
        self.accept_button = self._button("accept", "Accept", f"This {noun} is right; go on.")
        self.reject_button = self._button(
            "reject", "Reject", f"This is no {noun}; go on. Its pixels stay, but do not count."
        )
        self.edit_button = self._button("edit", "Edit", f"Take the brush with this {noun}.")
        self.delete_button = self._button("delete", "Delete", f"Erase this {noun}'s pixels.")
        self.undo_button = self._button("undo", "Undo", "")
        self.redo_button = self._button("redo", "Redo", "")
        self.accept_rest_button = QPushButton("Accept the rest")
        self.accept_rest_button.setToolTip(
            f"Accept every {noun} that is still proposed. Doubtful ones stay doubtful."
        )
        self.accept_rest_button.clicked.connect(lambda: self.verb.emit("accept_rest"))
        edits(self.accept_button, self.reject_button, self.edit_button, self.delete_button)
        edits(self.undo_button, self.redo_button, self.accept_rest_button)
        frame = QFrame()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        pairs = (
            (self.previous_button, self.next_button),
            (self.accept_button, self.reject_button),
            (self.edit_button, self.delete_button),
            (self.undo_button, self.redo_button),
        )
        for row, pair in enumerate(pairs):
            for column, button in enumerate(pair):
                grid.addWidget(button, row, column)
                grid.setColumnStretch(column, 1)
        grid.addWidget(self.accept_rest_button, len(pairs), 0, 1, 2)
        return frame

    def _button(self, verb: str, text: str, tip: str) -> QPushButton:
        key = QKeySequence(self._keys[verb])
        native = key.toString(QKeySequence.SequenceFormat.NativeText)
        for name, sign in (("Left", "←"), ("Right", "→")):
            native = native.replace(name, sign)
        button = QPushButton(f"{text}  ({native})")
        button.setToolTip(tip)
        ask: Callable[[], None] = lambda: self.verb.emit(verb)  # noqa: E731
        button.clicked.connect(ask)
        # In the canvas the layer has the same keys.
        shortcut = QShortcut(key, self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(ask)
        return button

    # ---- what is shown

    def show_rows(self, rows: Sequence[Row], slide_area_um2: float = 0.0) -> None:
        """Show the objects as they are now."""
        self._updating = True
        self.model.show_rows(rows)
        self._updating = False
        self._show_counts(rows, slide_area_um2)
        areas = [row.area_um2 for row in rows] or [0.0]
        self.area_row.set_bounds(min(areas), max(areas))
        self.show_current(self.current)

    def show_current(self, label: int) -> None:
        """Mark an object as the one that the buttons work on; 0 for none."""
        known = {row.id: row for row in self.model.rows}
        self.current = label if label in known else 0
        shown = [row.id for row in self.filter.rows]
        self._updating = True
        selection: Any = self.table.selectionModel()
        if self.current in shown:
            index = self.filter.index(shown.index(self.current), 0)
            flag = QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
            self.table.scrollTo(index)
        else:
            selection.clear()
        self._updating = False
        row = known.get(self.current)
        name = self._noun.capitalize()
        self.current_text.setText(
            f"{name} {row.id}: {row.state}, score {row.score:.2f}, {area_text(row.area_um2)} µm²."
            if row
            else f"Choose a {self._noun} in the table or by a click on it in the image."
        )
        self._update_enabled()

    def show_history(self, undo: str, redo: str) -> None:
        """Tell what would be taken back, and what done again."""
        for button, text, tip in (
            (self.undo_button, undo, "Take back"),
            (self.redo_button, redo, "Do again"),
        ):
            button.setProperty("possible", bool(text))
            button.setToolTip(f"{tip}: {text}." if text else "")
        self._update_enabled()

    def show_saved(self, text: str) -> None:
        """Tell whether the edits are in the project."""
        self.saved.setText(text)

    def show_picture(self, label: int, pixels: np.ndarray) -> None:
        """Show the picture (uint8 RGB) of an object."""
        self.model.show_picture(label, pixels)

    def forget_pictures(self) -> None:
        """Take all pictures away: other objects have the numbers now."""
        self.model.forget_pictures()

    def set_removed(self, removed: bool) -> None:
        """Tell whether the layer was removed: then it can be had back, and nothing else."""
        self.restore_button.setVisible(removed)
        for part in self._parts:
            part.setVisible(not removed)

    def set_editable(self, editable: bool) -> None:
        """Allow decisions or not."""
        self._editable = editable
        self._update_enabled()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Tell that the panel is seen."""
        super().showEvent(event)
        self.appeared.emit()

    # ---- the order of the table

    def neighbour(self, step: int) -> int:
        """Return the object a step below (or above) the current one; 0 when there is none."""
        ids = [row.id for row in self.filter.rows]
        if not ids:
            return 0
        if self.current not in ids:
            return ids[0 if step > 0 else -1]
        place = ids.index(self.current) + step
        return ids[place] if 0 <= place < len(ids) else 0

    def next_open(self) -> int:
        """Return the next object after the current one that waits for a decision, or 0."""
        rows = self.filter.rows
        places = [n for n, row in enumerate(rows) if row.id == self.current]
        after = places[0] + 1 if places else 0
        for row in rows[after:] + rows[:after]:
            if row.state in _OPEN and row.id != self.current:
                return row.id
        return 0

    # ---- inside

    def _show_counts(self, rows: Sequence[Row], slide_area_um2: float) -> None:
        counts = self.tally = Counter(row.state for row in rows)
        decided = sum(counts[state] for state in DECIDED)
        self.progress.setRange(0, max(1, len(rows)))
        self.progress.setValue(decided)
        used = sum(row.area_um2 for row in rows if row.state not in ("doubtful", "rejected"))
        share = f" · {used / slide_area_um2:.1%} of the slide" if slide_area_um2 else ""
        self.progress.setFormat(f"{decided} of {len(rows)} decided{share}")
        dots = [
            f'<span style="color:{_css(self._colors[state])}">●</span>&nbsp;{counts[state]}&nbsp;'
            f"{state}"
            for state in STATES
            if counts[state]
        ]
        self.counts.setText(" &nbsp; ".join(dots))
        proposed = counts["proposed"]
        self.accept_rest_button.setText(f"Accept the rest ({proposed})")
        self.accept_rest_button.setProperty("possible", bool(proposed))

    def _limit(self) -> None:
        states = self.states_box.currentData()
        self._updating = True
        self.filter.limit(Limits(states, self.score_row.limits, self.area_row.limits))
        self._updating = False
        self.show_current(self.current)

    def _on_more(self, open_: bool) -> None:
        self.more_button.setText("Size and score ▾" if open_ else "Size and score ▸")
        self.area_row.setVisible(open_)
        self.score_row.setVisible(open_)

    def _on_row(self, current: QModelIndex, _: QModelIndex) -> None:
        if not self._updating and current.isValid():
            self.chosen.emit(self.filter.rows[current.row()].id)

    def _on_picture_wanted(self, label: int) -> None:
        self._wanted.add(label)
        self._collect.start(0)

    def _ask_for_pictures(self) -> None:
        wanted, self._wanted = sorted(self._wanted), set()
        self.pictures_wanted.emit(wanted)

    def _update_enabled(self) -> None:
        has_current = bool(self.current)
        self.edit_button.setEnabled(self._editable and has_current)
        for button in (self.accept_button, self.reject_button, self.delete_button):
            button.setEnabled(self._editable and has_current)
        for button in (self.undo_button, self.redo_button, self.accept_rest_button):
            button.setEnabled(self._editable and bool(button.property("possible")))
        for button in (self.previous_button, self.next_button):
            button.setEnabled(bool(self.model.rows))


def _css(color: Sequence[float]) -> str:
    return QColor.fromRgbF(*color[:3]).name()
