"""The PSPNet and where its weights come from."""

import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.segmentation import network as module
from napari_glands.segmentation.network import STRIDE, GlandPSPNet, build_network


@pytest.fixture(scope="module")
def network():
    return build_network("resnet18", "none", 4)[0].eval()


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (8, 40), (72, 48)])
def test_logits_are_full_size_and_the_embedding_an_eighth(network, rows, columns):
    with torch.inference_mode():
        logits, embedding = network(torch.zeros(2, 3, rows, columns))
    assert logits.shape == (2, 2, rows, columns)
    assert embedding.shape[0] == 2
    assert embedding.shape[2:] == (rows // STRIDE, columns // STRIDE)


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_deeper_encoders_keep_the_embedding_at_an_eighth(depth):
    network, _ = build_network("resnet18", "none", depth)
    with torch.inference_mode():
        logits, embedding = network.eval()(torch.zeros(1, 3, 64, 40))
    assert logits.shape == (1, 2, 64, 40)
    assert embedding.shape[2:] == (8, 5)
    assert len(network.psp.encoder.out_channels) == depth + 1


def test_an_encoder_that_cannot_be_so_deep_is_refused():
    with pytest.raises(GlandsError, match=r"'vgg11' cannot be built 4 stages deep.*depth to 3"):
        build_network("vgg11", "none", 4)


def test_an_unknown_encoder_is_refused_with_a_suggestion():
    with pytest.raises(GlandsError, match=r"'resnet19'.*resnet18"):
        build_network("resnet19", "none", 4)


def test_random_weights_on_request_say_so():
    _, choice = build_network("resnet18", "none", 4)
    assert (choice.name, choice.weights) == ("resnet18", "none")
    assert choice.reason == "random weights were asked for"


@pytest.fixture
def offline(monkeypatch):
    """A machine that can get no pretrained weights; lists what was tried."""
    tried = []

    class Offline(GlandPSPNet):
        def __init__(self, encoder, weights, depth):
            tried.append(weights)
            if weights is not None:
                raise OSError("no route to host")
            super().__init__(encoder, weights, depth)

    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(module, "GlandPSPNet", Offline)
    monkeypatch.setattr(module, "urlopen", unreachable)
    return tried


def test_without_a_network_training_starts_from_random_weights_and_says_so(offline):
    network, choice = build_network("resnet18", "imagenet", 4)
    assert offline == ["imagenet", None]
    assert choice.weights == "none"
    assert "imagenet weights of resnet18 could not be downloaded" in choice.reason
    assert "random weights" in choice.reason
    assert isinstance(network, GlandPSPNet)


def test_an_unreachable_hub_is_left_alone_only_while_weights_are_looked_for(offline, monkeypatch):
    monkeypatch.setattr(module.constants, "HF_HUB_OFFLINE", False)
    seen = []

    class Looking(GlandPSPNet):
        def __init__(self, encoder, weights, depth):
            seen.append(module.constants.HF_HUB_OFFLINE)
            super().__init__(encoder, None, depth)

    monkeypatch.setattr(module, "GlandPSPNet", Looking)
    _, choice = build_network("resnet18", "imagenet", 4)
    assert seen == [True]
    assert choice.weights == "imagenet"
    assert module.constants.HF_HUB_OFFLINE is False
