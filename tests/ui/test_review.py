from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


def saved(bench, role="priors"):
    project = bench.session.project
    return getattr(project, f"load_{role}")(bench.session.current)


def states(bench, role="priors") -> dict[int, str]:
    return {row.id: row.state for row in getattr(bench.session.curation, role).table}


def listed(review) -> list[int]:
    return [row.id for row in review.filter.rows]


def click_row(bench, review, number: int) -> None:
    cell = review.table.visualRect(review.filter.index(number, 1)).center()
    bench.qtbot.mouseClick(review.table.viewport(), Qt.MouseButton.LeftButton, pos=cell)


def paint(bench, role: str, row: int, column: int, label: int) -> None:
    layer = bench.layer(role)
    bench.viewer.layers.selection.active = layer
    layer.selected_label, layer.brush_size, layer.mode = label, 5, "paint"
    bench.qtbot.wait(30)
    bench.click_canvas(role, row, column)
    layer.mode = "pan_zoom"


@pytest.fixture
def four(bench):
    """Four priors: 3 is the least sure of those to do, 4 is doubtful, 1 is decided."""
    slide_id = bench.add_slide()
    project = bench.session.project
    slide = project.slide(slide_id)
    two = bench.make_priors(slide)
    labels = two.labels.copy()
    labels[70:90, 20:40], labels[10:20, 90:120] = 3, 4
    looks = {1: ("accepted", 0.1), 2: ("proposed", 0.8), 3: ("proposed", 0.3), 4: ("doubtful", 0.5)}
    table = tuple(
        replace(
            two.table[0],
            id=n,
            state=state,
            score=score,
            area_um2=float((labels == n).sum() * two.grid.pixel_area_um2),
        )
        for n, (state, score) in looks.items()
    )
    project.save_priors(replace(two, labels=labels, table=table), fingerprint="made by a test")
    bench.show_results()
    bench.view("priors")
    return bench


@pytest.fixture
def review(four):
    return four.view("priors").review


def test_the_least_sure_that_is_to_do_comes_first(four, review):
    assert listed(review) == [3, 4, 2]
    assert review.progress.format().startswith("1 of 4 decided")
    review.states_box.setCurrentText("All")
    assert listed(review) == [1, 3, 4, 2]
    review.states_box.setCurrentText("Doubtful")
    assert listed(review) == [4]


def test_size_and_score_limit_what_is_listed(four, review):
    four.click(review.more_button)
    review.score_row.slider.setValue((0, 80))
    assert listed(review) == [3]
    review.score_row.slider.setValue((0, 200))
    assert listed(review) == [3, 4, 2]
    review.area_row.slider.setValue((0, 100))
    assert listed(review) == [4], "the others are larger"


def test_pictures_are_made_for_the_rows_that_are_seen(four, review):
    cell = review.filter.index(0, 0)
    four.until(lambda: review.filter.data(cell, Qt.ItemDataRole.DecorationRole) is not None)


def test_a_click_on_a_row_shows_and_selects_it_in_the_canvas(four, review):
    click_row(four, review, 0)
    layer, camera = four.layer("priors"), four.viewer.scene.camera
    assert layer.selected_label == 3
    assert four.viewer.layers.selection.active is layer
    centre = layer.data_to_world((80, 30))
    np.testing.assert_allclose(camera.center[-2:], centre, atol=2)
    assert "Prior 3: proposed" in review.current_text.text()


def test_a_click_in_the_canvas_selects_the_row(four, review):
    four.click_canvas("priors", 60, 80)
    four.until(lambda: review.current == 2)
    index = review.table.selectionModel().currentIndex()
    assert review.filter.rows[index.row()].id == 2
    four.click_canvas("priors", 5, 5)
    assert review.current == 2, "a click beside all of them changes nothing"


def test_keys_in_the_canvas_lead_through_all_of_them(four, review):
    for key, current in (
        (Qt.Key.Key_Right, 3),
        (Qt.Key.Key_Right, 4),
        (Qt.Key.Key_Left, 3),
        (Qt.Key.Key_Y, 4),
        (Qt.Key.Key_N, 2),
        (Qt.Key.Key_Y, 2),
    ):
        four.key(key, SHIFT)
        assert review.current == current
    assert states(four) == {1: "accepted", 2: "accepted", 3: "accepted", 4: "rejected"}
    assert listed(review) == []
    assert review.progress.value() == 4
    assert "All priors of this slide are decided" in four.view("priors").status.text()
    four.until(lambda: [row.state for row in saved(four).table][3] == "rejected")


def test_the_same_keys_work_in_the_panel(four, review):
    click_row(four, review, 0)
    four.viewer.window._qt_window.activateWindow()
    review.table.setFocus()
    four.until(review.table.hasFocus)
    four.qtbot.keyClick(review.table, Qt.Key.Key_N, SHIFT)
    assert states(four)[3] == "rejected"
    assert review.current == 4
    four.qtbot.keyClick(review.table, Qt.Key.Key_Z, CONTROL)
    assert states(four)[3] == "proposed"


def test_strokes_and_decisions_are_taken_back_in_turn(four, review):
    layer = four.layer("priors")
    before = layer.data.copy()
    click_row(four, review, 2)
    four.click(review.accept_button)
    paint(four, "priors", 51, 71, 3)
    painted = layer.data.copy()
    assert states(four) == {1: "accepted", 2: "edited", 3: "edited", 4: "doubtful"}
    four.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(layer.data, before)
    assert states(four) == {1: "accepted", 2: "accepted", 3: "proposed", 4: "doubtful"}
    four.click(review.undo_button)
    assert states(four)[2] == "proposed"
    assert not review.undo_button.isEnabled()
    four.click(review.redo_button)
    four.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    np.testing.assert_array_equal(layer.data, painted)
    assert states(four)[2] == "edited"
    four.until(lambda: np.array_equal(saved(four).labels, painted))
    assert saved(four).table == four.session.curation.priors.table


def test_delete_and_undo(four, review):
    before = four.layer("priors").data.copy()
    click_row(four, review, 0)
    four.key(Qt.Key.Key_Delete, SHIFT)
    assert not (four.layer("priors").data == 3).any()
    assert set(states(four)) == {1, 2, 4}
    assert review.current == 4
    four.click(review.undo_button)
    np.testing.assert_array_equal(four.layer("priors").data, before)
    assert states(four)[3] == "proposed"


def test_accept_the_rest_is_one_step_and_leaves_doubtful_ones(four, review):
    four.click(review.accept_rest_button)
    assert states(four) == {1: "accepted", 2: "accepted", 3: "accepted", 4: "doubtful"}
    assert not review.accept_rest_button.isEnabled()
    four.click(review.undo_button)
    assert states(four) == {1: "accepted", 2: "proposed", 3: "proposed", 4: "doubtful"}


def test_edit_takes_the_brush(four, review):
    click_row(four, review, 1)
    four.key(Qt.Key.Key_E, SHIFT)
    assert (four.layer("priors").mode, four.layer("priors").selected_label) == ("paint", 4)


def test_marks_are_strokes_like_others(four):
    curation = four.session.curation
    mask = np.ones((4, 4), bool)
    assert curation.mark((slice(0, 4), slice(0, 4)), mask, 2)
    assert not curation.mark((slice(0, 4), slice(0, 4)), mask, 2), "they are there already"
    four.until(lambda: (saved(four).marks[:4, :4] == 2).all())
    curation.undo()
    four.until(lambda: not saved(four).marks.any())


def test_the_dirty_mark_comes_and_goes(four):
    four.hold_autosave()
    session, seen = four.session, []
    session.dirty_changed.connect(seen.append)
    paint(four, "priors", 5, 5, 9)
    assert session.curation.dirty
    session.curation.flush()
    four.until(lambda: not session.curation.dirty)
    assert seen == [True, False]
    four.layer("priors").refresh()
    four.settle()
    assert seen == [True, False], "redrawing is no edit"


def test_painting_without_a_pause_is_saved_all_the_same(four):
    autosave = four.session.curation.priors.autosave
    autosave.seconds, autosave.longest = 30.0, 0.3
    layer = four.layer("priors")
    for column in range(40, 60):
        layer.data_setitem((np.array([3]), np.array([column])), 9)
        four.qtbot.wait(30)
    four.until(lambda: (saved(four).labels == 9).any(), 10)


def test_an_earlier_version_is_kept(four, review):
    four.click(review.accept_rest_button)
    four.until(lambda: {row.state for row in saved(four).table} == {"accepted", "doubtful"})
    project = four.session.project
    (copy,) = project.backups(four.session.current, "priors")
    former = project.load_backup(four.session.current, copy)
    assert [row.state for row in former.table] == ["accepted", "proposed", "proposed", "doubtful"]


def test_glands_are_looked_through_in_the_step_predict(with_priors):
    bench = with_priors
    project, slide_id = bench.session.project, bench.session.current
    project.save_prediction(bench.make_prediction(project.slide(slide_id)), fingerprint="x")
    bench.show_results()
    review = bench.view("predict").review
    bench.until(review.table.isVisible)
    assert bench.session.curation.layer is bench.layer("glands")
    paint(bench, "glands", 80, 110, 7)
    assert states(bench, "glands")[7] == "edited"
    bench.click_canvas("glands", 30, 30)
    bench.key(Qt.Key.Key_N, SHIFT)
    assert states(bench, "glands")[1] == "rejected"
    bench.until(lambda: {r.id: r.state for r in saved(bench, "glands").table}.get(1) == "rejected")
    bench.until(lambda: not (project.load_prediction(slide_id).glands == 1).any())
    assert set(states(bench).values()) == {"proposed"}, "the priors are as they were"
    bench.view("priors")
    assert bench.session.curation.layer is bench.layer("priors")


def test_reordered_and_renamed_layers_keep_their_edits(four):
    four.hold_autosave()
    layer = four.layer("priors")
    layer.name = "mine"
    paint(four, "priors", 5, 5, 9)
    four.viewer.layers.move(four.viewer.layers.index(layer), 0)
    four.session.curation.undo()
    assert not (layer.data == 9).any()
    four.session.curation.redo()
    four.session.curation.flush()
    four.until(lambda: (saved(four).labels == 9).any())
