from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2hed, rgb2lab
from skimage.filters import threshold_otsu

from napari_glands import GlandsError
from napari_glands.sample_data import Sample, gland_field


@pytest.fixture(scope="module")
def field() -> Sample:
    return gland_field((600, 600), seed=4, malignant=0.4)


def truth_of(sample: Sample) -> np.ndarray:
    assert sample.truth is not None
    return sample.truth


def assert_valid(sample: Sample, shape: tuple[int, int]) -> None:
    truth = truth_of(sample)
    assert sample.image.shape == (*shape, 3)
    assert sample.image.dtype == np.uint8
    assert truth.shape == shape
    assert truth.dtype == np.int32
    np.testing.assert_array_equal(np.unique(truth[truth > 0]), np.arange(1, truth.max() + 1))
    for i, window in enumerate(ndimage.find_objects(truth), start=1):
        assert ndimage.label(truth[window] == i)[1] == 1, f"gland {i} is in pieces"


def test_same_seed_gives_the_same_bytes() -> None:
    first, again = (gland_field((160, 200), seed=7) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert truth_of(first).tobytes() == truth_of(again).tobytes()
    other = gland_field((160, 200), seed=8)
    assert first.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("shape", [(64, 64), (64, 80), (300, 500), (701, 97)])
@pytest.mark.parametrize("malignant", [0.0, 1.0])
def test_any_size(shape: tuple[int, int], malignant: float) -> None:
    assert_valid(gland_field(shape, seed=1, malignant=malignant), shape)


@pytest.mark.parametrize("mpp", [0.45, 1.24, 4.0])
def test_glands_keep_their_size_in_micrometres(mpp: float) -> None:
    side = int(420 / mpp)
    sample = gland_field((side, side), mpp=mpp, seed=2, malignant=0)
    assert_valid(sample, (side, side))
    inner = np.setdiff1d(truth_of(sample), _touching_border(truth_of(sample)))
    areas = np.bincount(truth_of(sample).ravel())[inner[inner > 0]] * mpp**2
    diameter = np.median(2 * np.sqrt(areas / np.pi))
    assert 60 < diameter < 150


def _touching_border(labels: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("malignant", [0.0, 0.5, 1.0])
def test_glands_cover_about_half_of_the_field(seed: int, malignant: float) -> None:
    sample = gland_field((560, 560), mpp=1.0, seed=seed, malignant=malignant)
    assert 0.44 < (truth_of(sample) > 0).mean() < 0.56


def test_some_glands_are_cut_by_the_border(field: Sample) -> None:
    assert len(_touching_border(truth_of(field))) > 4


def test_no_gland_is_a_mere_sliver(field: Sample) -> None:
    assert np.bincount(truth_of(field).ravel())[1:].min() * field.mpp**2 > 300


def touching_pairs(labels: np.ndarray) -> int:
    pairs = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        border = (a != b) & (a > 0) & (b > 0)
        pairs |= set(zip(a[border].tolist(), b[border].tolist(), strict=True))
    return len({frozenset(pair) for pair in pairs})


def test_malignant_glands_touch_and_benign_ones_do_not() -> None:
    assert touching_pairs(truth_of(gland_field((500, 500), mpp=0.8, seed=3, malignant=1.0))) >= 2
    assert touching_pairs(truth_of(gland_field((500, 500), mpp=0.8, seed=3, malignant=0.0))) == 0


def ring_closure(sample: Sample) -> float:
    """Share of the gland's basal 3–8 µm that is dark, worst tenth over 24 sectors of each gland."""
    light = rgb2lab(ndimage.gaussian_filter(sample.image, (2, 2, 0)))[..., 0]
    worst = []
    labels = truth_of(sample)
    for i, (y0, x0) in enumerate(
        ndimage.center_of_mass(labels > 0, labels, range(1, labels.max() + 1)), 1
    ):
        depth = ndimage.distance_transform_edt(labels == i) * sample.mpp
        y, x = np.nonzero((depth > 3) & (depth < 8))
        sector = ((np.arctan2(y - y0, x - x0) + np.pi) / (2 * np.pi) * 23.99).astype(int)
        filled = np.bincount(sector, minlength=24) > 12
        means = (
            np.bincount(sector, light[y, x], minlength=24)[filled]
            / np.bincount(sector, minlength=24)[filled]
        )
        worst.append(means.max() - np.median(means))
    return float(np.mean(worst))


def test_malignant_rings_have_gaps() -> None:
    benign = ring_closure(gland_field((420, 420), mpp=0.8, seed=6, malignant=0.0))
    malignant = ring_closure(gland_field((420, 420), mpp=0.8, seed=6, malignant=1.0))
    assert malignant > 1.5 * benign


def test_glands_can_be_counted_out() -> None:
    assert truth_of(gland_field((400, 400), seed=0, glands=0)).max() == 0
    some = gland_field((600, 600), seed=0, glands=3)
    assert 1 <= truth_of(some).max() <= 3


def test_stroma_is_pink_and_borders_are_dark(field: Sample) -> None:
    truth = truth_of(field)
    depth = ndimage.distance_transform_edt(truth > 0) * field.mpp
    red, green, blue = field.image[truth == 0].mean(axis=0)
    assert red > green + 30
    assert red > 0.9 * blue
    light = rgb2lab(field.image)[..., 0]
    ring = light[(depth > 2) & (depth < 8)].mean()
    assert ring < light[truth == 0].mean() - 12
    assert 45 < light.mean() < 75


def test_glands_are_smoother_than_stroma(field: Sample) -> None:
    light = rgb2lab(field.image)[..., 0]
    mean = ndimage.gaussian_filter(light, 1)
    fine = np.sqrt(np.maximum(ndimage.gaussian_filter(light**2, 1) - mean**2, 0))
    assert fine[truth_of(field) > 0].mean() < fine[truth_of(field) == 0].mean()


def test_no_threshold_gives_the_glands_away(field: Sample) -> None:
    truth = truth_of(field) > 0
    light = rgb2lab(field.image)[..., 0]
    # Nuclei of the stroma are as dark as those of the glands, its tears as white as their lumens.
    assert np.percentile(light[~truth], 1) < np.percentile(light[truth], 5)
    assert np.percentile(light[~truth], 99.5) > 95
    haematoxylin = ndimage.gaussian_filter(rgb2hed(field.image)[..., 0], 3)
    guess = haematoxylin > threshold_otsu(haematoxylin)
    assert (guess & truth).sum() / (guess | truth).sum() < 0.7


def test_speed() -> None:
    start = time.perf_counter()
    gland_field((512, 512), seed=0)
    assert time.perf_counter() - start < 5  # usually well below 1 s


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"shape": (63, 200)}, "shape"),
        ({"shape": (200,)}, "shape"),
        ({"mpp": 0.0}, "mpp"),
        ({"malignant": 1.5}, "malignant"),
        ({"glands": -1}, "glands"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, word: str) -> None:
    with pytest.raises(GlandsError, match=word):
        gland_field(**arguments)
