"""Fitting the normalisation to one slide."""

import copy

import pytest
import torch

from napari_glands.exterior.device import choose_device
from napari_glands.segmentation.adaptation import adapted_to
from napari_glands.segmentation.network import build_network

CPU = choose_device("cpu")


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network("resnet18", "none", 4)[0].eval()


@pytest.fixture(scope="module")
def tiles():
    generator = torch.Generator().manual_seed(0)
    return [3 + torch.randn(1, 3, 64, 64, generator=generator) for _ in range(2)]


def first_mean(network):
    layer = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    return layer.running_mean.clone()


def test_the_statistics_move_by_the_share(network, tiles):
    before = first_mean(network)
    with adapted_to(tiles, network, 1.0, CPU):
        own = first_mean(network)
    with adapted_to(tiles, network, 0.7, CPU):
        torch.testing.assert_close(first_mean(network), 0.3 * before + 0.7 * own)
    assert not torch.allclose(own, before)


def test_every_tile_counts_the_same(network, tiles):
    means = []
    for shown in (tiles[:1], tiles[1:], tiles):
        with adapted_to(shown, network, 1.0, CPU):
            means.append(first_mean(network))
    torch.testing.assert_close(means[2], (means[0] + means[1]) / 2)


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_put_back(network, tiles, fails):
    before = copy.deepcopy(network.state_dict())

    def shown():
        yield tiles[0]
        if fails:
            raise RuntimeError("cancelled")

    try:
        with adapted_to(shown(), network, 0.7, CPU):
            pass
    except RuntimeError:
        assert fails
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(module.training for module in network.modules())


def test_a_share_of_nothing_looks_at_no_tile(network):
    def never():
        pytest.fail("a tile was looked at")
        yield

    with adapted_to(never(), network, 0.0, CPU):
        pass


def test_a_pale_slide_looks_to_an_adapted_network_as_a_strong_one(network, tiles):
    """The encoder's features of a slide and of its copy of less contrast."""
    gaps = []
    for share in (0.0, 1.0):
        features = []
        for pixels in (tiles[0], 0.4 * tiles[0]):
            with torch.no_grad(), adapted_to([pixels], network, share, CPU):
                features.append(network.psp.encoder(pixels)[-1])
        gaps.append((features[0] - features[1]).std() / features[0].std())
    assert gaps[1] < 0.1 * gaps[0]
