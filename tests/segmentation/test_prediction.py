"""Tiled prediction."""

import numpy as np
import pytest
import torch

from napari_glands.exterior.device import choose_device
from napari_glands.exterior.sampling import optical_density, stain_of
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.segmentation import predict
from napari_glands.segmentation.network import STRIDE
from napari_glands.segmentation.prediction import gland_probability
from napari_glands.slides import open_slide


@pytest.fixture(scope="module")
def prediction(model, slide):
    return predict(model, slide)


def test_the_prediction_covers_the_slide_at_the_working_resolution(prediction, model, slide):
    grid = slide.grid(1.24)
    assert prediction.grid == grid
    assert prediction.probability.shape == prediction.glands.shape == grid.shape == (128, 128)
    assert prediction.probability.dtype == np.float32
    assert prediction.glands.dtype == np.int32
    assert prediction.probability.min() >= 0
    assert prediction.probability.max() <= 1
    assert np.ptp(prediction.probability) > 0
    assert (prediction.slide_id, prediction.slide_name) == (slide.id, slide.name)
    assert prediction.model == f"glands@{model.checksum}"


def test_the_same_model_and_slide_give_the_same_bits(prediction, model, slide):
    torch.manual_seed(123)
    again = predict(model, slide)
    np.testing.assert_array_equal(again.probability, prediction.probability)
    np.testing.assert_array_equal(again.glands, prediction.glands)


def test_predicting_leaves_the_global_random_state_alone(model, slide):
    before = torch.get_rng_state()
    predict(model, slide)
    assert torch.equal(torch.get_rng_state(), before)


def test_flips_average_four_mirrored_views(model, slide, fast):
    flipping = fast.updated("predict", flips=True, tile_um=480)
    both = predict(model, slide, flipping).probability
    mirrored = slide.read()[:, ::-1]
    other = open_slide(np.ascontiguousarray(mirrored), mpp=slide.mpp, name="mirrored")
    # Averaged over its mirror images, the answer is the same for a mirrored slide.
    np.testing.assert_allclose(
        predict(model, other, flipping).probability[:, ::-1], both, atol=2e-3
    )
    assert not np.allclose(both, predict(model, slide).probability, atol=1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (70, 300), (301, 257), (129, 65)])
@pytest.mark.parametrize("adaptation", [0.0, 0.5])
def test_any_size_of_slide(model, make, fast, shape, adaptation):
    slide = make.field(seed=5, shape=shape)
    found = predict(model, slide, fast.updated("predict", adaptation=adaptation))
    assert found.probability.shape == slide.grid(1.24).shape
    assert np.isfinite(found.probability).all()


def test_tiles_hardly_show(model, make, fast):
    slide = make.field(seed=5, shape=(500, 420))
    whole = predict(model, slide, fast.updated("predict", tile_um=480)).probability
    tiled = predict(model, slide, fast.updated("predict", tile_um=200, overlap=0.5)).probability
    # The network looks at the whole tile, so the answers differ, but not much.
    assert np.corrcoef(whole.ravel(), tiled.ravel())[0, 1] > 0.8
    assert np.abs(whole - tiled).mean() < 0.1


class Local(torch.nn.Module):
    """A network that only looks at the pixel itself."""

    def forward(self, pixels):
        logit = pixels.mean(dim=1, keepdim=True)
        return torch.cat([torch.zeros_like(logit), logit], dim=1), pixels[..., ::STRIDE, ::STRIDE]

    def in_context(self, pixels):
        return self(pixels)[0]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.6])
@pytest.mark.parametrize("flips", [False, True])
def test_blending_puts_every_pixel_where_it_belongs(slide, fast, overlap, flips):
    density = torch.from_numpy(optical_density(slide.read(1.24)).transpose(2, 0, 1))[:, :101, :91]
    stain, device, shares = stain_of(slide, 1.24), choose_device("cpu"), []

    def probability(**wishes):
        settings = fast.updated("predict", flips=flips, adaptation=0, **wishes).predict
        return gland_probability(Local(), density, stain, settings, 1.24, device, shares.append)

    whole = probability(tile_um=480)
    tiled = probability(tile_um=80, overlap=overlap, batch_size=3)
    assert tiled.shape == (101, 91)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    tiles = shares[shares.index(0.0, 1) :] if not flips else shares[4:]
    assert tiles == sorted(tiles)
    assert max(tiles) < 1
    assert max(tiles) > 1 - 2 / len(tiles)  # the progress counts the tiles right


def test_adaptation_changes_the_answer_and_is_undone(model, slide, fast):
    plain = predict(model, slide, fast).probability
    adapted = predict(model, slide, fast.updated("predict", adaptation=1.0)).probability
    assert not np.allclose(adapted, plain, atol=1e-4)
    network, device = model.network(), choose_device("cpu")
    density = torch.from_numpy(optical_density(slide.read(1.24)).transpose(2, 0, 1))
    answers = [
        gland_probability(
            network,
            density,
            stain_of(slide, 1.24),
            fast.updated("predict", adaptation=share).predict,
            1.24,
            device,
            lambda _: None,
        )
        for share in (0.0, 1.0, 0.0)
    ]
    np.testing.assert_array_equal(answers[2], answers[0])
    np.testing.assert_array_equal(answers[1], adapted)


def test_a_slide_of_little_tissue_is_adapted_to_by_its_tissue(model, fast):
    rgb = np.full((700, 500, 3), 245, np.uint8)
    rgb[400:600, 250:450] = np.random.default_rng(0).integers(60, 200, (200, 200, 3))
    slide = open_slide(rgb, mpp=1.24, name="nearly glass")
    found = predict(model, slide, fast.updated("predict", adaptation=1.0))
    assert np.isfinite(found.probability).all()


def test_tiles_too_small_for_statistics_are_not_adapted_to(model, slide, fast):
    coarse = fast.updated("predict", adaptation=1.0, tile_um=80)
    network, density = model.network(), torch.zeros(3, 64, 64)
    stain, cpu = stain_of(slide, 1.24), choose_device("cpu")
    found = gland_probability(network, density, stain, coarse.predict, 8.0, cpu, lambda _: None)
    assert np.isfinite(found).all()


def test_bare_glass_is_no_gland_whatever_the_network_says(model, slide):
    rgb = slide.read(1.24)
    half = np.concatenate([rgb, np.full((300, *rgb.shape[1:]), 250, np.uint8)])
    found = predict(model, open_slide(half, mpp=1.24, name="half glass"))
    assert (found.probability[-280:] == 0).all()
    assert found.probability[:100].any()


def test_settings_can_change_the_threshold_but_not_the_resolution(model, slide, fast):
    other = fast.updated("general", working_mpp=3.0).updated("predict", threshold=0.99)
    found = predict(model, slide, other)
    assert found.probability.shape == (128, 128)
    assert found.glands.max() == 0


def test_cancel_stops_before_the_next_batch_of_tiles(model, slide, fast):
    cancel, events = CancelToken(), []

    def report(event):
        events.append(event)
        if len(events) == 2:
            cancel.cancel()

    small = fast.updated("predict", tile_um=80, batch_size=1)
    with pytest.raises(Cancelled):
        predict(model, slide, small, report=report, cancel=cancel)
    assert len(events) == 2


def test_progress_ends_at_one_and_says_how_many_glands(model, slide, prediction):
    events = []
    predict(model, slide, report=events.append)
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1
    assert events[-1].message == f"{prediction.glands.max()} glands in {slide.name}"
    assert {e.step for e in events} == {"predict"}
