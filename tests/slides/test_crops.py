"""Rectangles of a slide as slides of their own."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_glands.errors import GlandsError
from napari_glands.slides import Region, Slide, open_slide

_PLACE = Region(303, 201, 250, 310)  # no level's downsample divides its corner


@pytest.fixture
def slide(tmp_path: Path, large_rgb: np.ndarray) -> Slide:
    path = tmp_path / "slide.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        options = {"tile": (128, 128), "photometric": "rgb"}
        writer.write(large_rgb, subifds=1, metadata={"axes": "YXS"}, **options)
        coarse = large_rgb.reshape(175, 4, 250, 4, 3).mean((1, 3)).astype(np.uint8)
        writer.write(coarse, subfiletype=1, metadata=None, **options)
    return open_slide(path, mpp=0.5)


@pytest.mark.parametrize("mpp", [0.5, 0.8, 1.24, 2.0, 3.1])
def test_the_pixels_are_those_of_the_whole_slide(slide: Slide, mpp: float) -> None:
    crop = slide.crop(_PLACE)
    assert np.array_equal(crop.read(mpp), slide.read(mpp, _PLACE))
    part = Region(20, 30, 100, 120)
    on_whole = Region(323, 231, 100, 120)
    assert np.array_equal(crop.read(mpp, part), slide.read(mpp, on_whole))
    assert np.array_equal(crop.crop(part).read(mpp), slide.read(mpp, on_whole))


def test_what_lies_on_a_crop_lies_on_the_whole_slide(slide: Slide) -> None:
    crop = slide.crop(_PLACE, "part")
    grid = crop.grid(1.24)
    assert (crop.shape, crop.origin, crop.name) == ((250, 310), (303, 201), "part")
    assert crop.whole is slide
    assert crop.crop(Region(1, 2, 50, 50)).origin == (304, 203)
    assert crop.crop(Region(1, 2, 50, 50)).whole is slide
    assert grid.to_level0(0, 0) == (303, 201)
    assert grid.to_level0(*grid.shape) == pytest.approx((553, 511))
    assert (slide.origin, slide.whole, slide.grid(1.24).origin) == ((0, 0), slide, (0, 0))


def test_a_viewer_sees_the_levels_cropped(slide: Slide) -> None:
    crop = slide.crop(_PLACE)
    finest, coarser = crop.pyramid()
    assert np.array_equal(np.asarray(finest), slide.read(region=_PLACE))
    assert coarser.shape == (*crop.levels[1].shape, 3) == (62, 78, 3)


def test_crops_are_told_apart_by_the_slide_and_the_place(slide: Slide, tmp_path: Path) -> None:
    crop = slide.crop(_PLACE)
    assert crop == slide.crop(_PLACE, "another name")
    assert crop != slide.crop(Region(303, 201, 250, 311))
    assert crop != slide
    again = pickle.loads(pickle.dumps(crop))
    assert again == crop
    assert again.whole == slide
    assert np.array_equal(again.read(2.0), crop.read(2.0))
    resized = crop.with_mpp(0.25)
    assert (resized.mpp, resized.whole.mpp, resized.origin) == (0.25, 0.25, (303, 201))


@pytest.mark.parametrize(
    ("region", "what"),
    [(Region(600, 0, 200, 100), "not inside"), (Region(0, 0, 31, 100), "too small")],
)
def test_a_crop_must_be_inside_and_large_enough(slide: Slide, region: Region, what: str) -> None:
    with pytest.raises(GlandsError, match=what):
        slide.crop(region)
