from __future__ import annotations

from napari_glands.workbench.history import History, Step


def numbered(done: list[int], number: int, pixels: bool = False) -> Step:
    done.append(number)
    return Step(f"step {number}", done.pop, lambda: done.append(number), pixels)


def test_steps_of_both_kinds_are_taken_back_in_reverse_order():
    history, done = History(), []
    for number, pixels in enumerate((True, False, True)):
        history.record(numbered(done, number, pixels))
    assert history.undo_text == "step 2"
    assert history.undo().text == "step 2"
    assert history.undo().text == "step 1"
    assert done == [0]
    assert history.redo_text == "step 1"
    history.redo()
    history.redo()
    assert done == [0, 1, 2]
    assert history.redo() is None


def test_a_new_step_makes_what_was_taken_back_final():
    history, done = History(), []
    history.record(numbered(done, 1))
    history.undo()
    history.record(numbered(done, 2))
    assert history.redo_text == ""
    assert history.redo() is None
    assert done == [2]


def test_nothing_older_than_a_stroke_that_the_layer_forgot_is_taken_back():
    history, done = History(pixel_steps=2), []
    for number, pixels in enumerate((False, True, False, True, True)):
        history.record(numbered(done, number, pixels))
    while history.undo():
        pass
    assert done == [0, 1], "step 1 is the forgotten stroke"


def test_an_empty_history_does_nothing():
    history = History()
    assert history.undo() is None
    assert (history.undo_text, history.redo_text) == ("", "")
    history.record(Step("x", lambda: None, lambda: None))
    history.clear()
    assert history.undo() is None
