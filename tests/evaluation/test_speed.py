"""The speed benchmark times what the settings ask for."""

import pytest

from napari_glands.evaluation.speed import prediction, stage1, training


@pytest.mark.parametrize("depth", [3, 4])
def test_prediction_is_timed_with_the_network_of_the_settings(depth, material, tiny, monkeypatch):
    built, real = [], prediction.build_network

    def spy(*args):
        built.append(args)
        return real(*args)

    monkeypatch.setattr(prediction, "build_network", spy)
    monkeypatch.setattr(prediction, "_REPEATS", 1)
    settings = tiny.updated("train", depth=depth)
    figures = prediction.prediction_efficiency(material.slides[0], settings)
    assert built == [(settings.train.encoder, "none", depth)]
    ours, bare = (figures[f"{name}_mpx_per_second"] for name in ("tiled", "bare"))
    assert figures["predict_efficiency"] == pytest.approx(ours / bare, rel=0.05)


def test_training_is_timed_against_a_bare_loop(material, tiny, monkeypatch):
    monkeypatch.setattr(training, "_WARM_UP", 1)
    monkeypatch.setattr(training, "_CACHED", 2)
    figures = training.training_efficiency(material.slides[:1], tiny, iterations=3, repeats=1)
    assert figures["batch_shape"][:2] == [tiny.train.batch_size, 3]
    assert figures["iterations_timed"] == 2
    ours, bare = (figures[f"{name}_iterations_per_second"] for name in ("training", "bare_loop"))
    assert figures["train_efficiency"] == pytest.approx(ours / bare, rel=0.05)


def test_stage_1_is_timed_and_scored_against_the_published_recipe(material, tiny, monkeypatch):
    monkeypatch.setitem(stage1.PUBLISHED_RECIPE, "iterations", 1)
    monkeypatch.setitem(stage1.PUBLISHED_RECIPE, "channels", 4)
    slides, truths = material.slides[:2], material.truths[:2]
    figures = stage1.stage1_speedup(slides, tiny, truths, seeds=2)
    assert figures["images"] == figures["seeds"] == 2
    assert figures["stage1_speedup"] > 0
    for name in ("stage1", "published_recipe"):
        assert 0 <= figures[f"{name}_prior_precision"] <= 1
        assert 0 <= figures[f"{name}_prior_coverage"] <= 1
    # The published recipe runs at full resolution, each image for itself.
    published = stage1.published_exterior(slides[0], tiny)
    assert published.grid.shape == slides[0].shape
    assert published.settings.exterior.network == "per_image"
    assert "stage1_prior_precision" not in stage1.stage1_speedup(slides, tiny, seeds=1)
