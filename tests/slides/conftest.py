from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rgb() -> np.ndarray:
    """Smooth uint8 RGB, 60 × 90, whose corners all differ."""
    return make_picture(60, 90)


@pytest.fixture
def large_rgb() -> np.ndarray:
    """The same at 700 × 1000, with fine texture."""
    noise = np.random.default_rng(0).integers(-20, 20, (700, 1000, 3))
    return (make_picture(700, 1000).astype(int) + noise).clip(0, 255).astype(np.uint8)


def make_picture(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    channels = (x * 200 / width + 20, y * 200 / height + 30, (x + y) * 200 / (width + height) + 10)
    return np.stack(channels, axis=-1).astype(np.uint8)
