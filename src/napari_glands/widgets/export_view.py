"""The sixth step: files for other programs."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFrame, QGridLayout, QLineEdit, QPushButton

from napari_glands.settings import ExportSettings
from napari_glands.widgets.step_view import StepView

__all__ = ["ExportView"]

_FORMATS = (
    ("ome-zarr", "OME-Zarr", "Label images with colours and scores, for napari and QuPath"),
    ("geojson", "GeoJSON", "Outlines with measurements, for QuPath"),
    ("csv", "CSV", "One table row of measurements per gland"),
    ("png", "PNG", "Label image and overlay picture"),
)


class ExportView(StepView):
    """Choose a folder and write the glands in a format.

    Signals
    -------
    export_requested
        ``(format, folder, all slides)``.
    """

    export_requested = Signal(str, str, bool)
    changes_project = False

    def __init__(self, settings: ExportSettings) -> None:
        super().__init__("Export", "Write the glands for other programs.", "", settings)
        # The format exported last, for the menu "Copy as"; none for all of them.
        self.last_format = ""
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("folder to write into")
        self.choose_button = QPushButton("Choose…")
        self.choose_button.clicked.connect(self._choose)
        self.all_slides = QCheckBox("All slides, not only the one on show")
        self.all_slides.setChecked(True)
        self.buttons = {key: self._make_button(key, *texts) for key, *texts in _FORMATS}
        frame = QFrame()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.folder, 0, 0)
        grid.addWidget(self.choose_button, 0, 1)
        grid.addWidget(self.all_slides, 1, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        formats = QFrame()
        row = QGridLayout(formats)
        row.setContentsMargins(0, 0, 0, 0)
        for index, button in enumerate(self.buttons.values()):
            row.addWidget(button, index // 2, index % 2)
        self.build(frame, after=(formats,))

    def _make_button(self, key: str, title: str, tooltip: str) -> QPushButton:
        button = QPushButton(f"Export {title}")
        button.setToolTip(tooltip)
        button.clicked.connect(lambda: self._on_export(key))
        return button

    def show_folder(self, folder: Path | str) -> None:
        """Propose a folder, unless the user has given one."""
        if not self.folder.isModified():
            self.folder.setText(str(folder))

    def _update_enabled(self) -> None:
        for button in self.buttons.values():
            button.setEnabled(self._ready and not self._running)

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Export into", self.folder.text())
        if name:
            self.folder.setText(name)
            self.folder.setModified(True)

    def _on_export(self, key: str) -> None:
        if not self.folder.text().strip():
            self.say("Choose a folder to write into first.", problem=True)
            return
        self.last_format = key
        self.export_requested.emit(key, self.folder.text().strip(), self.all_slides.isChecked())
