"""One small field with hand-made priors, and one model trained on it for a moment."""

import numpy as np
import pytest

from napari_glands.priors import Prior, Priors
from napari_glands.sample_data import gland_field
from napari_glands.segmentation import train
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("train", iterations=4, rounds=2, batch_size=2, crop_um=80, weights="none")
    .updated("predict", tile_um=160)
)


def field(seed=3, shape=(256, 256)):
    sample = gland_field(shape, seed=seed)
    return open_slide(sample.image, mpp=sample.mpp, name=f"field {seed}")


def drawn(slide, settings=FAST, box=np.s_[30:60, 40:80]):
    """Priors as if the user had drawn one gland."""
    grid = slide.grid(settings.general.working_mpp)
    labels = np.zeros(grid.shape, np.int32)
    labels[box] = 1
    table = (
        Prior(
            1,
            "proposed",
            1.0,
            1845.0,
            solidity=1.0,
            contrast=0.5,
            ring=1.0,
            stability=1.0,
            level=0.2,
        ),
    )
    exterior = np.random.default_rng(0).integers(0, 255, grid.shape, dtype=np.uint8)
    return Priors(slide.id, grid, labels, table, settings, exterior=exterior)


@pytest.fixture(scope="package")
def slide():
    return field()


@pytest.fixture(scope="package")
def priors(slide):
    return drawn(slide)


@pytest.fixture(scope="package")
def fast():
    return FAST


@pytest.fixture(scope="package")
def model(slide, priors):
    return train([slide], [priors], FAST)


@pytest.fixture(scope="package")
def make():
    """The builders above, for tests of any file."""

    class Builders:
        pass

    Builders.field, Builders.drawn = staticmethod(field), staticmethod(drawn)
    return Builders
