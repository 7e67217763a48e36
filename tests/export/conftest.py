"""A small prediction and its slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from skimage.draw import ellipse

from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid


@dataclass(frozen=True)
class FakeSlide:
    """A slide of nothing but what the exporters may use."""

    name: str = "slide 1"
    shape: tuple[int, int] = (241, 360)
    mpp: float = 0.62

    def grid(self, mpp):
        return Grid.covering(self.shape, self.mpp, mpp)

    def read_window(self, grid, window):
        return self.read(grid=grid)[window.slices]

    def read(self, mpp=None, grid=None):
        rows, columns = (grid or self.grid(mpp or self.mpp)).shape
        shades = np.linspace(120, 250, rows * columns * 3)
        return shades.reshape(rows, columns, 3).astype(np.uint8)


def predicted(glands, slide=None, **changes):
    """Wrap a label image as the prediction of a slide."""
    slide = slide or FakeSlide()
    values = {
        "slide_id": "slide-1-abcd",
        "slide_name": slide.name,
        "grid": Grid(glands.shape, slide.shape, slide.mpp),
        "probability": np.where(glands > 0, 0.9, 0.1).astype(np.float32),
        "glands": glands.astype(np.int32),
        "model": "m-1234",
        "settings": Settings(),
    }
    return Prediction(**(values | changes))


@pytest.fixture
def slide():
    return FakeSlide()


@pytest.fixture
def glands():
    """Four glands: one with a hole, two that touch, one of two parts touching at a corner."""
    labels = np.zeros((120, 180), np.int32)
    labels[ellipse(40, 40, 25, 30)] = 1
    labels[ellipse(40, 40, 8, 10)] = 0
    labels[70:100, 90:120] = 2
    labels[70:110, 120:150] = 3
    labels[10:20, 120:130] = 7
    labels[20:30, 130:140] = 7
    return labels


@pytest.fixture
def prediction(glands, slide):
    return predicted(glands, slide)


@pytest.fixture
def predict():
    """The function that wraps label images as predictions."""
    return predicted
