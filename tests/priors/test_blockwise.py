"""A slide that is mined in blocks has the priors that it would have in one piece."""

import numpy as np
import pytest

from napari_glands.exterior import haematoxylin_preview
from napari_glands.priors import mine_priors
from napari_glands.priors.blockwise import mine_block, mining_halo, sampled_ranks
from napari_glands.priors.candidates import paint, prior_rows, settle
from napari_glands.priors.channels import ring_maps
from napari_glands.priors.ranks import TissueRanks, ranked
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import Window, blocks, open_slide

SETTINGS = Settings().updated("priors", max_area_um2=8000)
SIDE = 200


@pytest.fixture(scope="module")
def tissue():
    return gland_field((450, 520), mpp=1.24, seed=6).image


@pytest.fixture(scope="module")
def stained(tissue):
    """The exterior of the field, uint8: its stain, as stage 1 might find it."""
    return np.rint(255 * haematoxylin_preview(tissue)).astype(np.uint8)


@pytest.fixture
def slide(tissue):
    return open_slide(tissue, mpp=1.24, name="drawn")


@pytest.fixture
def exterior(stained, draw):
    return draw.as_map(stained / 255, settings=SETTINGS)


def mined(tissue, plane, grid, ranks, *, side=SIDE, compact=False, backwards=False):
    """Labels and table of what all blocks find."""
    found, halo = [], mining_halo(grid, SETTINGS)
    for block in blocks(grid.shape, side, halo)[:: -1 if backwards else 1]:
        window = block.padded
        pixels = tissue[window.slices], plane[window.slices]
        options = (window, block.core, grid, ranks, SETTINGS)
        found += mine_block(*pixels, *options, compact=compact)
    kept = settle(found)
    return paint(kept, Window(0, 0, *grid.shape)), prior_rows(kept, grid)


def whole_ranks(tissue, plane, grid):
    maps, seen = ring_maps(tissue, plane, grid, SETTINGS.priors)
    return tuple(TissueRanks.among(values[seen], most=values.size) for values in maps)


@pytest.mark.parametrize("backwards", [False, True])
def test_with_the_ranks_of_the_whole_slide_blocks_find_what_it_has(
    slide, tissue, stained, exterior, backwards
):
    whole = mine_priors(slide, exterior)
    assert len(whole.table) >= 6
    ranks = whole_ranks(tissue, stained, exterior.grid)
    labels, rows = mined(tissue, stained, exterior.grid, ranks, backwards=backwards)
    np.testing.assert_array_equal(labels, whole.labels)
    assert rows == whole.table


def test_with_the_ranks_of_a_sample_they_find_nearly_the_same(slide, tissue, stained, exterior):
    whole = mine_priors(slide, exterior)
    asked = []

    def read(window):
        asked.append(window)
        return tissue[window.slices]

    half = [Window(0, 0, 450, 260)]
    ranks = sampled_ranks(read, lambda w: stained[w.slices], exterior.grid, SETTINGS, half)
    assert max(window.right for window in asked) < 300  # tissue, and what filters need around it
    labels, _ = mined(tissue, stained, exterior.grid, ranks)
    either = (labels > 0) | (whole.labels > 0)
    assert ((labels > 0) & (whole.labels > 0)).sum() > 0.8 * either.sum()


def test_a_ring_is_found_once_wherever_the_blocks_part(draw):
    for place in (247, 248, 249, 250):  # the cores part at 248 µm
        values = draw.Drawing(500, 500).ring((place, 120), 25, 37).exterior(1.24)
        exterior, slide = draw.as_map(values, settings=SETTINGS), draw.slide_of(values)
        plane, rgb = exterior.memberships[0], slide.read()
        ranks = whole_ranks(rgb, plane, exterior.grid)
        labels, rows = mined(rgb, plane, exterior.grid, ranks)
        assert labels[round(place / 1.24), round(120 / 1.24)] > 0
        assert rows == mine_priors(slide, exterior).table


def test_where_no_ring_closes_compact_pieces_are_sought(draw):
    values = draw.Drawing(110, 240).ring((55, 60), 0, 45).exterior(1.24)
    exterior, slide = draw.as_map(values, settings=SETTINGS), draw.slide_of(values)
    plane, rgb = exterior.memberships[0], slide.read()
    ranks = whole_ranks(rgb, plane, exterior.grid)
    assert mined(rgb, plane, exterior.grid, ranks, side=60)[1] == ()
    labels, rows = mined(rgb, plane, exterior.grid, ranks, side=60, compact=True)
    whole = mine_priors(slide, exterior)
    np.testing.assert_array_equal(labels, whole.labels)
    assert rows == whole.table
    assert len(rows) == 1


def test_a_block_of_glass_has_nothing(exterior, tissue, stained):
    glass = np.full((300, 300, 3), 250, np.uint8)
    window = Window(0, 0, 300, 300)
    ranks = whole_ranks(tissue, stained, exterior.grid)
    plane = np.zeros((300, 300), np.uint8)
    assert mine_block(glass, plane, window, window, exterior.grid, ranks, SETTINGS) == []


def test_a_slide_without_tissue_has_nothing(exterior):
    glass = np.full((*exterior.grid.shape, 3), 250, np.uint8)
    plane = np.zeros(exterior.grid.shape, np.uint8)
    everywhere = [Window(0, 0, *exterior.grid.shape)]
    for windows in (everywhere, []):
        ranks = sampled_ranks(
            lambda w: glass[w.slices], lambda w: plane[w.slices], exterior.grid, SETTINGS, windows
        )
        assert len(ranks) == 2
        assert mined(glass, plane, exterior.grid, ranks)[1] == ()


def test_a_reference_of_all_values_ranks_them_as_they_are():
    values = np.random.default_rng(0).integers(0, 40, (30, 50)).astype(np.float32)
    everywhere = np.ones(values.shape, bool)
    expected = ranked(values, everywhere)
    np.testing.assert_array_equal(TissueRanks.among(values).ranks(values), expected)
    few = TissueRanks.among(values, most=10)
    assert len(few.values) <= 10
    assert np.abs(few.ranks(values) - expected).max() < 0.1
    assert few.ranks(np.array([-9.0, 99.0])).tolist() == pytest.approx([0, 1], abs=0.03)


def test_equal_values_share_the_mean_of_their_ranks():
    values = np.array([[3, 1, 1], [7, 2, 5]], float)
    tissue = np.array([[True, True, True], [False, True, True]])
    expected = [[3.5 / 5, 1 / 5, 1 / 5], [0, 2.5 / 5, 4.5 / 5]]
    np.testing.assert_allclose(ranked(values, tissue), expected, rtol=1e-6)
    assert not ranked(values, np.zeros((2, 3), bool)).any()
