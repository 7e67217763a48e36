"""From probability maps to gland instances."""

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage import measure, morphology, segmentation
from skimage.metrics import adapted_rand_error

from napari_glands.evaluation.annotator import object_f1
from napari_glands.segmentation.instances import (
    INSTANCE_HALO_UM,
    block_instances,
    gland_instances,
)
from napari_glands.settings import PredictSettings
from napari_glands.slides import Grid, Window, blocks

SETTINGS = PredictSettings()  # threshold 0.5, smallest 1000 µm², holes 5000 µm², split 12 µm


def discs(mpp, *discs_um, size_um=(400, 400)):
    """A probability map (y, x) with discs given as (y, x, radius) in µm, and its grid."""
    shape = tuple(round(n / mpp) for n in size_um)
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for cy, cx, radius in discs_um:
        inside |= np.hypot((y + 0.5) * mpp - cy, (x + 0.5) * mpp - cx) <= radius
    return np.where(inside, 0.9, 0.1).astype(np.float32), Grid(shape, shape, mpp)


def at(labels, grid, y, x):
    return labels[int(y / grid.mpp[0]), int(x / grid.mpp[1])]


@pytest.mark.parametrize("mpp", [0.62, 1.24, 2.5])
def test_two_touching_discs_are_split_at_their_waist(mpp):
    probability, grid = discs(mpp, (200, 120, 60), (200, 230, 60))
    glands = gland_instances(probability, grid, SETTINGS)
    assert glands.dtype == np.int32
    assert glands.max() == 2
    left, right = at(glands, grid, 200, 120), at(glands, grid, 200, 230)
    assert {left, right} == {1, 2}
    assert at(glands, grid, 200, 165) == left
    assert at(glands, grid, 200, 185) == right
    np.testing.assert_array_equal(glands > 0, probability > 0.5)


@pytest.mark.parametrize("mpp", [0.62, 1.24, 2.5])
def test_one_disc_is_not_split(mpp):
    probability, grid = discs(mpp, (200, 200, 80))
    glands = gland_instances(probability, grid, SETTINGS)
    assert glands.max() == 1
    np.testing.assert_array_equal(glands > 0, probability > 0.5)


def test_a_shallow_waist_is_not_split_and_a_lower_split_depth_splits_it():
    probability, grid = discs(1.24, (200, 180, 60), (200, 225, 60))
    assert gland_instances(probability, grid, SETTINGS).max() == 1
    finer = SETTINGS.model_copy(update={"split_um": 2.0})
    assert gland_instances(probability, grid, finer).max() == 2


def test_a_large_split_depth_merges_glands_but_loses_none():
    probability, grid = discs(1.24, (200, 120, 60), (200, 230, 60), (340, 340, 30))
    coarse = SETTINGS.model_copy(update={"split_um": 200.0})
    glands = gland_instances(probability, grid, coarse)
    assert glands.max() == 2
    np.testing.assert_array_equal(glands > 0, probability > 0.5)


def test_a_gland_thinner_than_the_split_depth_is_kept():
    probability, grid = discs(1.24, (200, 150, 60))
    probability[20:27, 20:300] = 0.9  # 9 µm × 347 µm: 3000 µm²
    glands = gland_instances(probability, grid, SETTINGS)
    assert glands.max() == 2
    np.testing.assert_array_equal(glands > 0, probability > 0.5)


@pytest.mark.parametrize("mpp", [0.62, 1.24])
def test_specks_go_by_their_area_in_um2(mpp):
    # π · 15² = 707 µm² and π · 20² = 1257 µm², around the bound of 1000 µm²
    probability, grid = discs(mpp, (100, 100, 15), (100, 300, 20))
    glands = gland_instances(probability, grid, SETTINGS)
    assert glands.max() == 1
    assert at(glands, grid, 100, 100) == 0
    assert at(glands, grid, 100, 300) == 1
    every = gland_instances(probability, grid, SETTINGS.model_copy(update={"min_gland_um2": 0.0}))
    assert every.max() == 2


@pytest.mark.parametrize("mpp", [0.62, 1.24])
def test_holes_are_filled_by_their_area_in_um2(mpp):
    probability, grid = discs(mpp, (200, 200, 120))
    for cy, cx, radius in ((200, 150, 20), (200, 240, 50)):  # 1257 and 7854 µm², around 5000
        hole, _ = discs(mpp, (cy, cx, radius))
        probability[hole > 0.5] = 0.1
    glands = gland_instances(probability, grid, SETTINGS)
    assert at(glands, grid, 200, 150) > 0
    assert at(glands, grid, 200, 240) == 0
    unfilled = SETTINGS.model_copy(update={"max_hole_um2": 0.0})
    assert at(gland_instances(probability, grid, unfilled), grid, 200, 150) == 0


def test_the_threshold_is_exclusive():
    probability, grid = discs(1.24, (200, 200, 80))
    probability[probability > 0.5] = 0.7
    for threshold, count in ((0.69, 1), (0.71, 0)):
        settings = SETTINGS.model_copy(update={"threshold": threshold})
        assert gland_instances(probability, grid, settings).max() == count


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything(value):
    probability = np.full((60, 80), value, np.float32)
    glands = gland_instances(probability, Grid((60, 80), (60, 80), 1.24), SETTINGS)
    assert glands.shape == (60, 80)
    assert glands.dtype == np.int32
    assert set(np.unique(glands)) == {int(value)}


def test_glands_are_numbered_without_holes():
    probability, grid = discs(
        1.24, *((y, x, 10 + x / 20) for y in (80, 300) for x in range(60, 400, 90))
    )
    glands = gland_instances(probability, grid, SETTINGS)
    np.testing.assert_array_equal(np.unique(glands), np.arange(glands.max() + 1))
    assert glands.max() >= 4


def blobs(seed, shape=(420, 380)):
    """A probability map of glands that touch, are thin, have holes and leave the map."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndi.gaussian_filter(noise, 9) * 25 + ndi.gaussian_filter(noise, 2)
    return (1 / (1 + np.exp(-smooth))).astype(np.float32), Grid(shape, shape, 1.24)


def plainly(probability, grid, settings):
    """The instances by the plain way: every operation on the whole map."""
    mask = probability > settings.threshold
    mask = morphology.remove_small_holes(
        mask, max_size=int(grid.area_pixels(settings.max_hole_um2))
    )
    depth = ndi.distance_transform_edt(mask, sampling=grid.mpp)
    depth = ndi.gaussian_filter(depth, grid.pixels(2.0)) * mask
    peaks = morphology.h_maxima(depth, settings.split_um / 2) > 0
    markers, pieces = measure.label(peaks), measure.label(mask, connectivity=1)
    markers = np.where(mask & ~np.isin(pieces, pieces[peaks]), markers.max() + pieces, markers)
    glands = segmentation.watershed(-depth, markers, mask=mask)
    large = np.bincount(glands.ravel()) >= grid.area_pixels(settings.min_gland_um2)
    large[0] = False
    return np.where(large, large.cumsum(), 0)[glands]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("split_um", [4.0, 20.0])
def test_working_piece_by_piece_changes_nothing(seed, split_um):
    probability, grid = blobs(seed)
    settings = PredictSettings(split_um=split_um, min_gland_um2=200, max_hole_um2=300)
    glands = gland_instances(probability, grid, settings)
    assert glands.max() > 10
    np.testing.assert_array_equal(glands, plainly(probability, grid, settings))


def in_blocks(probability, grid, settings, side):
    halo = round(grid.pixels(INSTANCE_HALO_UM))
    found = np.zeros(grid.shape, np.int64)
    for block in blocks(grid.shape, side, halo):
        surrounded = probability[block.padded.slices]
        found[block.core.slices] = block_instances(
            surrounded, block.padded, block.core, grid.shape, grid, settings
        )
    return found


def test_a_gland_on_the_border_of_blocks_has_one_number():
    centres = [(y, x) for y in range(90, 1300, 210) for x in range(90, 1100, 230)]
    probability, grid = discs(1.24, *((y, x, 70) for y, x in centres), size_um=(1320, 1150))
    found = in_blocks(probability, grid, SETTINGS, 410)
    whole = gland_instances(probability, grid, SETTINGS)
    assert whole.max() == len(centres)
    pairs = np.unique(np.stack([found.ravel(), whole.ravel()]), axis=1)
    assert pairs.shape[1] == len(centres) + 1  # each gland is one, and the background too


def test_blocks_find_nearly_all_glands_as_the_whole_map_has_them():
    probability, grid = blobs(7, (1000, 900))
    settings = PredictSettings(min_gland_um2=200, max_hole_um2=300)
    whole = gland_instances(probability, grid, settings)
    found = in_blocks(probability, grid, settings, 420)
    assert (found > 0).any()
    np.testing.assert_array_equal(found > 0, whole > 0)
    ids, labels = np.unique(found, return_inverse=True)
    labels = labels.reshape(found.shape)
    assert abs(len(ids) - 1 - whole.max()) <= 0.01 * whole.max()
    assert adapted_rand_error(whole, labels)[0] < 0.01
    assert object_f1(labels, whole) > 0.99


def test_a_speck_is_judged_by_all_of_it():
    probability, grid = discs(1.24, (248, 248, 22), size_um=(500, 500))  # 1520 µm² across 4 blocks
    found = in_blocks(probability, grid, SETTINGS, 200)
    np.testing.assert_array_equal(found > 0, probability > 0.5)
    assert len(np.unique(found)) == 2


def test_blocks_number_by_place_and_not_by_what_else_is_there():
    probability, grid = discs(1.24, (300, 300, 60), (900, 900, 60), size_um=(1200, 1200))
    shape = (40_000, 60_000)  # of a slide whose numbers do not fit into 32 bits
    far = Window(39_000, 59_000, *grid.shape)
    numbers = np.unique(block_instances(probability, far, far, shape, grid, SETTINGS))
    assert numbers.dtype == np.int64
    rows, columns = np.divmod(numbers[1:] - 1, shape[1])
    np.testing.assert_allclose((rows - far.y) * 1.24, [300, 900], atol=10)
    np.testing.assert_allclose((columns - far.x) * 1.24, [300, 900], atol=10)
