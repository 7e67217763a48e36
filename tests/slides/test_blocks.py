"""Blocks, windows, and reading a slide part by part."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glands.slides import Grid, Window, blocks, is_large, open_slide


def test_cores_cover_an_array_once_and_halos_stay_inside():
    shape = (250, 330)
    seen = np.zeros(shape, int)
    for block in blocks(shape, 100, 20):
        seen[block.core.slices] += 1
        rows, columns = block.padded.slices
        assert 0 <= rows.start <= block.core.y
        assert columns.stop <= shape[1]
        inner = block.core.within(block.padded)
        assert np.zeros(block.padded.shape)[inner.slices].shape == block.core.shape
    assert (seen == 1).all()


def test_a_small_array_is_one_block():
    (block,) = blocks((90, 80), 100, 20)
    assert block.core == block.padded == Window(0, 0, 90, 80)


@pytest.mark.parametrize("mpp", [0.5, 0.73, 1.24])
def test_windows_of_a_slide_fit_together_like_the_whole(mpp):
    rng = np.random.default_rng(0)
    slide = open_slide(rng.integers(0, 255, (301, 407, 3), np.uint8), mpp=0.5)
    grid, whole = slide.grid(mpp), slide.read(mpp)
    for block in blocks(grid.shape, 64, 0):
        part = slide.read_window(grid, block.core).astype(int)
        # Where pixels are averaged over fractions, a rounding may fall the other way.
        assert abs(part - whole[block.core.slices]).max() <= 1


def test_the_grid_of_a_window_lies_where_the_window_is():
    grid = Grid((100, 200), (300, 500), 0.5)
    part = grid.window(Window(10, 20, 30, 40))
    assert part.mpp == pytest.approx(grid.mpp)
    assert part.to_level0(0, 0) == pytest.approx(grid.to_level0(10, 20))
    assert part.to_level0(30, 40) == pytest.approx(grid.to_level0(40, 60))
    whole_y, whole_x = grid.translate
    assert part.translate == pytest.approx((whole_y + 10 * 1.5, whole_x + 20 * 1.25))


def test_what_is_too_large_for_one_piece():
    assert not is_large(Grid((4096, 4096), (8000, 8000), 0.5))
    assert is_large(Grid((4097, 4096), (8000, 8000), 0.5))
