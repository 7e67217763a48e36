"""While a job runs: pausing, live pictures, the device, and the question when closing."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_glands.progress import Event
from napari_glands.project import steps
from napari_glands.project.steps import StepResult
from napari_glands.slides.in_view import part_in_view


@pytest.fixture
def training(monkeypatch):
    """A training that goes on until it is cancelled, draws what is in view, and can pause."""

    class Training:
        steps = 0
        wishes: ClassVar[list] = []
        thread = None

    def run_train(project, settings=None, *, report, cancel, live=None, **options):
        Training.thread = threading.current_thread()
        live._interval = 0.05

        def draw(wish):
            Training.wishes.append(wish)
            grid = project.slide(wish.slide_id).grid(settings.general.working_mpp)
            part = part_in_view(wish, grid, 16, 4096)
            shape = tuple(s.stop - s.start for s in part.box)
            return part.picture(np.full(shape, 200, np.uint8))

        while not cancel.cancelled:
            cancel.wait()
            Training.steps += 1
            values = {"loss": 0.5, "diffusion": 0.1}
            report(Event("train", 0.3, "Round 1 of 3", values, live.picture(draw)))
            time.sleep(0.01)
        return StepResult("train", ("glands",), (), 1.0)

    Training.wishes = []
    monkeypatch.setattr(steps, "run_train", run_train)
    return Training


@pytest.fixture
def running(with_priors, training):
    """The workbench with the training under way."""
    bench = with_priors
    bench.click(bench.view("train").run_button)
    bench.until(lambda: training.steps)
    yield bench
    if not bench.session.closed:
        bench.session.tasks.cancel()
        bench.until(lambda: not bench.session.tasks.busy)


def test_a_paused_training_waits_and_goes_on(running, training):
    bar = running.widget.job_bar
    running.click(bar.pause_button)
    running.qtbot.wait(100)
    before = training.steps
    running.qtbot.wait(150)
    assert training.steps == before
    assert "Paused" in bar.status.text()
    assert running.session.tasks.busy
    running.click(bar.pause_button)
    running.until(lambda: training.steps > before)
    running.click(bar.pause_button)
    running.click(bar.cancel_button)
    running.until(lambda: not running.session.tasks.busy)
    assert "network so far is kept" in running.view("train").status.text()


def test_live_pictures_lie_on_the_slide_while_a_training_runs(running, training):
    bench, session = running, running.session
    viewer, slide = bench.viewer, bench.layer("slide")
    viewer.reset_view()  # all of the slide, however the window was laid out meanwhile

    def live_covers_the_slide():
        live = bench.layer("live")
        return live is not None and live.extent.world == pytest.approx(slide.extent.world, abs=1.3)

    bench.until(live_covers_the_slide)
    live = bench.layer("live")
    assert viewer.layers.selection.active is bench.layer("priors"), "the brush stays where it was"
    assert viewer.layers.index(live) < viewer.layers.index(bench.layer("priors"))

    viewer.scene.camera.zoom *= 10
    bench.until(lambda: bench.layer("live").data.shape[0] < slide.data.shape[0] / 3)
    middle = np.mean(bench.layer("live").extent.world, axis=0)
    assert middle == pytest.approx(viewer.scene.camera.center[-2:], abs=3)

    bench.widget.job_bar.live.click()
    assert bench.layer("live") is None
    bench.qtbot.wait(150)
    asked = len(training.wishes)
    bench.qtbot.wait(150)
    assert len(training.wishes) == asked, "nothing is drawn that nobody sees"
    bench.widget.job_bar.live.click()
    bench.until(lambda: bench.layer("live") is not None)

    viewer.layers.remove(bench.layer("live"))  # by the user: breaks nothing
    bench.until(lambda: bench.layer("live") is not None)
    session.tasks.cancel()
    bench.until(lambda: not session.tasks.busy)
    assert bench.layer("live") is None


class Answer:
    """Clicks a button of the next question, and counts the questions."""

    def __init__(self, text):
        self.text, self.asked = text, 0
        self.timer = QTimer()
        self.timer.timeout.connect(self.click)
        self.timer.start(50)

    def click(self):
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self.asked += 1
            (button,) = (b for b in box.buttons() if b.text() == self.text)
            button.click()


def close(bench):
    """Close the window as its menu does; it is gone then, also for the fixtures."""
    window = bench.viewer.window._qt_window
    del bench.viewer.window._qt_window
    window.close(quit_app=False, confirm_need=True)


def test_closing_during_a_training_asks_once_and_staying_stays(running, training):
    bench, window = running, running.viewer.window._qt_window
    stay = Answer("Stay")
    assert not window.close()
    assert stay.asked == 1
    assert not window.close(quit_app=False, confirm_need=True), "by napari's menu"
    assert stay.asked == 2
    stay.timer.stop()
    assert window.isVisible()
    assert bench.session.tasks.busy

    bench.hold_autosave()
    bench.layer("priors").fill((30, 30), 7)
    project, slide = bench.session.project, bench.session.current
    stop = Answer("Stop and close")
    close(bench)
    stop.timer.stop()
    assert stop.asked == 1
    assert bench.session.closed
    bench.session.closing.join(20)
    assert not training.thread.is_alive()
    assert any(prior.id == 7 for prior in project.load_priors(slide).table)


def test_closing_without_a_job_does_not_ask(bench, monkeypatch):
    monkeypatch.setattr(QMessageBox, "exec", lambda box: pytest.fail("asked"))
    close(bench)
    assert bench.session.closed


def test_the_steps_with_networks_tell_the_device_from_the_start(bench):
    badge = bench.view("exterior").device
    bench.until(badge.word.isVisible)
    assert badge.word.text() in ("CPU", "GPU")
    assert "threads" in badge.reason.text() or badge.word.text() == "GPU"
    general = bench.session.settings.general.model_copy(update={"device": "mps"})
    bench.session.set_step_settings("general", general)
    bench.until(lambda: "no Apple GPU" in badge.reason.text() or badge.word.text() == "GPU")
