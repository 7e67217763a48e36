"""Seeing what is taken for tissue on the slide on show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject

from napari_glands.slides import Grid, Slide

if TYPE_CHECKING:
    from napari_glands.widgets.slides_view import SlidesView
    from napari_glands.workbench.session import Session

__all__ = ["TissueView"]

_SKY = (0.34, 0.71, 0.91, 1.0)


class TissueView(QObject):
    """While its button is on, the tissue of the slide on show is outlined; ends with its view."""

    def __init__(self, session: Session, view: SlidesView) -> None:
        super().__init__(view)
        self._session, self._view = session, view
        self._seen = ""
        view.tissue_toggled.connect(self._on_toggled)
        session.changed.connect(self.update)

    def update(self) -> None:
        """Outline the tissue of another slide than before."""
        shown = self._session.shown
        whole = None if shown is None else shown.slide.whole
        if whole is None or not self._view.tissue_button.isChecked():
            self._seen = ""
        elif whole.id != self._seen:
            self._seen = whole.id
            self._show(whole)

    def _on_toggled(self, on: bool) -> None:
        if on:
            self.update()
        else:
            self._seen = ""
            self._session.layers.remove("tissue")

    def _show(self, slide: Slide) -> None:
        session = self._session

        def work() -> tuple[np.ndarray, Grid]:
            from napari_glands.slides.tissue import tissue_mask

            return tissue_mask(slide)

        def show(found: tuple[np.ndarray, Grid]) -> None:
            if self._seen != slide.id:
                return
            mask, grid = found
            session.layers.show_common(_tissue_layer(mask), grid, slide.id, "tissue")
            session.say("slides", f"{mask.mean():.0%} of the slide is tissue; the rest is glass.")

        session.tasks.later(work, show, session.failing("slides"), key="tissue")


def _tissue_layer(mask: np.ndarray) -> Labels:
    colors = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0), 1: _SKY}
    layer = Labels(mask.astype(np.uint8), name="Tissue", opacity=1.0)
    layer.colormap = DirectLabelColormap(color_dict=colors)
    layer.contour = 3  # is seen from afar, too
    layer.editable = False
    return layer
