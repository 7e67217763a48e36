"""The speed benchmark times what the settings ask for."""

import pytest

from napari_glands.evaluation import speed


@pytest.mark.parametrize("depth", [3, 4])
def test_prediction_is_timed_with_the_network_of_the_settings(depth, material, tiny, monkeypatch):
    built, real = [], speed.build_network

    def spy(*args):
        built.append(args)
        return real(*args)

    monkeypatch.setattr(speed, "build_network", spy)
    settings = tiny.updated("train", depth=depth)
    seconds = speed._prediction_seconds(material.slides[0], settings)
    assert built == [(settings.train.encoder, "none", depth)]
    assert min(seconds) > 0
