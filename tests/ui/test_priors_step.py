from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_glands.errors import GlandsError

SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


def saved(bench):
    return bench.session.project.load_priors(bench.session.current)


def states(bench) -> dict[int, str]:
    return {prior.id: prior.state for prior in saved(bench).table}


def paint(bench, row: int, column: int, label: int) -> None:
    """Paint with the brush, as a user does."""
    layer = bench.layer("priors")
    bench.viewer.layers.selection.active = layer
    layer.selected_label, layer.brush_size, layer.mode = label, 5, "paint"
    bench.qtbot.wait(30)
    bench.click_canvas("priors", row, column)


def test_priors_are_shown_for_editing(with_priors):
    bench = with_priors
    layer = bench.layer("priors")
    assert isinstance(layer.data, np.ndarray)
    assert not layer.multiscale
    assert layer.editable
    assert bench.view("priors").review.tally == {"proposed": 2}


def test_a_brush_stroke_reaches_the_project(with_priors):
    bench = with_priors
    view = bench.view("priors")
    paint(bench, 80, 20, 9)
    bench.until(lambda: (saved(bench).labels == 9).any())
    assert states(bench) == {1: "proposed", 2: "proposed", 9: "edited"}
    bench.until(lambda: view.review.tally["edited"] == 1)
    bench.until(lambda: view.review.saved.text() == "Edits saved.")


def test_undo_still_works_and_is_saved_too(with_priors):
    bench = with_priors
    before = bench.layer("priors").data.copy()
    paint(bench, 30, 30, 2)
    bench.until(lambda: states(bench)[1] == "edited")
    bench.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(bench.layer("priors").data, before)
    bench.until(lambda: np.array_equal(saved(bench).labels, before))


def test_assigned_data_and_painting_by_code_are_saved_too(with_priors):
    bench = with_priors
    layer = bench.layer("priors")
    layer.data_setitem((np.array([90]), np.array([120])), 5)
    bench.until(lambda: (saved(bench).labels == 5).any())
    changed = layer.data.copy()
    changed[changed == 1] = 0
    layer.data = changed
    bench.until(lambda: 1 not in states(bench))


def test_accept_and_reject_by_buttons(with_priors):
    bench = with_priors
    view = bench.view("priors")
    layer = bench.layer("priors")
    layer.selected_label = 2
    bench.click(view.review.reject_button)
    bench.until(lambda: states(bench) == {1: "proposed", 2: "rejected"})
    bench.click(view.review.accept_rest_button)
    bench.until(lambda: states(bench) == {1: "accepted", 2: "rejected"})
    assert (saved(bench).labels == 2).any(), "a rejected prior keeps its pixels"
    bench.until(lambda: layer.colormap.map(np.array([2], np.int32))[0][3] < 0.5)


def test_accept_and_reject_by_keys(with_priors):
    bench = with_priors
    layer = bench.layer("priors")
    bench.viewer.layers.selection.active = layer
    bench.click_canvas("priors", 30, 30)
    bench.key(Qt.Key.Key_Y, SHIFT)
    bench.until(lambda: states(bench)[1] == "accepted")
    assert layer.selected_label == 2, "it goes on to the next"
    bench.key(Qt.Key.Key_N, SHIFT)
    bench.until(lambda: states(bench)[2] == "rejected")


def test_without_a_picked_prior_it_says_what_to_do(with_priors):
    bench = with_priors
    view = bench.view("priors")
    bench.viewer.layers.selection.active = bench.layer("priors")
    bench.key(Qt.Key.Key_Y, SHIFT)
    assert "Choose a prior first" in view.status.text()
    assert not view.review.accept_button.isEnabled()


def test_a_renamed_layer_is_still_ours(with_priors):
    bench = with_priors
    bench.layer("priors").name = "something else"
    paint(bench, 80, 20, 9)
    bench.until(lambda: 9 in states(bench))


def test_unsaved_strokes_survive_the_deletion_of_the_layer(with_priors):
    bench = with_priors
    bench.hold_autosave()
    paint(bench, 80, 20, 9)
    bench.viewer.layers.remove(bench.layer("priors"))
    bench.until(lambda: 9 in states(bench))
    view = bench.view("priors")
    bench.click(view.review.restore_button)
    bench.until(lambda: bench.layer("priors") is not None)
    assert (bench.layer("priors").data == 9).any()
    bench.until(view.review.table.isVisible)


def test_unsaved_strokes_survive_a_change_of_slides(with_priors):
    bench = with_priors
    first = bench.session.current
    bench.hold_autosave()
    paint(bench, 80, 20, 9)
    other = bench.add_slide("other", bench.noise(4))
    project = bench.session.project
    project.save_priors(bench.make_priors(project.slide(other)), fingerprint="test")
    bench.show_results()
    ids = {slide: [p.id for p in project.load_priors(slide).table] for slide in (first, other)}
    assert ids == {first: [1, 2, 9], other: [1, 2]}


def test_searching_again_leaves_decisions_alone_unless_asked(with_priors):
    bench = with_priors
    view = bench.view("priors")
    bench.click(view.review.accept_rest_button)
    bench.until(lambda: set(states(bench).values()) == {"accepted"})
    bench.run("priors")
    assert states(bench) == {1: "accepted", 2: "accepted"}
    view.replace_curated.setChecked(True)
    bench.run("priors")
    assert "accepted" not in states(bench).values()


def test_edits_go_to_the_project_that_was_saved_under_a_name(with_priors):
    bench = with_priors
    target = bench.folder / "named.glands"
    bench.session.save_project_as(target)
    bench.until(lambda: bench.session.project.path == target)
    bench.settle()
    paint(bench, 80, 20, 9)
    bench.until(lambda: (saved(bench).labels == 9).any())
    bench.until(lambda: bench.view("priors").review.saved.text() == "Edits saved.")


def test_edits_are_there_after_reopening(with_priors):
    bench = with_priors
    paint(bench, 80, 20, 9)
    bench.until(lambda: 9 in states(bench))
    path, data = bench.session.project.path, bench.layer("priors").data.copy()
    bench.session.new_project(bench.folder / "other.glands")
    bench.until(lambda: bench.session.project.path != path)
    bench.settle()
    bench.session.open_project(path)
    bench.until(lambda: bench.session.current and bench.layer("priors"))
    np.testing.assert_array_equal(bench.layer("priors").data, data)
    assert bench.layer("priors").scale == pytest.approx((1.24, 1.24))


def test_a_stroke_in_a_layer_that_was_just_replaced_is_shown_as_saved(with_priors):
    bench = with_priors
    session = bench.session
    bench.hold_autosave()
    paint(bench, 80, 20, 9)
    mined = bench.make_priors(session.project.slide(session.current))
    fewer = replace(mined, labels=np.where(mined.labels == 1, 1, 0), table=mined.table[:1])
    session.project.save_priors(fewer, fingerprint="mined again")
    bench.show_results()
    bench.settle()
    bench.until(lambda: np.array_equal(bench.layer("priors").data, saved(bench).labels))
    assert 9 in states(bench), "the stroke is kept"


def test_no_strokes_are_taken_while_the_project_is_copied(with_priors, monkeypatch):
    bench = with_priors
    go_on = threading.Event()

    def fail_slowly(project, target):
        go_on.wait(20)
        raise GlandsError("The disk is full.")

    monkeypatch.setattr("napari_glands.workbench.session.copy_project", fail_slowly)
    bench.session.save_project_as(bench.folder / "copy.glands")
    assert not bench.layer("priors").editable
    go_on.set()
    bench.until(lambda: bench.layer("priors").editable)
    assert "The disk is full" in bench.view("slides").status.text()
