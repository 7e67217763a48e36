"""Where tiles lie."""

import numpy as np
import pytest

from napari_glands.segmentation.tiles import Axis, Lattice
from napari_glands.settings import PredictSettings
from napari_glands.slides import LARGEST_WHOLE, Window, blocks


@pytest.mark.parametrize("length", [1, 8, 63, 64, 65, 130, 999, 1000])
@pytest.mark.parametrize("overlap", [0, 8, 32, 40, 56])
@pytest.mark.parametrize("lay", [Axis.regular, Axis.even])
def test_the_shares_of_all_tiles_add_up_to_one_at_every_pixel(length, overlap, lay):
    axis = lay(length, 64, overlap)
    assert axis.tile <= 64
    assert axis.tile % 8 == 0
    end = axis.start(axis.count - 1) + axis.tile
    assert end >= length
    total = np.zeros(end)
    for k in range(axis.count):
        total[axis.start(k) :][: axis.tile] += axis.weights(k)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 16, 40])
def test_a_stretch_is_touched_by_the_tiles_that_hold_a_pixel_of_it(overlap):
    axis = Axis.regular(500, 64, overlap)
    for start, stop in ((0, 1), (63, 65), (100, 200), (499, 500)):
        holding = [
            k
            for k in range(axis.count)
            if axis.start(k) < stop and axis.start(k) + axis.tile > start
        ]
        assert list(axis.touching(start, stop)) == holding


def test_what_is_predicted_in_one_piece_is_divided_evenly():
    settings = PredictSettings(tile_um=640, overlap=0.0)
    tall, wide = Lattice.over((521, 700), settings, 1.24).tile
    assert (tall, wide) == (264, 352)


@pytest.mark.parametrize("shape", [(4096, 4096), (9_001, 5_003), (40_000, 30_000)])
def test_little_of_the_tiles_of_a_large_slide_lies_beyond_it(shape):
    settings = PredictSettings()
    lattice = Lattice.over(shape, settings, 1.24)
    assert lattice.rows.tile == lattice.columns.tile <= 808
    assert lattice.pixels < 1.2 * shape[0] * shape[1]


def test_blocks_fit_on_the_tiles():
    settings, shape = PredictSettings(), (20_001, 9_000)
    lattice = Lattice.over(shape, settings, 1.24)
    side = lattice.core_side
    assert shape[0] * shape[1] > LARGEST_WHOLE
    assert 2048 <= side <= 4096
    for block in blocks(shape, side, 0):
        tiles, stride = lattice.tiles(block.core), lattice.rows.stride
        assert block.core.y % stride == block.core.x % stride == 0
        most = side // stride + 1  # one more on each axis than the block is wide
        assert len(tiles) <= most**2
        extent = lattice.extent(block.core, shape)
        assert extent == Window(
            tiles[0].window.y,
            tiles[0].window.x,
            min(tiles[-1].window.bottom, shape[0]) - tiles[0].window.y,
            min(tiles[-1].window.right, shape[1]) - tiles[0].window.x,
        )
