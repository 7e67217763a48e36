"""Sure predictions are added to the priors by a click."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_glands.project import steps
from napari_glands.segmentation import Model

SURE = np.s_[15:60, 75:120]  # upper right: clear of prior 1, around a corner of prior 2


@pytest.fixture
def predicted(with_priors):
    """The workbench of `with_priors`, with a model that is sure of one gland."""
    bench = with_priors
    project, slide_id = bench.session.project, bench.session.current
    project.save_model(Model("glands", project.settings, {"w": torch.zeros(1)}), "glands")
    made = bench.make_prediction(project.slide(slide_id))
    probability, glands = np.zeros_like(made.probability), np.zeros_like(made.glands)
    probability[SURE], glands[SURE] = 0.99, 1
    content = project.model_facts("glands")["content"]
    project.save_prediction(
        replace(made, probability=probability, glands=glands),
        fingerprint=project.prediction_fingerprint(bench.session.settings, slide_id, content),
    )
    bench.show_results()
    return bench


def states(bench) -> dict[int, str]:
    priors = bench.session.project.load_priors(bench.session.current)
    return {prior.id: prior.state for prior in priors.table}


def test_it_waits_for_a_prediction(with_priors):
    button = with_priors.view("priors").grow_button
    assert button.isVisible()
    assert not button.isEnabled()
    assert "Needs priors and a prediction" in button.toolTip()


def test_a_click_adds_sure_glands_and_shows_them(predicted):
    bench = predicted
    view = bench.view("priors")
    bench.click(view.grow_button)
    bench.settle()
    assert states(bench) == {1: "proposed", 2: "proposed", 3: "proposed"}
    assert "Sure predictions added in 1 slide" in view.status.text()
    assert view.review.tally == {"proposed": 3}
    layer = bench.layer("priors")
    assert (layer.data == 3).any()
    assert layer.visible
    assert layer.editable
    assert not bench.layer("probability").visible
    assert bench.session.project.steps["grow"].status == "done"


def test_a_second_click_finds_nothing_to_add(predicted):
    bench = predicted
    view = bench.view("priors")
    for _ in range(2):
        bench.click(view.grow_button)
        bench.settle()
    assert "There is nothing to add" in view.status.text()
    assert set(states(bench)) == {1, 2, 3}


def test_unsaved_strokes_are_saved_first_and_stay(predicted):
    bench = predicted
    bench.hold_autosave()
    bench.layer("priors").data_setitem((np.array([80, 81]), np.array([20, 20])), 9)
    view = bench.view("priors")
    bench.click(view.grow_button)
    bench.settle()
    assert states(bench) == {1: "proposed", 2: "proposed", 3: "proposed", 9: "edited"}
    assert set(np.unique(bench.layer("priors").data)) == {0, 1, 2, 3, 9}


def test_grown_priors_can_be_decided_on_like_others(predicted):
    bench = predicted
    view = bench.view("priors")
    bench.click(view.grow_button)
    bench.settle()
    bench.layer("priors").selected_label = 3
    bench.click(view.review.reject_button)
    bench.until(lambda: states(bench)[3] == "rejected")
    bench.click(view.grow_button)
    bench.settle()
    assert states(bench) == {1: "proposed", 2: "proposed", 3: "rejected"}


def test_it_can_be_cancelled_and_failures_are_sentences(predicted, monkeypatch):
    bench = predicted
    started = threading.Event()

    def wait_for_cancel(project, settings=None, *, report, cancel):
        started.set()
        while not cancel.cancelled:
            time.sleep(0.01)
        return steps.StepResult("grow", (), (), 0.1)

    view = bench.view("priors")
    with monkeypatch.context() as patched:
        patched.setattr(steps, "run_grow", wait_for_cancel)
        bench.click(view.grow_button)
        bench.until(started.is_set)
        assert not view.grow_button.isEnabled()
        bench.click(bench.widget.job_bar.cancel_button)
        bench.settle()
    assert "Stopped" in view.status.text()
    form = bench.view("predict").form
    form.field("threshold").value = 0.4
    bench.view("priors")
    bench.click(view.grow_button)
    bench.settle()
    assert "run the step `predict` again" in view.status.text()
    assert set(states(bench)) == {1, 2}
