"""Questions about images that are being added."""

from __future__ import annotations

import html
from pathlib import PurePath

from qtpy.QtWidgets import QApplication, QDialog, QMessageBox

from napari_glands.slides import ImagesBelow
from napari_glands.slides.pictures import SeveralPictures
from napari_glands.widgets.picture_dialog import PictureDialog

__all__ = ["chosen_pictures", "wants_images_below"]


def wants_images_below(below: ImagesBelow) -> bool:
    """Ask whether the images in the folders below a folder are meant."""
    count = f"{'at least ' if below.more else ''}{below.count}"
    text = (
        f"{below.place} holds no images itself, but there "
        f"{'is' if below.count == 1 else 'are'} {count} in the folders below it. Add "
        f"{'it' if below.count == 1 else 'them'}?\n\nFolders of masks are passed over."
    )
    title = "Look in the folders below?"
    answer = QMessageBox.question(QApplication.activeWindow(), title, _as_text(text))
    return answer == QMessageBox.StandardButton.Yes


def chosen_pictures(several: SeveralPictures) -> list[int]:
    """Ask which pictures of a file are meant; return their numbers, none when it was cancelled."""
    lines = [picture.describe() for picture in several.pictures]
    dialog = PictureDialog(PurePath(several.path).name, lines, QApplication.activeWindow())
    try:
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return []
        return [several.pictures[row].number for row in dialog.ticked()]
    finally:
        dialog.deleteLater()


def _as_text(text: str) -> str:
    """Return what a message box shows as this text: a folder's name may look like HTML."""
    if not set("<&") & set(text):
        return text
    return f"<qt>{html.escape(text).replace(chr(10), '<br>')}</qt>"
