"""Reading regions at any resolution."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import Grid, Region, Slide, open_slide, resampling


@pytest.fixture
def slide(large_rgb: np.ndarray) -> Slide:
    return open_slide(large_rgb, mpp=0.5, name="field")


def halved(pixels: np.ndarray) -> np.ndarray:
    h, w = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    blocks = pixels[:h, :w].reshape(h // 2, 2, w // 2, 2, 3).astype(float)
    return blocks.mean((1, 3)).round().astype(np.uint8)


@pytest.mark.parametrize("mpp", [0.5, 0.25, 0.31, 0.77, 1.0, 1.24, 3.3, 20, 1000])
def test_the_whole_has_the_shape_of_its_grid(slide: Slide, mpp: float) -> None:
    pixels = slide.read(mpp)
    assert pixels.shape == (*slide.grid(mpp).shape, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert np.abs(pixels.mean((0, 1)) - slide.read().mean((0, 1))).max() < 3


@pytest.mark.parametrize("mpp", [0.5, 0.31, 0.77, 1.24])
def test_a_region_has_the_shape_of_the_grid_that_covers_it(slide: Slide, mpp: float) -> None:
    region = Region(y=13, x=101, height=333, width=257)
    expected = Grid.covering((333, 257), slide.mpp, mpp).shape
    assert slide.read(mpp, region).shape == (*expected, 3)


def test_full_resolution_is_exact(slide: Slide, large_rgb: np.ndarray) -> None:
    np.testing.assert_array_equal(slide.read(), large_rgb)
    region = Region(600, 901, 100, 99)
    np.testing.assert_array_equal(slide.read(region=region), large_rgb[600:, 901:])


def test_half_resolution_is_an_average_in_place(slide: Slide, large_rgb: np.ndarray) -> None:
    difference = slide.read(1.0).astype(int) - halved(large_rgb)
    assert np.abs(difference).mean() < 4
    assert np.abs(difference.mean((0, 1))).max() < 0.2


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    inside = open_slide(stripes, mpp=0.5).read(1.65)[5:-5, 5:-5]
    assert inside.min() > 110
    assert inside.max() < 145


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_region_equals_that_part_of_the_whole(slide: Slide, factor: int) -> None:
    mpp = slide.mpp * factor
    whole = open_slide(slide.read(region=Region(0, 0, 696, 996)), mpp=0.5).read(mpp)
    # Far enough from the cut edges that only pixels of both take part.
    part = slide.read(mpp, Region(120, 240, 360, 480))
    rows, columns = slice(120 // factor, 480 // factor), slice(240 // factor, 720 // factor)
    np.testing.assert_array_equal(part, whole[rows, columns])


def test_a_region_at_an_odd_resolution_lies_where_it_should(slide: Slide) -> None:
    mpp = 0.5 * np.pi
    whole = slide.read(mpp)
    dy, dx = slide.grid(mpp).downsample
    region = Region(round(40 * dy), round(60 * dx), round(100 * dy), round(150 * dx))
    part = slide.read(mpp, region)
    height, width = part.shape[:2]
    expected = whole[40 : 40 + height, 60 : 60 + width].astype(int)
    assert np.abs(part - expected).mean() < 3


@pytest.mark.parametrize("mpp", [0.31, 0.5, 0.77, 1.0, 4.1])
def test_blocks_leave_no_seams(slide: Slide, mpp: float, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = slide.read(mpp)
    monkeypatch.setattr(resampling, "_BLOCK_PIXELS", 50_000)
    # A block's offset is rounded differently, which may tip a value by one.
    assert np.abs(slide.read(mpp).astype(int) - whole).max() <= 1


def test_large_reads_hold_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        kind, mpp, shapes = "array", None, ((8_000, 6_000),)
        largest = 0

        def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
            self.largest = max(self.largest, height * width)
            return np.broadcast_to(np.uint8(200), (height, width, 3))

        def checksum(self) -> str:
            return "0" * 64

        def close(self) -> None: ...

    monkeypatch.setattr(resampling, "_BLOCK_PIXELS", 1_000_000)
    source = Endless()
    pixels = Slide(source, name="large", mpp=0.5, mpp_source="given").read(8)
    assert pixels.shape == (500, 375, 3)
    assert (pixels == 200).all()
    assert source.largest < 1_500_000


@pytest.mark.parametrize(
    "region",
    [
        Region(-1, 0, 10, 10),
        Region(0, -5, 10, 10),
        Region(0, 0, 701, 10),
        Region(690, 0, 20, 10),
        Region(0, 995, 10, 10),
        Region(0, 0, 0, 10),
    ],
)
def test_regions_outside_are_refused(slide: Slide, region: Region) -> None:
    with pytest.raises(GlandsError, match=r"not inside field, which has 1000 × 700"):
        slide.read(region=region)


@pytest.mark.parametrize("mpp", [0, -1, float("nan"), float("inf")])
def test_impossible_resolutions_are_refused(slide: Slide, mpp: float) -> None:
    with pytest.raises(GlandsError, match="positive"):
        slide.read(mpp)


def test_results_too_large_for_memory_are_refused(slide: Slide) -> None:
    with pytest.raises(GlandsError, match="read a region"):
        slide.read(0.001)


def test_the_right_level_is_read() -> None:
    levels = [np.full((1024 // d, 2048 // d, 3), 10 * d, np.uint8) for d in (1, 2, 4)]
    slide = open_slide(levels, mpp=0.5)
    assert [level.downsample for level in slide.levels] == [(1, 1), (2, 2), (4, 4)]
    assert slide.levels[1].mpp == (1, 1)
    for mpp, value in ((0.4, 10), (0.5, 10), (0.9, 10), (1.0, 20), (1.9, 20), (2, 40), (9, 40)):
        assert (slide.read(mpp) == value).all()


def test_rounded_level_sizes_keep_their_level() -> None:
    levels = [np.full((1001, 2003, 3), 10, np.uint8), np.full((501, 1001, 3), 20, np.uint8)]
    assert (open_slide(levels, mpp=0.5).read(1.0) == 20).all()


def test_the_pyramid_is_what_is_stored(slide: Slide, large_rgb: np.ndarray) -> None:
    (level,) = slide.pyramid()
    assert level.dtype == np.uint8
    np.testing.assert_array_equal(level.compute(), large_rgb)
    np.testing.assert_array_equal(level[10:20, 30:40, 1].compute(), large_rgb[10:20, 30:40, 1])


@pytest.mark.parametrize(
    "index",
    [np.s_[::4, ::3], np.s_[5], np.s_[:, 7], np.s_[3:3], np.s_[::-2, 10:0:-3, 0], np.s_[[5, 1, 9]]],
)
def test_the_pyramid_can_be_sliced_in_every_way(
    slide: Slide, large_rgb: np.ndarray, index: object
) -> None:
    (level,) = slide.pyramid()
    np.testing.assert_array_equal(level[index].compute(), large_rgb[index])


def test_a_large_single_level_gets_coarser_ones_for_viewing() -> None:
    pixels = np.full((5000, 9000, 3), 7, np.uint8)
    pixels[:2500] = 100
    levels = open_slide(pixels, mpp=0.5).pyramid()
    assert [level.shape for level in levels] == [(5000, 9000, 3), (1250, 2250, 3)]
    coarse = levels[1].compute(scheduler="threads")
    assert (coarse[:624] == 100).all()
    assert (coarse[626:] == 7).all()


def test_reads_are_the_same_from_many_threads(tmp_path: Path, large_rgb: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(large_rgb).save(path)
    slide = open_slide(path, mpp=0.5)
    slide.close()
    regions = [Region(y, x, 100, 100) for y in range(0, 600, 50) for x in range(0, 900, 90)]
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda r: slide.read(region=r), regions))
    for region, part in zip(regions, parts, strict=True):
        expected = large_rgb[region.y : region.y + 100, region.x : region.x + 100]
        np.testing.assert_array_equal(part, expected)


def test_reading_twice_gives_the_same(slide: Slide) -> None:
    np.testing.assert_array_equal(slide.read(1.24), slide.read(1.24))


def test_slides_can_be_sent_to_another_process(tmp_path: Path, large_rgb: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(large_rgb).save(path)
    for source in (path, large_rgb):
        slide = open_slide(source, mpp=0.5, name="a")
        copy = pickle.loads(pickle.dumps(slide))
        assert copy == slide
        assert copy.id == slide.id
        np.testing.assert_array_equal(copy.read(1), slide.read(1))
        pyramid = pickle.loads(pickle.dumps(slide.pyramid()))
        np.testing.assert_array_equal(pyramid[0].compute(), large_rgb)
