"""The last model goes on with the corrections, and says what that changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_glands.priors import with_state
from napari_glands.segmentation import Model


@pytest.fixture
def quick(monkeypatch):
    """Training and prediction that take no time; a model that went on finds one gland less."""

    def train(slides, priors, settings, *, glands, start, name, **more):
        weight = torch.full((1,), 0.0 if start is None else 1.0)
        taught = {slides[0].id: {"accepted": 0, "edited": 0, "rejected": 1, "marked": 0}}
        return Model(name, settings, {"w": weight}, provenance={"decisions": taught})

    def predict(model, slide, settings, **more):
        labels = np.zeros(slide.grid(settings.general.working_mpp).shape, np.int32)
        labels[20:40, 20:40] = 1
        if not float(model.weights["w"][0]):
            labels[50:70, 70:90] = 2
        from napari_glands.segmentation.result import Prediction

        grid = slide.grid(settings.general.working_mpp)
        probability = (labels > 0).astype(np.float32)
        named = f"{model.name}@{model.checksum}"
        return Prediction(slide.id, slide.name, grid, probability, labels, named, settings)

    monkeypatch.setattr("napari_glands.segmentation.train", train)
    monkeypatch.setattr("napari_glands.segmentation.predict", predict)


def test_train_correct_train_again(with_priors, quick):
    bench = with_priors
    view = bench.view("train")
    assert view.again_button.isVisible()
    assert not view.again_button.isEnabled()
    bench.run("train")
    bench.run("predict")
    project, slide_id = bench.session.project, bench.session.current
    project.save_edited_glands(with_state(project.load_glands(slide_id), [2], "rejected"))
    view = bench.view("train")
    bench.click(view.again_button)
    bench.settle()
    assert "Trained again" in view.status.text()
    assert "kept as glands-previous" in view.model.text()
    assert project.model_names == ["glands", "glands-previous"]
    assert not bench.questions
    summary = bench.run("predict").summary.text()
    assert "Since the last round: 1 gland before, 1 now" in summary
    assert "It learned from 1 decision of yours." in summary
    assert "Since the last round" in bench.view("train").model.text()
    facts = project.load_glands(slide_id)
    assert [row.state for row in facts.table] == ["proposed", "rejected"]
    assert facts.used[25, 25]
