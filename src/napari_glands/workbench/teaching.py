"""Seeing what the network is taught of every pixel, before it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_glands.widgets.train_view import TrainView

if TYPE_CHECKING:
    from napari_glands.settings import Settings
    from napari_glands.workbench.session import Session
    from napari_glands.workbench.state import Shown

__all__ = ["TeachingView"]


class TeachingView(QObject):
    """While its button is on, the slide on show is seen as what it teaches; ends with its view."""

    def __init__(self, session: Session, view: TrainView) -> None:
        super().__init__(view)
        self._session, self._view = session, view
        self._seen: tuple[str, str, str] | None = None
        view.teaching_toggled.connect(self._on_toggled)
        session.changed.connect(self.update)
        self.update()

    def update(self) -> None:
        """Show what the priors and decisions teach now."""
        shown = self._session.shown
        ready = shown is not None and shown.priors is not None
        self._view.teaching_button.setEnabled(ready)
        if not ready:
            self._seen = None
        elif self._view.teaching_button.isChecked() and shown is not None:
            self._show(shown)

    def _on_toggled(self, on: bool) -> None:
        self._seen = None
        if on:
            layers, current = self._session.layers, self._session.current
            layers.set_visible(current, exterior=False, clusters=False, probability=False)
            self.update()
        else:
            self._session.layers.remove("teaching")

    def _show(self, shown: Shown) -> None:
        session, settings = self._session, self._session.settings
        contents = shown.contents
        seen = (shown.slide.id, contents["priors"], contents.get("glands", ""))
        if seen == self._seen:
            return
        self._seen = seen

        def show(taught: np.ndarray) -> None:
            if self._seen == seen and shown.priors is not None:
                session.layers.show_teaching(shown.slide.id, shown.priors.grid, taught)

        session.tasks.later(
            lambda: _taught(shown, settings), show, session.failing("train"), key="teaching"
        )


def _taught(shown: Shown, settings: Settings) -> np.ndarray:
    """Return 0 where nothing is taught, 1 background, 2 exterior, 3 interior."""
    from napari_glands.priors.decisions import decisions
    from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, INTERIOR, proposal_map

    assert shown.priors is not None
    decided = decisions(shown.priors, shown.glands, settings=settings)
    proposal = proposal_map(shown.slide, shown.priors, settings, decided=decided)
    taught = np.zeros(proposal.shape, np.uint8)
    for number, value in enumerate((BACKGROUND, EXTERIOR, INTERIOR), start=1):
        taught[proposal == value] = number
    return taught
