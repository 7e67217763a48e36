from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


def panel(bench, name):
    return bench.viewer.window.dock_widgets[f"{name} (napari-glands)"]


@pytest.fixture
def with_glands(bench):
    """A workbench that shows a slide with priors and two predicted glands."""
    slide_id = bench.add_slide()
    project = bench.session.project
    slide = project.slide(slide_id)
    project.save_exterior(bench.make_exterior(slide), fingerprint="made by a test")
    project.save_priors(bench.make_priors(slide), fingerprint="made by a test")
    project.save_prediction(bench.make_prediction(slide), fingerprint="made by a test")
    bench.show_results()
    bench.until(lambda: bench.layer("glands") is not None)
    return bench


def test_all_slides_are_seen_with_their_state_and_shown_by_a_click(bench):
    first, second = bench.add_slide("first", bench.noise(1)), bench.add_slide("second")
    project = bench.session.project
    project.save_priors(bench.make_priors(project.slide(first)), fingerprint="made by a test")
    bench.session.refresh()
    bench.click(bench.widget.display_bar.sheet_button)
    sheet = panel(bench, "All slides").sheet
    bench.until(lambda: "1 with priors" in sheet.summary.text())
    card = sheet.model.index(0)
    assert "0% reviewed" in card.data(Qt.ItemDataRole.ToolTipRole)
    bench.until(lambda: card.data(Qt.ItemDataRole.DecorationRole) is not None)
    assert bench.session.current == second
    place = sheet.list.visualRect(card).center()
    bench.qtbot.mouseClick(sheet.list.viewport(), LEFT, pos=place)
    bench.until(lambda: bench.session.current == first)
    # Pictures are made once, and only of what fits is anything seen.
    assert (project.path / "pictures" / f"{first}.png").exists()
    sheet.filter.setText("sec")
    assert [sheet.model.index(n).data() for n in range(sheet.model.rowCount())] == ["second"]


def test_measurements_are_linked_with_the_canvas_and_follow_edits(with_glands):
    bench = with_glands
    bench.click(bench.widget.display_bar.table_button)
    view = panel(bench, "Measurements").view
    bench.until(lambda: view.model.rowCount() == 2)
    titles = [view.model.headerData(n, Qt.Orientation.Horizontal) for n in range(9)]
    assert {"Area (µm²)", "Perimeter (µm)"} <= set(titles)
    assert view.histogram.counts.sum() == 2
    # A row shows its gland …
    layer = bench.layer("glands")
    before = bench.viewer.scene.camera.center
    view.table.selectRow(view.model.row_of(2))
    assert layer.selected_label == 2
    assert view.histogram.marked == pytest.approx(400 * 1.24**2, rel=0.1)
    assert bench.viewer.scene.camera.center != before
    # … and a gland its row.
    bench.viewer.reset_view()
    bench.qtbot.wait(50)
    bench.click_canvas("glands", 30, 30)
    bench.until(lambda: view.selected == 1)
    assert view.model.gland_at(view.table.currentIndex().row()) == 1
    # What is edited is measured anew.
    area = float(view.model.frame["area_um2"].max())
    with layer.block_history():
        layer.data_setitem(np.nonzero(layer.data == 2), 0)
    bench.until(lambda: view.model.rowCount() == 1)
    assert view.model.frame["area_um2"].max() == pytest.approx(area, rel=0.1)
    view.copy_button.click()
    assert QApplication.clipboard().text().startswith("Gland\t")


def test_panels_say_what_is_missing_and_end_with_their_dock(bench):
    bar = bench.widget.display_bar
    bench.click(bar.table_button)
    bench.click(bar.sheet_button)
    table, sheet = panel(bench, "Measurements"), panel(bench, "All slides")
    assert "step Slides" in table.view.summary.text()
    assert "step Slides" in sheet.sheet.summary.text()
    bench.add_slide()
    bench.until(lambda: "step Predict" in table.view.summary.text())
    gone = []
    for widget in (table, sheet):
        widget.destroyed.connect(lambda: gone.append(1))
        bench.viewer.window.remove_dock_widget(widget)
    bench.until(lambda: len(gone) == 2)
    bench.add_slide("another", bench.noise(3))  # nothing talks to what is gone
    bench.settle()


def test_the_slide_is_seen_alone_for_as_long_as_a_key_is_held(with_glands):
    bench, bar = with_glands, with_glands.widget.display_bar
    roles = ("probability", "glands")
    assert all(bench.layer(role).visible for role in roles[1:])
    shown = [x for x in bench.viewer.layers if x.visible]
    bench.canvas.setFocus()
    bench.qtbot.keyPress(bench.canvas, Qt.Key.Key_H, SHIFT)
    assert [x for x in bench.viewer.layers if x.visible] == [bench.layer("slide")]
    bench.until(lambda: bar.before_button.isChecked())
    bench.qtbot.wait(450)
    bench.qtbot.keyRelease(bench.canvas, Qt.Key.Key_H, SHIFT)
    assert [x for x in bench.viewer.layers if x.visible] == shown
    bench.click(bar.before_button)
    assert not bench.layer("glands").visible
    bench.click(bar.before_button)
    assert [x for x in bench.viewer.layers if x.visible] == shown


def test_outlines_opacity_and_legend_tell_and_change_what_is_drawn(with_glands):
    bench, bar = with_glands, with_glands.widget.display_bar
    bench.until(bar.outlines_button.isChecked)
    bench.click(bar.outlines_button)
    assert bench.layer("glands").contour == 0
    bar.opacity.setValue(30)
    assert bench.layer("glands").opacity == pytest.approx(0.3)
    bench.click(bar.legend_button)
    bench.layer("priors").visible = False
    bench.until(lambda: "Proposed" in [e.text for e in bar.legend.entries])
    bench.layer("glands").visible = False
    bench.until(lambda: "Proposed" not in [e.text for e in bar.legend.entries])
    # The wish holds for the next slide.
    bench.layer("glands").visible = True
    former = bench.session.current
    slide_id = bench.add_slide("next", bench.noise(4))
    project = bench.session.project
    prediction = bench.make_prediction(project.slide(slide_id))
    project.save_prediction(prediction, fingerprint="made by a test")
    bench.show_results()
    bench.until(lambda: bench.layer("glands") is not None)
    assert bench.layer("glands").contour == 0
    bench.session.show_slide(former)
    bench.until(lambda: bench.session.current == former)
    assert bench.layer("glands").contour == 0
    assert bench.layer("glands").name == "Glands"


def test_hints_are_put_away_for_good_and_brought_back_by_the_question_mark(bench):
    view = bench.view("priors")
    bench.until(view.hint.isVisible)
    bench.click(view.hint.button)
    assert not view.hint.isVisible()
    bench.settle()
    _, alone = bench.viewer.window.add_plugin_dock_widget("napari-glands", "3 Priors")
    _, other = bench.viewer.window.add_plugin_dock_widget("napari-glands", "4 Train")
    bench.until(lambda: not other.views["train"].hint.isHidden())
    assert alone.views["priors"].hint.isHidden()
    bench.click(view.help_button)
    assert view.hint.isVisible()


def test_what_teaches_is_seen_and_follows_decisions(with_glands):
    bench, view = with_glands, with_glands.view("train")
    bench.click(view.teaching_button)
    bench.until(lambda: bench.layer("teaching") is not None)
    taught = bench.layer("teaching")
    assert taught.data[30, 30] == 3
    texts = [entry.text for entry in bench.session.display.legend()]
    assert "Taught as interior" in texts
    bench.session.curation.glands.set_state([1], "rejected", "Reject gland 1")
    bench.session.curation.priors.set_state([1], "rejected", "Reject prior 1")
    bench.until(lambda: bench.layer("teaching").data[30, 30] == 1)
    bench.click(view.teaching_button)
    assert bench.layer("teaching") is None
