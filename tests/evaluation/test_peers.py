"""The peers."""

import numpy as np
import pytest

from napari_glands.evaluation import peers
from napari_glands.evaluation.labelling import instances_of
from napari_glands.exterior import cluster_exterior
from napari_glands.priors import mine_priors
from napari_glands.segmentation import predict


@pytest.mark.parametrize("name", list(peers.MASK_PEERS))
def test_a_mask_peer_gives_a_mask_at_the_working_resolution(name, material, tiny):
    slide = material.slides[0]
    mask = peers.MASK_PEERS[name](slide, tiny)
    assert mask.dtype == bool
    assert mask.shape == slide.grid(tiny.general.working_mpp).shape
    assert 0 < mask.mean() <= 1
    np.testing.assert_array_equal(mask, peers.MASK_PEERS[name](slide, tiny))


def test_plain_peers_find_dark_epithelium(material, fields, tiny):
    for peer in (peers.haematoxylin_otsu, peers.rgb_kmeans):
        mask = peer(material.slides[0], tiny)
        gland = peers.true_targets([fields[0].truth], material.slides[:1], tiny)[0] > 0
        assert mask[gland].mean() > mask[~gland].mean()


def test_naive_targets_call_everything_else_background(material, tiny):
    slide = material.slides[0]
    (exterior,) = cluster_exterior([slide], tiny)
    priors = mine_priors(slide, exterior, tiny)
    (target,) = peers.naive_targets([priors], tiny)
    assert set(np.unique(target)) <= {0, 1}
    assert target[priors.used].all()


def test_a_network_learns_what_it_is_taught(material, tiny):
    slides = material.slides[:1]
    shape = slides[0].grid(tiny.general.working_mpp).shape
    settings = tiny.updated("train", iterations=8, rounds=2, learning_rate=1e-2)
    model = peers.train_on_targets(slides, [np.ones(shape, np.uint8)], settings, name="all gland")
    assert model.settings.train.iterations == 16  # the iterations of both rounds
    assert model.settings.train.rounds == 1
    assert predict(model, slides[0]).probability.mean() > 0.5


def test_masks_become_instances_like_the_methods_own(material, tiny):
    slide = material.slides[0]
    mask = np.zeros(slide.grid(tiny.general.working_mpp).shape, bool)
    mask[10:50, 10:50] = True
    mask[60, 60] = True  # a speck
    assert instances_of(mask, slide, tiny).max() == 1
