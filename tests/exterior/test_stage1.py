"""Stage 1 from slides to exterior maps, on fields small enough to take a second."""

import numpy as np
import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior import (
    apply_exterior,
    choose_device,
    cluster_exterior,
    fit_exterior,
    haematoxylin_preview,
    stage1,
)
from napari_glands.exterior.network import ShallowCNN
from napari_glands.exterior.sampling import crop_pool, optical_density, stain_of, standardise
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import Region, open_slide

FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=6, channels=8, crop_um=50, batch_size=4)
)


def field(seed, shape=(160, 200)):
    sample = gland_field(shape, seed=seed)
    return open_slide(sample.image, mpp=sample.mpp, name=f"field {seed}")


@pytest.fixture(scope="module", autouse=True)
def small_samples():
    """Fewer crops and pixels than in earnest, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage1, "_POOL", 16)
        patch.setattr(stage1, "_SAMPLES", 2000)
        yield


@pytest.fixture(scope="module")
def slides():
    return [field(1), field(2)]


@pytest.fixture(scope="module")
def model(slides):
    return fit_exterior(slides, FAST)


def same(a, b):
    return (
        a.cluster == b.cluster
        and a.evidence == b.evidence
        and np.array_equal(a.memberships, b.memberships)
        and np.array_equal(a.clusters, b.clusters)
    )


def test_the_map_covers_the_slide_at_the_working_resolution(model, slides):
    found = apply_exterior(model, slides[0])
    shape = slides[0].grid(1.24).shape
    assert found.grid.shape == shape == (80, 100)
    assert found.clusters.shape == found.exterior.shape == shape
    assert found.memberships.shape == (5, *shape)
    assert found.memberships.dtype == found.clusters.dtype == np.uint8
    assert 1 <= found.clusters.min() <= found.clusters.max() <= 5
    assert found.slide_id == slides[0].id
    assert found.settings == FAST


def test_the_hard_cluster_of_a_pixel_is_the_nearest(model, slides):
    found = apply_exterior(model, slides[0])
    own = np.take_along_axis(found.memberships, found.clusters[None].astype(int) - 1, axis=0)
    assert own.min() >= 127  # never farther from its own centre than from the opposite one


def test_clusters_are_numbered_from_the_darkest(model):
    lightness = [e.lightness for e in model.clusterings[""].evidence]
    assert lightness == sorted(lightness)
    assert [e.cluster for e in model.clusterings[""].evidence] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("loss", ["iic", "self_label"])
def test_the_same_seed_gives_the_same_map(slides, loss):
    settings = FAST.updated("exterior", loss=loss, iterations=3)
    first, second = (cluster_exterior(slides[:1], settings)[0] for _ in range(2))
    assert same(first, second)
    other = cluster_exterior(slides[:1], settings.updated("general", seed=7))[0]
    assert not same(first, other)


def test_global_random_state_neither_matters_nor_changes(slides):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = cluster_exterior(slides[:1], FAST)[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, cluster_exterior(slides[:1], FAST)[0])


def test_a_shared_network_means_the_same_in_every_slide(model, slides):
    first, second = (apply_exterior(model, slide) for slide in slides)
    assert first.evidence == second.evidence
    assert first.cluster == second.cluster
    stranger = apply_exterior(model, field(9))
    assert stranger.cluster == first.cluster


def test_per_image_trains_one_network_for_each_slide(slides):
    settings = FAST.updated("exterior", network="per_image", iterations=3)
    model = fit_exterior(slides, settings)
    assert set(model.clusterings) == {slide.id for slide in slides}
    first, second = (apply_exterior(model, slide) for slide in slides)
    assert first.evidence != second.evidence
    # Each is a function of its own slide alone.
    assert same(second, cluster_exterior(slides[1:], settings)[0])
    stranger = field(9)
    with pytest.raises(GlandsError, match="field 9"):
        apply_exterior(model, stranger)


@pytest.mark.parametrize("tile", [17, 64])
def test_tiles_do_not_show(model, slides, monkeypatch, tile):
    whole = apply_exterior(model, slides[0])
    monkeypatch.setattr(stage1, "_TILE", tile)
    tiled = apply_exterior(model, slides[0])
    # Convolutions of another size may round differently in the last bit.
    difference = whole.memberships.astype(int) - tiled.memberships
    assert np.abs(difference).max() <= 1
    assert (whole.clusters == tiled.clusters).mean() > 0.999


def test_the_user_chooses_another_cluster(slides):
    settings = FAST.updated("exterior", exterior_cluster=4, iterations=1)
    found = cluster_exterior(slides[:1], settings)[0]
    assert found.cluster == 4
    np.testing.assert_array_equal(found.exterior, found.memberships[3].astype(np.float32) / 255)
    with pytest.raises(GlandsError, match="no exterior cluster 9"):
        cluster_exterior(slides[:1], settings.updated("exterior", exterior_cluster=9))


def test_no_training_steps_are_allowed(slides):
    found = cluster_exterior(slides[:1], FAST.updated("exterior", iterations=0))[0]
    assert found.clusters.shape == (80, 100)


def test_a_blank_slide_does_not_crash():
    blank = open_slide(np.full((100, 100, 3), 245, np.uint8), mpp=0.62, name="blank")
    with pytest.warns(match="distinct clusters"):
        found = cluster_exterior([blank], FAST)[0]
    assert found.exterior.shape == (50, 50)
    assert np.ptp(found.exterior) == 0


def test_no_slides():
    with pytest.raises(GlandsError, match="at least one slide"):
        cluster_exterior([])


def test_progress_rises_to_one_and_names_the_loss(slides):
    events = []
    cluster_exterior(slides, FAST, report=events.append)
    assert {e.step for e in events} == {"exterior"}
    assert sum("loss" in e.values for e in events) == FAST.exterior.iterations
    training = [e.fraction for e in events if "loss" in e.values]
    assert training == sorted(training)
    assert events[-1].fraction == 1
    assert all(0 <= e.fraction <= 1 for e in events)


def test_cancel_stops_within_one_step(slides):
    cancel, steps = CancelToken(), []

    def report(event):
        steps.append(event)
        if len(steps) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        cluster_exterior(slides, FAST, report=report, cancel=cancel)
    assert len(steps) == 2


def test_cancel_stops_within_one_tile(model, slides):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        apply_exterior(model, slides[0], cancel=cancel)


def test_the_network_keeps_the_size():
    network = ShallowCNN(channels=6, layers=2).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 9, 13)).shape == (2, 6, 9, 13)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network.features) == 2


def test_optical_density_is_beer_lambert():
    rgb = np.array([[[255, 127, 0]]], np.uint8)
    np.testing.assert_allclose(
        optical_density(rgb)[0, 0], [0, np.log(2), np.log(256)], rtol=1e-6, atol=1e-7
    )


def test_standardised_tissue_has_zero_mean_and_unit_deviation(slides):
    stain = stain_of(slides[0], 1.24)
    pixels = standardise(slides[0].read(1.24), stain).numpy()
    tissue = pixels[:, optical_density(slides[0].read(1.24)).max(axis=-1) > 0.1]
    np.testing.assert_allclose(tissue.mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(tissue.std(axis=1), 1, atol=0.02)


def test_crops_take_the_slides_in_turn_and_have_one_shape(slides):
    crops = crop_pool([*slides, field(3, (70, 90))], 1.24, 60, 7, seed=0)
    assert {crop.shape for crop in crops} == {(35, 35, 3)}  # the smallest slide bounds them
    again = crop_pool([*slides, field(3, (70, 90))], 1.24, 60, 7, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(crops, again, strict=True))


def test_crops_of_a_large_slide_are_of_tissue(small_limit):
    rgb = np.full((1000, 1000, 3), 240, np.uint8)
    rgb[100:300, 600:900] = field(0, (200, 300)).read()
    slide = open_slide(rgb, mpp=1.0)
    for crop in crop_pool([slide], 1.24, 60, 5, seed=0):
        assert (crop < 230).any(axis=2).mean() > 0.2  # the mask has a margin


def test_a_region_has_the_stain_of_its_slide():
    slide = field(0, (300, 300))
    region = slide.crop(Region(20, 20, 60, 60))
    np.testing.assert_array_equal(stain_of(region, 1.24).mean, stain_of(slide, 1.24).mean)


def test_the_preview_is_high_on_nuclei_and_within_bounds():
    rgb = np.full((60, 60, 3), (235, 160, 190), np.uint8)
    rgb[20:40, 20:40] = (70, 40, 120)
    preview = haematoxylin_preview(rgb)
    assert preview.dtype == np.float32
    assert preview.shape == (60, 60)
    assert preview.min() == 0
    assert preview.max() == 1
    assert preview[30, 30] > 0.9
    assert preview[5, 5] < 0.1


def test_the_preview_of_a_flat_image_is_finite():
    assert np.isfinite(haematoxylin_preview(np.full((20, 20, 3), 200, np.uint8))).all()


def test_a_device_says_why_it_was_chosen(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "no GPU was found" in choose_device("auto").reason
    assert "asked for" in choose_device("cpu").reason
    for wish in ("cuda", "mps"):
        with pytest.raises(GlandsError, match=f"{wish}.*use 'auto'"):
            choose_device(wish)


@pytest.mark.parametrize("has", [True, False])
def test_a_cpu_says_when_it_computes_in_bfloat16(has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has})
    chosen = choose_device("cpu")
    assert chosen.bf16 is has
    assert ("in bfloat16" in chosen.reason) is has


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    chosen = choose_device("auto")
    assert (chosen.name, chosen.bf16) == ("cuda", True)
    assert "Test GPU" in chosen.reason
    assert choose_device("cpu").name == "cpu"
