"""Every tool, by the mouse on a real canvas: what it leaves, and that one undo takes it back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_glands.widgets.tools_view import ToolsView
from napari_glands.workbench.keys import TOOL_KEYS

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
CENTRE, INNER, OUTER = (70, 40), 12, 17  # a ring without a prior, open to the right


def ring_map(shape):
    """An exterior map: one ring with a gap, and the walls of prior 2."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot(y - CENTRE[0], x - CENTRE[1])
    values = np.full(shape, 15, np.uint8)
    values[(radius >= INNER) & (radius < OUTER)] = 230
    gap = (np.abs(y - CENTRE[0]) < 4) & (x > CENTRE[1]) & (radius >= INNER) & (radius < OUTER)
    values[gap] = 15
    values[46:74, 66:94] = 230
    values[52:68, 72:88] = 15
    return values


@pytest.fixture
def tools(bench):
    """The step Priors, on a slide with two priors and a ring that is open."""
    slide_id = bench.add_slide()
    project = bench.session.project
    slide = project.slide(slide_id)
    project.save_exterior(bench.make_exterior(slide), fingerprint="made by a test")
    priors = bench.make_priors(slide)
    priors = replace(priors, exterior=ring_map(priors.labels.shape))
    project.save_priors(priors, fingerprint="made by a test")
    bench.show_results()
    bench.view("priors")
    return Tools(bench)


class Tools:
    """A hand on the canvas."""

    def __init__(self, bench) -> None:
        self.bench, self.qtbot = bench, bench.qtbot
        self.view = bench.widget.views["priors"].findChild(ToolsView)
        self.box = bench.session.tools

    @property
    def labels(self):
        return self.bench.layer("priors").data

    def take(self, name):
        self.bench.click(self.view.buttons[name])

    def point(self, row, column) -> QPoint:
        return self.bench.canvas_point("priors", row, column)

    def draw(self, *corners, release=True) -> None:
        """Draw straight from corner to corner; a single one is a click."""
        canvas = self.bench.canvas
        path = [self.point(*corners[0])]
        for start, stop in itertools.pairwise(corners):
            steps = np.linspace(start, stop, 9)[1:]
            path += [self.point(*place) for place in steps]
        self.qtbot.mouseMove(canvas, path[0])
        self.qtbot.mousePress(canvas, LEFT, pos=path[0])
        for place in path[1:]:
            self.qtbot.mouseMove(canvas, place)
            QApplication.processEvents()
        if release:
            self.qtbot.mouseRelease(canvas, LEFT, pos=path[-1])

    def text(self) -> str:
        return self.view.status.text()


def square(labels, number):
    """The rectangle that a label fills: top, left, bottom, right; None when it has holes."""
    rows, columns = np.nonzero(labels == number)
    return int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())


def split(labels):
    return set(np.unique(labels[20:40, 20:40])) == {0, 1, 3}


def merged(labels):
    return not (labels == 2).any() and (labels == 1).sum() > 800


def erased(labels):
    return (labels[20:40, 28:32] == 0).all() and (labels == 1).any()


SCENARIOS = {
    "close_gap": ([(63, 55), (77, 55)], lambda x: 250 < (x == 3).sum() < 700 and x[70, 40] == 3),
    "draw": ([(5, 60), (5, 80), (25, 80), (25, 60)], lambda x: 300 < (x == 3).sum() < 500),
    "split": ([(15, 30), (45, 30)], split),
    "merge": ([(30, 30), (60, 80)], merged),
    "erase": ([(15, 30), (45, 30)], erased),
    "grow": ([(30, 30)], lambda x: square(x, 1) == (18, 18, 41, 41)),
    "shrink": ([(30, 30)], lambda x: square(x, 1) == (22, 22, 37, 37)),
    "smooth": ([(30, 30)], lambda x: x[20, 20] == 0 and x[30, 20] == 1),
    "snap": ([(60, 80)], lambda x: square(x, 2) in ((51, 71, 68, 88), (52, 72, 67, 87))),
    "small": ([(5, 5)], lambda x: not x.any()),
}


def test_a_gesture_does_it_and_one_undo_takes_it_back(tools):
    before = tools.labels.copy()
    for name, (gesture, expected) in SCENARIOS.items():
        tools.take(name)
        if name == "small":
            tools.view.amount.box.setValue(700)
        assert tools.text()
        tools.draw(*gesture)
        tools.bench.until(lambda: not np.array_equal(tools.labels, before), 10)
        after = tools.labels.copy()
        assert expected(after), (name, np.unique(after, return_counts=True))
        assert tools.box.active is not None, f"{name} stays in hand"
        assert "⚠" not in tools.text()
        tools.bench.key(Qt.Key.Key_Z, CONTROL)
        np.testing.assert_array_equal(tools.labels, before, name)
        tools.bench.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        np.testing.assert_array_equal(tools.labels, after, name)
        tools.bench.key(Qt.Key.Key_Z, CONTROL)


def test_the_ring_under_the_mouse_is_outlined_and_a_click_takes_it(tools):
    tools.labels[50:70, 70:90] = 0
    tools.take("ring")
    tools.view.amount.box.setValue(8)
    tools.bench.until(lambda: tools.box._performer._rings is not None)
    columns = itertools.cycle((78, 80))

    def outlined() -> bool:
        tools.qtbot.mouseMove(tools.bench.canvas, tools.point(60, next(columns)))
        return tools.box._sketch.visible

    tools.bench.until(outlined)
    tools.draw((60, 80))
    assert square(tools.labels, 3)[:2] in ((52, 72), (51, 71), (53, 73))
    tools.draw((70, 40))
    assert "No border closes around this point" in tools.text()


def test_holes_are_filled_by_a_click_and_two_clicks_merge(tools):
    tools.labels[28:32, 28:32] = 0
    tools.take("fill")
    tools.draw((22, 22))
    assert (tools.labels[20:40, 20:40] == 1).all()
    zoom = tools.bench.viewer.scene.camera.zoom
    tools.take("grow")
    tools.draw((30, 30))
    tools.qtbot.mouseDClick(tools.bench.canvas, LEFT, pos=tools.point(30, 30))
    assert square(tools.labels, 1) == (16, 16, 43, 43), "two quick clicks are two clicks"
    assert tools.bench.viewer.scene.camera.zoom == zoom
    tools.take("merge")
    tools.draw((30, 30))
    assert "Now click on what belongs to gland 1" in tools.text()
    tools.draw((60, 80))
    assert merged(tools.labels)


def test_marks_are_drawn_shown_saved_and_taken_back(tools):
    bench = tools.bench

    def marks():
        return bench.session.curation.priors.curated.marks

    tools.take("background")
    tools.draw((10, 60), (10, 100))
    assert (marks()[10, 62:98] == 1).all()
    assert tools.box.active.name == "background", "the new layer of marks takes nothing away"
    assert bench.layer("marks").data[10, 80] == 1
    tools.take("ignore")
    tools.draw((25, 60), (25, 100))
    assert marks()[25, 80] == 2
    tools.take("unmark")
    tools.draw((10, 60), (10, 100))
    assert marks()[10, 80] == 0
    bench.key(Qt.Key.Key_Z, CONTROL)
    assert marks()[10, 80] == 1
    assert bench.layer("marks").data[10, 80] == 1
    project = bench.session.project
    bench.until(lambda: project.load_priors(bench.session.current).marks[25, 80] == 2)


REFUSED = [
    ("close_gap", [(5, 5), (5, 20)], "No ring closes with this line"),
    ("close_gap", [(5, 5)], "Keep the button pressed"),
    ("split", [(30, 15), (30, 24)], "does not cut gland 1 in two"),
    ("merge", [(30, 25), (30, 35)], "only one gland"),
    ("grow", [(90, 120)], "There is no gland here"),
    ("unmark", [(90, 100), (90, 110)], "There is no mark here"),
]


def test_when_nothing_happens_it_says_why(tools):
    before = tools.labels.copy()
    for name, gesture, reason in REFUSED:
        tools.box.put_down()
        tools.take(name)
        tools.draw(*gesture)
        tools.bench.until(lambda reason=reason: reason in tools.text(), 10)
        np.testing.assert_array_equal(tools.labels, before)


def test_keys_take_tools_and_escape_puts_them_down(tools):
    tools.bench.key(Qt.Key.Key_X, SHIFT)
    assert tools.box.active.name == "split"
    assert tools.view.buttons["split"].isChecked()
    assert "Draw a line through the gland" in tools.text()
    tools.bench.key(Qt.Key.Key_C, SHIFT)
    assert [n for n, b in tools.view.buttons.items() if b.isChecked()] == ["erase"]
    tools.bench.key(Qt.Key.Key_Escape)
    assert tools.box.active is None
    assert not any(b.isChecked() for b in tools.view.buttons.values())
    assert tools.text() == ""
    # Napari's own tools, and other layers, put them down too.
    bench = tools.bench
    tools.take("split")
    bench.key(Qt.Key.Key_P)
    assert tools.box.active is None
    assert bench.layer("priors").mode == "paint"
    tools.take("split")
    assert bench.layer("priors").mode == "pan_zoom"
    bench.viewer.layers.selection.active = bench.layer("slide")
    bench.until(lambda: tools.box.active is None)


def test_the_picture_stays_while_drawing_and_moves_with_space(tools):
    bench = tools.bench
    before = bench.viewer.scene.camera.center
    tools.take("split")
    tools.draw((5, 60), (20, 100))
    assert bench.viewer.scene.camera.center == before
    bench.qtbot.keyPress(bench.canvas, Qt.Key.Key_Space)
    tools.draw((5, 60), (20, 100))
    bench.qtbot.keyRelease(bench.canvas, Qt.Key.Key_Space)
    assert bench.viewer.scene.camera.center != before
    assert tools.box.active is not None


def test_the_glands_of_a_prediction_are_corrected_with_the_same_tools(tools):
    bench = tools.bench
    project, slide_id = bench.session.project, bench.session.current
    prediction = bench.make_prediction(project.slide(slide_id))
    project.save_prediction(prediction, fingerprint="made by a test")
    bench.show_results()
    priors = tools.labels.copy()
    buttons = bench.view("predict").findChild(ToolsView).buttons
    bench.click(buttons["split"])
    assert buttons["split"].isChecked()
    tools.draw((15, 30), (45, 30))
    bench.until(lambda: split(bench.layer("glands").data))
    np.testing.assert_array_equal(tools.labels, priors)
    bench.until(lambda: split(project.load_glands(slide_id).labels))


def test_without_priors_the_buttons_say_what_is_missing(bench):
    bench.add_slide()
    view = bench.view("priors").findChild(ToolsView)
    assert not view.buttons["split"].isEnabled()
    assert "no priors on show" in view.buttons["split"].toolTip()
    assert view.buttons["split"].text() == "Split\nShift+X"
    bench.key(Qt.Key.Key_X, SHIFT)
    assert "no priors on show" in view.status.text()


def test_no_key_is_one_of_naparis_or_used_twice():
    from app_model.types import KeyBinding
    from napari.utils.shortcuts import default_shortcuts

    from napari_glands.workbench.display import BEFORE_KEY
    from napari_glands.workbench.review import KEYS

    ours = [KeyBinding.from_str(k) for k in (*TOOL_KEYS.values(), *KEYS.values(), BEFORE_KEY)]
    assert len(set(ours)) == len(ours)
    taken = {key for keys in default_shortcuts.values() for key in keys}
    assert not taken & set(ours)
