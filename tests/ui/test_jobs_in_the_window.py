"""Long jobs: the window stays alive, cancel works, failures are sentences, closing saves."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMessageBox

from napari_glands.errors import GlandsError
from napari_glands.progress import Event
from napari_glands.project import steps
from napari_glands.project.steps import StepResult


@pytest.fixture
def slow_training(monkeypatch):
    """A training that goes on until it is cancelled, and keeps what it has then."""
    seen = {"started": False, "cancelled": False}

    def run_train(project, settings=None, *, report, cancel, **options):
        seen["started"] = True
        while not cancel.cancelled:
            report(Event("train", 0.3, "Round 1 of 3", {"loss": 0.5}))
            time.sleep(0.01)
        time.sleep(0.1)
        seen["cancelled"] = True
        return StepResult("train", ("glands",), (), 1.0)

    monkeypatch.setattr(steps, "run_train", run_train)
    return seen


def test_cancel_ends_a_training_and_tells_what_is_kept(with_priors, slow_training):
    bench = with_priors
    view = bench.view("train")
    bench.click(view.run_button)
    bar = bench.widget.job_bar
    bench.until(lambda: bar.progress.value() == 300)
    assert view.curve.terms["loss"].y
    assert not view.run_button.isEnabled()
    bench.click(bar.cancel_button)
    bench.until(lambda: not bench.session.tasks.busy)
    assert slow_training["cancelled"]
    assert "the network so far is kept" in view.status.text()
    assert not bar.cancel_button.isVisible()
    bench.until(view.run_button.isEnabled)


def test_the_window_answers_and_edits_are_saved_while_a_job_runs(with_priors, slow_training):
    bench = with_priors
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    bench.click(bench.view("train").run_button)
    bench.until(lambda: slow_training["started"])
    timer.start(10)
    bench.layer("priors").fill((30, 30), 7)
    project, slide = bench.session.project, bench.session.current
    bench.until(lambda: any(p.id == 7 for p in project.load_priors(slide).table))
    bench.qtbot.wait(300)
    assert bench.session.tasks.busy
    assert len(ticks) > 5
    bench.session.tasks.cancel()
    bench.until(lambda: not bench.session.tasks.busy)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GlandsError("No slide has priors."), "No slide has priors."),
        (RuntimeError("CUDA out of memory."), "not enough memory"),
        (OSError(28, "No space left on device", "/data/a"), "/data/a: No space left on device –"),
        (shutil.Error([("/a", "/data/b", "[Errno 30] Read-only file system")]), "/data/b"),
        (ZeroDivisionError("oops"), "This is a defect"),
    ],
)
def test_failures_are_one_sentence_and_the_step_can_be_run_again(
    with_priors, monkeypatch, error, said
):
    bench = with_priors

    def run_train(*args, **options):
        raise error

    monkeypatch.setattr(steps, "run_train", run_train)
    view = bench.view("train")
    bench.click(view.run_button)
    bench.until(lambda: view.status.text())
    assert said in view.status.text()
    assert "Traceback" not in view.status.text()
    assert ("defect" in view.status.text()) == isinstance(error, ZeroDivisionError)
    assert "[(" not in view.status.text()
    bench.until(view.run_button.isEnabled)


def test_edits_that_a_full_disk_does_not_take_are_told_of_and_saved_later(with_priors, monkeypatch):
    bench = with_priors
    project, slide = bench.session.project, bench.session.current
    full = shutil.Error([("/a", "/data/b", f"[Errno 28] {os.strerror(28)}: '/data/b'")] * 9)

    def copytree(*args, **options):
        raise full

    before = project.load_priors(slide).table
    view = bench.view("priors")
    with monkeypatch.context() as broken:
        broken.setattr(shutil, "copytree", copytree)
        bench.layer("priors").fill((30, 30), 7)
        bench.until(lambda: "not saved" in view.status.text())
    text = view.status.text()
    assert "The edits are not saved: Cannot read or write /data/b: " in text
    assert "the disk is full" in text
    assert "[(" not in text
    assert project.load_priors(slide).table == before
    bench.layer("priors").fill((30, 30), 8)
    bench.until(lambda: any(p.id == 8 for p in project.load_priors(slide).table))


def test_only_one_step_runs_and_the_others_wait(with_priors, slow_training):
    bench = with_priors
    bench.click(bench.view("train").run_button)
    bench.until(lambda: slow_training["started"])
    assert not bench.view("exterior").run_button.isEnabled()
    bench.session.open_project(bench.folder)
    assert "A step is running" in bench.view("slides").status.text()
    bench.session.tasks.cancel()
    bench.until(lambda: not bench.session.tasks.busy)
    assert bench.view("exterior").run_button.isEnabled()


def test_closing_the_window_cancels_the_job_and_saves_the_edits(with_priors, slow_training):
    bench = with_priors
    bench.hold_autosave()
    bench.click(bench.view("train").run_button)
    bench.until(lambda: slow_training["started"])
    bench.layer("priors").fill((30, 30), 7)
    session, slide = bench.session, bench.session.current
    project = session.project
    bench.viewer.close()
    assert session.closed
    session.closing.join(20)
    assert slow_training["cancelled"]
    assert any(prior.id == 7 for prior in project.load_priors(slide).table)
    assert project.read_only, "others may write to it now"


def test_existing_files_are_only_replaced_when_the_user_says_so(with_priors, monkeypatch):
    bench = with_priors
    project, slide_id = bench.session.project, bench.session.current
    project.save_prediction(bench.make_prediction(project.slide(slide_id)), fingerprint="test")
    bench.show_results()
    view = bench.view("export")
    target = bench.folder / "out"
    view.folder.setText(str(target))
    for kind in ("csv", "geojson", "png", "ome-zarr"):
        bench.click(view.buttons[kind])
        bench.settle()
    names = sorted(path.name for path in target.iterdir())
    assert names == [
        "field.csv",
        "field.geojson",
        "field.zarr",
        "field_labels.png",
        "field_overlay.png",
    ]
    (target / "field.csv").write_text("mine")
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *a, **k: answers.pop(0))
    bench.click(view.buttons["csv"])
    bench.settle()
    assert (target / "field.csv").read_text() == "mine"
    assert "Nothing was written" in view.status.text()
    bench.click(view.buttons["csv"])
    bench.settle()
    assert (target / "field.csv").read_text() != "mine"


def test_deleted_layers_break_nothing_and_come_back_with_the_next_step(with_priors, monkeypatch):
    bench = with_priors
    bench.viewer.layers.clear()

    def run_predict(project, settings=None, **options):
        for entry in project.slides:
            project.save_prediction(bench.make_prediction(project.slide(entry.id)), fingerprint="x")
        return StepResult("predict", ("a",), (), 0.1)

    def run_measure(project, settings=None, **options):
        return None

    monkeypatch.setattr(steps, "run_predict", run_predict)
    monkeypatch.setattr(steps, "run_measure", run_measure)
    monkeypatch.setattr(type(bench.session.project), "model_names", ["glands"])
    bench.show_results()
    bench.viewer.layers.clear()
    bench.run("predict")
    glands, probability = bench.layer("glands"), bench.layer("probability")
    assert glands.contour == 2
    assert probability.scale == pytest.approx(bench.layer("slide").scale)
    assert bench.layer("priors") is not None
    assert "2 glands" in bench.view("predict").summary.text()
