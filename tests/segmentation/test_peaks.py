"""Peaks of maps."""

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage import morphology

from napari_glands.segmentation.peaks import h_maxima


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("height", [0.05, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_are_those_of_scikit_image(seed, height, dtype):
    noise = np.random.default_rng(seed).normal(size=(90, 130))
    hills = ndi.gaussian_filter(noise, 4)
    image = (hills / hills.std()).clip(0).astype(dtype)
    expected = morphology.h_maxima(image, dtype(height)) > 0
    np.testing.assert_array_equal(h_maxima(image, height), expected)


def test_a_winding_ridge_leads_to_its_higher_end():
    image = np.zeros((41, 41))
    top, left, bottom, right, height = 1, 1, 39, 39, 10.0
    while top < bottom:  # a spiral
        image[top, left : right + 1] = image[top : bottom + 1, right] = height
        image[bottom, left : right + 1] = image[top + 2 : bottom + 1, left] = height
        image[top + 2, left : left + 3] = height
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    image[1, 1], image[20, 20] = 12, 11.5
    expected = morphology.h_maxima(image, 1.8) > 0
    np.testing.assert_array_equal(h_maxima(image, 1.8), expected)


def test_a_flat_map_has_none():
    assert not h_maxima(np.ones((9, 9)), 0.5).any()
