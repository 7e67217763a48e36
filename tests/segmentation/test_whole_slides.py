"""Prediction block by block."""

import pickle

import numpy as np
import pytest

from napari_glands.progress import Cancelled
from napari_glands.segmentation.whole_slides import BlockPredictor
from napari_glands.slides import Window, blocks


@pytest.fixture(scope="module")
def large(make):
    return make.field(seed=5, shape=(560, 470))


def reading(slide):
    pixels = slide.read(1.24)
    return lambda window: pixels[window.slices]


@pytest.mark.parametrize(
    ("adaptation", "flips", "overlap"),
    [(0.0, False, 0.2), (0.5, False, 0.2), (0.0, True, 0.0), (0, False, 0.6)],
)
def test_a_pixel_gets_one_answer_from_whatever_block(
    model, large, fast, adaptation, flips, overlap
):
    settings = fast.updated(
        "predict", adaptation=adaptation, flips=flips, overlap=overlap, tile_um=100
    )
    predictor = BlockPredictor.of(model, large, settings)
    shape, stride = predictor.shape, predictor.lattice.rows.stride
    read, lattice = reading(large), predictor.lattice
    whole = predictor.probability(read, Window(0, 0, *shape))
    assert whole.dtype == np.float32
    assert np.ptp(whole) > 0
    assert lattice.rows.count > 3
    for block in blocks(shape, 2 * stride, 0):
        found = pickle.loads(pickle.dumps(predictor)).probability(read, block.core)
        np.testing.assert_array_equal(found, whole[block.core.slices])
    odd = Window(33, 71, 90, 101)
    np.testing.assert_array_equal(predictor.probability(read, odd), whole[odd.slices])


def test_only_windows_inside_the_slide_are_read(model, large, fast):
    predictor = BlockPredictor.of(model, large, fast.updated("predict", tile_um=100))
    rows, columns = predictor.shape
    windows, read = [], reading(large)

    def spy(window):
        windows.append(window)
        return read(window)

    predictor.probability(spy, Window(rows - 20, columns - 30, 20, 30))
    assert all(w.y >= 0 and w.x >= 0 and w.bottom <= rows and w.right <= columns for w in windows)


def test_a_block_of_glass_is_not_shown_to_the_network(model, large, fast):
    predictor = BlockPredictor.of(model, large, fast)
    shown = []
    glass = predictor.probability(
        lambda window: np.full((*window.shape, 3), 250, np.uint8),
        Window(0, 0, *predictor.shape),
        shown.append,
    )
    assert not glass.any()
    assert shown == []


def test_a_block_stops_before_its_next_tile(model, large, fast):
    predictor = BlockPredictor.of(model, large, fast.updated("predict", tile_um=100))
    shares = []

    def on_tiles(share):
        shares.append(share)
        if len(shares) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        predictor.probability(reading(large), Window(0, 0, *predictor.shape), on_tiles)
    assert shares == sorted(shares)
    assert len(shares) == 3
