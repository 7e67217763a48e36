"""Where on a slide there is tissue."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glands.slides import Region, open_slide
from napari_glands.slides.tissue import tissue_mask, tissue_share

_GLASS, _PALE, _DARK = 238, (236, 205, 222), (150, 90, 160)


@pytest.fixture
def picture() -> np.ndarray:
    """2 × 2 mm at 2 µm/px: a piece of 600 × 800 µm with a lumen, and a grain of dust."""
    rgb = np.full((1000, 1000, 3), _GLASS, np.uint8)
    rgb[200:500, 100:500] = _PALE
    rgb[250:450, 150:300] = _DARK
    rgb[300:360, 200:260] = _GLASS
    rgb[800:810, 800:810] = 0
    return rgb


def test_tissue_is_found_with_its_lumens_and_without_dust(picture: np.ndarray) -> None:
    mask, grid = tissue_mask(open_slide(picture, mpp=2.0))
    assert grid.mpp == pytest.approx((8.0, 8.0))
    assert mask[200 // 4 : 500 // 4, 100 // 4 : 500 // 4].all()
    assert not mask[150:].any()
    assert mask.mean() == pytest.approx(0.3 * 0.4, abs=0.03)


def test_the_mask_of_a_huge_slide_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_glands.slides.tissue._MOST_PIXELS", 10_000)
    mask, _ = tissue_mask(open_slide(np.full((2000, 3000, 3), _GLASS, np.uint8), mpp=2.0))
    assert mask.size <= 10_500
    assert not mask.any()


def test_the_share_of_a_part_of_the_slide(picture: np.ndarray) -> None:
    slide = open_slide(picture, mpp=2.0)
    mask, grid = tissue_mask(slide)
    assert tissue_share(mask, grid, Region(250, 150, 100, 100)) == 1
    assert tissue_share(mask, grid, Region(600, 600, 200, 200)) == 0
    assert 0.4 < tissue_share(mask, grid, Region(100, 200, 200, 100)) < 0.7
    assert tissue_share(mask, grid, Region(251, 151, 1, 1)) == 1
    # A crop's mask lies on the whole slide.
    mask, grid = tissue_mask(slide.crop(Region(240, 140, 500, 500)))
    assert tissue_share(mask, grid, Region(250, 150, 100, 100)) == 1
    assert tissue_share(mask, grid, Region(0, 0, 100, 100)) == 0
