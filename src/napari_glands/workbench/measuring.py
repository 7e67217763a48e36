"""The panel of measurements: follows the slide on show, and is linked with the canvas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_glands.widgets.measure_view import MeasureView
from napari_glands.workbench.closing import watch_closing
from napari_glands.workbench.flight import fly_to
from napari_glands.workbench.panels import end_with_dock
from napari_glands.workbench.session import Session, session_of

if TYPE_CHECKING:
    import napari
    import pandas as pd

    from napari_glands.priors.gland import Glands
    from napari_glands.project import Project
    from napari_glands.workbench.state import Shown

__all__ = ["Measurements"]

_NO_SLIDE = "No slide is on show. Add images in the step Slides."
_NO_GLANDS = "This slide has no glands yet. Run the step Predict; its glands are measured here."
_NONE_FOUND = "The network found no gland in this slide."


class Measurements(QWidget):
    """One row per gland of the slide on show, a histogram, and both linked with the canvas."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.session: Session = session_of(napari_viewer)
        self.view = MeasureView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self._shows: tuple[str, str] = ("", "")
        # Of a large slide, whose glands are in no layer that could tell.
        self._places: dict[int, tuple[slice, slice]] = {}
        self.view.gland_chosen.connect(self.look_at)
        self.session.curation.glands.picked.connect(self.view.select)
        self.session.changed.connect(self.update_state)
        watch_closing(napari_viewer, self.session)
        end_with_dock(self)
        self.update_state()

    def update_state(self) -> None:
        """Measure the slide on show anew where its glands are others than before."""
        shown, project = self.session.shown, self.session.project
        if shown is None or project is None:
            self._say(_NO_SLIDE)
        elif shown.large and "prediction" in shown.contents:
            self._measure(project, shown)
        elif shown.prediction is None:
            self._say(_NO_GLANDS)
        else:
            self._measure(project, shown)

    def look_at(self, gland: int) -> None:
        """Select a gland in its layer and bring it into view."""
        editor, viewer = self.session.curation.glands, self.session.layers.viewer
        if viewer is not None and gland in self._places:
            picture = self.session.layers.find(self.session.current, "slide")
            fly_to(viewer, picture, self._places[gland])
            return
        box = editor.box(gland)
        if viewer is None or editor.layer is None or box is None:
            return
        self.session.curation.choose(editor)
        editor.layer.selected_label = gland
        fly_to(viewer, editor.layer, box)

    def _say(self, text: str) -> None:
        self._shows, self._places = ("", ""), {}
        self.view.show_empty(text)

    def _measure(self, project: Project, shown: Shown) -> None:
        contents = shown.contents
        key = (shown.slide.id, contents["prediction"] + contents.get("glands", ""))
        if key == self._shows:
            return
        if key[0] != self._shows[0]:
            self.view.show_empty("Measuring…")
        self._shows = key

        def measured(result: tuple[pd.DataFrame, float]) -> None:
            if self._shows == key:
                self._show(*result)

        def failed(message: str) -> None:
            self._say(message)

        measure = _measured_before if shown.large else _measured
        self.session.tasks.later(lambda: measure(project, shown), measured, failed, key="measure")

    def _show(self, table: pd.DataFrame, share: float) -> None:
        count, shown = len(table), self.session.shown
        self._places = _places(table, shown.slide.mpp) if shown is not None and shown.large else {}
        if not count:
            self.view.show_empty(_NONE_FOUND)
            return
        noun = "gland" if count == 1 else "glands"
        median = table["area_um2"].median()
        text = f"{count} {noun}, median area {median:,.0f} µm², {share:.0%} of the slide."
        self.view.show_table(table, text)


def _measured_before(project: Project, shown: Shown) -> tuple[pd.DataFrame, float]:
    """Return the saved table of the glands of a large slide, and their share of it."""
    table, slide = project.load_measurements(shown.slide.id), shown.slide
    area = slide.shape[0] * slide.shape[1] * slide.mpp**2
    return table, float(table["area_um2"].sum() / area)


def _places(table: pd.DataFrame, mpp: float) -> dict[int, tuple[slice, slice]]:
    """Return where the glands of a large slide are, in its pixels: by their centres."""
    centres = table[["centroid_y_um", "centroid_x_um"]].to_numpy() / mpp
    reach = np.sqrt(table["area_um2"].to_numpy()) / mpp
    return {
        int(label): (slice(y - r, y + r), slice(x - r, x + r))
        for label, (y, x), r in zip(table["label"], centres, reach, strict=True)
    }


def _measured(project: Project, shown: Shown) -> tuple[pd.DataFrame, float]:
    """Return the table of the glands that count now, and their share of the slide."""
    from napari_glands.measurement import measure

    assert shown.prediction is not None
    prediction, curated = shown.prediction, shown.glands
    if curated is not None:
        labels = np.where(curated.used, curated.labels, 0)
        prediction = replace(prediction, glands=labels)
    share = float((prediction.glands > 0).mean())
    saved = project.facts(shown.slide.id, "prediction") or {}
    # The saved table is of these glands unless the user has edited them since.
    fresh = (project.facts(shown.slide.id, "glands") or {}).get("content")
    same = saved.get("content") == project.measured(shown.slide.id)
    if same and fresh == shown.contents.get("glands"):
        table = project.load_measurements(shown.slide.id)
    else:
        table = measure(prediction)
    return _with_decisions(table, curated), share


def _with_decisions(table: pd.DataFrame, curated: Glands | None) -> pd.DataFrame:
    """Add how sure the network is of each gland, and what the user decided."""
    rows = {} if curated is None else {row.id: row for row in curated.table}
    if not all(label in rows for label in table["label"]):
        return table
    found = [rows[label] for label in table["label"]]
    return table.assign(state=[row.state for row in found], score=[row.score for row in found])
