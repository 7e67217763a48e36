"""The question which pictures of a file are meant."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

__all__ = ["PictureDialog"]


class PictureDialog(QDialog):
    """Lists the pictures of a file; each that is ticked becomes a slide.

    Parameters
    ----------
    name
        Of the file.
    pictures
        One line for each.
    parent
        The window that asks.
    """

    def __init__(self, name: str, pictures: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Which pictures?")
        self.text = QLabel(
            f"{name} holds {len(pictures)} pictures. Each that is ticked becomes a slide."
        )
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.list = QListWidget()
        for picture in pictures:
            item = QListWidgetItem(picture)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.list.addItem(item)
        self.list.itemChanged.connect(self._on_changed)
        box = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(box.Ok | box.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(self.list)
        layout.addWidget(self.buttons)

    def ticked(self) -> list[int]:
        """Return the places of the ticked pictures in the list, from 0."""
        items = [self.list.item(row) for row in range(self.list.count())]
        return [
            row
            for row, item in enumerate(items)
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def _on_changed(self) -> None:
        button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if button is not None:
            button.setEnabled(bool(self.ticked()))
