"""A project with one small slide, and results for it, made without the method."""

from dataclasses import dataclass

import numpy as np
import pytest
from skimage.io import imsave

from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.priors.prior import Prior, Priors
from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings

SETTINGS = Settings().updated("train", iterations=7)


def write_image(path, seed=0, shape=(120, 160)):
    pixels = np.random.default_rng(seed).integers(0, 255, (*shape, 3), dtype=np.uint8)
    imsave(path, pixels, check_contrast=False)
    return path


def make_exterior(slide, settings=SETTINGS, cluster=2):
    grid = slide.grid(settings.general.working_mpp)
    members = np.random.default_rng(1).integers(0, 255, (3, *grid.shape), dtype=np.uint8)
    evidence = (
        ClusterEvidence(1, 0.1, 50.0, 0.2, 0.3, float("-inf")),
        ClusterEvidence(2, 0.3, 40.0, 0.4, 0.3, 0.9),
        ClusterEvidence(3, 0.2, 30.0, 0.4, 0.3, 0.5),
    )
    clusters = (members.argmax(axis=0) + 1).astype(np.uint8)
    return ExteriorMap(slide.id, grid, clusters, members, cluster, evidence, settings)


def make_priors(slide, settings=SETTINGS, states=("proposed", "proposed"), seed=2):
    grid = slide.grid(settings.general.working_mpp)
    labels = np.zeros(grid.shape, np.int32)
    labels[2:12, 2:12] = 1
    labels[20:40, 20:40] = 300
    table = tuple(
        Prior(
            i, state, 0.9, 154.0, solidity=0.95, contrast=0.4, ring=0.8, stability=0.5, level=0.15
        )
        for i, state in zip((1, 300), states, strict=True)
    )
    exterior = np.random.default_rng(seed).integers(0, 255, grid.shape, dtype=np.uint8)
    return Priors(slide.id, grid, labels, table, settings, exterior=exterior)


def make_prediction(slide, settings=SETTINGS, model="glands@abc"):
    grid = slide.grid(settings.general.working_mpp)
    probability = np.random.default_rng(3).random(grid.shape, dtype=np.float32)
    glands = np.zeros(grid.shape, np.int32)
    glands[2:12, 2:12] = 1
    glands[20:40, 20:40] = 70_000
    return Prediction(slide.id, slide.name, grid, probability, glands, model, settings)


@dataclass
class Study:
    project: Project
    image: object

    @property
    def slide(self):
        return self.project.slide(self.project.slides[0].id)


@pytest.fixture
def study(tmp_path):
    image = write_image(tmp_path / "tissue one.png")
    with Project.create(tmp_path / "study.glands", SETTINGS) as project:
        project.add_slides([image], mpp=0.62)
        yield Study(project, image)


@pytest.fixture
def make():
    """The builders above, for tests of any file."""

    class Builders:
        image = staticmethod(write_image)
        exterior = staticmethod(make_exterior)
        priors = staticmethod(make_priors)
        prediction = staticmethod(make_prediction)
        settings = SETTINGS

    return Builders
