"""Bare glass is told from lumens by its size."""

import numpy as np
import pytest

from napari_glands.exterior.glass import bare_glass
from napari_glands.exterior.sampling import optical_density

TISSUE, WHITE = (200, 120, 170), (248, 247, 249)


def density(side_um, white_um, mpp):
    """Tissue with a white square in its middle."""
    side, white = round(side_um / mpp), round(white_um / mpp)
    rgb = np.full((side, side, 3), TISSUE, np.uint8)
    start = (side - white) // 2
    rgb[start : start + white, start : start + white] = WHITE
    return optical_density(rgb).transpose(2, 0, 1)


@pytest.mark.parametrize("mpp", [0.62, 1.24, 2.5])
def test_large_white_areas_are_glass_and_small_ones_are_not_at_any_pixel_size(mpp):
    large, lumen = density(400, 300, mpp), density(400, 150, mpp)
    assert bare_glass(large, mpp).mean() == pytest.approx((300 / 400) ** 2, rel=0.1)
    assert not bare_glass(lumen, mpp).any()


def test_an_area_cut_by_the_border_is_glass_where_one_within_the_image_may_be_a_lumen():
    within = density(400, 220, 1.24)
    assert not bare_glass(within, 1.24).any()
    cut = np.roll(within, -80, axis=1)
    assert bare_glass(cut, 1.24).any()


def test_nothing_warns_of_a_single_piece(recwarn):
    bare_glass(density(400, 300, 1.24), 1.24)
    assert not recwarn.list


def test_pale_tissue_is_no_glass():
    pale = np.full((300, 300, 3), (235, 225, 235), np.uint8)
    assert not bare_glass(optical_density(pale).transpose(2, 0, 1), 1.24).any()


def test_half_precision_gives_the_same():
    values = density(400, 300, 1.24)
    np.testing.assert_array_equal(
        bare_glass(values.astype(np.float16), 1.24), bare_glass(values, 1.24)
    )
