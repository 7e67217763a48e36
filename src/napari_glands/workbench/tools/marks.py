"""The user's marks, as a layer above the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["MarksDisplay"]


class MarksDisplay(QObject):
    """Keeps the layer of marks as the editor has them; there is none while nothing is marked."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        session.curation.marked.connect(self._update)

    def _update(self) -> None:
        session = self._session
        priors = session.curation.priors.curated
        if priors is not None:
            session.layers.show_marks(priors.slide_id, priors.grid, priors.marks)
