"""The panel of all slides: pictures made in the background, a click shows a slide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_glands.widgets.contact_sheet import PICTURE, ContactSheet, SlideCard
from napari_glands.workbench.closing import watch_closing
from napari_glands.workbench.panels import end_with_dock
from napari_glands.workbench.session import Session, session_of

if TYPE_CHECKING:
    import napari

    from napari_glands.project import Project

__all__ = ["AllSlides", "slide_picture"]


_WORDS = {"prediction": "glands"}


class AllSlides(QWidget):
    """All slides of the project as pictures, with how far each has come."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.session: Session = session_of(napari_viewer)
        self.sheet = ContactSheet()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.sheet)
        self._project: Project | None = None
        self._wanted: list[str] = []
        self._busy = False
        self.sheet.slide_chosen.connect(self.session.show_slide)
        self.sheet.picture_wanted.connect(self._want)
        self.session.changed.connect(self.update_state)
        watch_closing(napari_viewer, self.session)
        end_with_dock(self)
        self.update_state()

    def update_state(self) -> None:
        """Show the session's slides."""
        session = self.session
        if session.project is not self._project:
            self._project = session.project
            self._wanted.clear()
            self.sheet.forget_pictures()
        cards = [
            SlideCard(slide.id, slide.name, _WORDS.get(slide.state, slide.state), slide.reviewed)
            for slide in session.facts.slides
        ]
        self.sheet.show_slides(cards, session.current)

    def _want(self, slide_id: str) -> None:
        self._wanted.append(slide_id)
        self._next()

    def _next(self) -> None:
        """Make one picture; one after the other, so that saving edits never waits for many."""
        project = self._project
        if self._busy or not self._wanted or project is None:
            return
        slide_id = self._wanted.pop()  # the last asked for is the one in view
        self._busy = True
        panel = self

        def made(picture: np.ndarray | None) -> None:
            panel._busy = False
            if panel._project is project and picture is not None:
                panel.sheet.show_picture(slide_id, picture)
            panel._next()

        self.session.tasks.later(
            lambda: slide_picture(project, slide_id), made, lambda message: made(None)
        )


def slide_picture(project: Project, slide_id: str) -> np.ndarray:
    """Return a small picture of a slide, uint8 (y, x, RGB); kept in the project once made."""
    kept = project.path / "pictures" / f"{slide_id}.png"
    try:
        return _read(kept)
    except OSError:
        pass
    picture = _make(project, slide_id)
    if not project.read_only:
        _keep(kept, picture)
    return picture


def _make(project: Project, slide_id: str) -> np.ndarray:
    slide = project.slide(slide_id)
    try:
        rows, columns = slide.shape
        # Twice the size on the screen, for dense screens.
        shrink = max(rows / (2 * PICTURE.height()), columns / (2 * PICTURE.width()), 1.0)
        return np.asarray(slide.read(slide.mpp * shrink))
    finally:
        slide.close()


def _read(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _keep(path: Path, picture: np.ndarray) -> None:
    """Write a picture; a disk that does not take it only costs the time to make it again."""
    from PIL import Image

    aside = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(aside, format="PNG")
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
