"""A small image that counts as large: it is worked on in many small blocks."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pytest
import torch

from napari_glands.evaluation.mosaic import write_mosaic
from napari_glands.project import Project
from napari_glands.project.steps import run_predict
from napari_glands.project.whole_slide import exterior, glands, priors
from napari_glands.sample_data import gland_field
from napari_glands.segmentation import tiles
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import build_network
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

SETTINGS = Settings.model_validate(
    {
        "exterior": {"iterations": 8, "channels": 8, "crop_um": 80.0},
        "priors": {"levels": 8, "min_score": 0.2, "min_stain_score": 0.2, "min_ring": 0.3},
        "train": {"iterations": 4, "rounds": 1, "weights": "none"},
        "predict": {"tile_um": 120.0, "min_gland_um2": 200.0, "threshold": 0.6, "split_um": 5.0},
    }
)


@contextmanager
def _small_blocks():
    """Let everything of more than 50,000 pixels count as large, in blocks of about 128."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("napari_glands.slides.blocks"), "LARGEST_WHOLE", 50_000)
        patch.setattr(tiles, "_LARGEST_CORE", 144)
        for module in (exterior, glands, priors):
            patch.setattr(module, "_SIDE", 128)
            patch.setattr(module, "_CHUNK", 64)
        yield


@dataclass
class Case:
    """A project with one large slide, and a model that was never trained."""

    project: Project
    model: Model

    @property
    def id(self):
        return self.project.slides[0].id

    @property
    def image(self):
        return self.project.path.parent / "field.ome.tif"


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    field = open_slide(gland_field((256, 512), seed=3).image, mpp=0.62)
    return write_mosaic(tmp_path_factory.mktemp("mosaic") / "field.ome.tif", [field], 720)


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network, _ = build_network("resnet18", "none", SETTINGS.train.depth)
    weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
    return Model("glands", SETTINGS, weights, {}, {})


@pytest.fixture
def case(tmp_path, mosaic, model):
    with _small_blocks(), _project(tmp_path, mosaic, model) as project:
        yield Case(project, model)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, mosaic, model):
    """What comes out when nothing goes wrong: the glands, and the digest of the prediction."""
    folder = tmp_path_factory.mktemp("expected")
    with _small_blocks(), _project(folder, mosaic, model) as project:
        run_predict(project)
        found = labels_of(project)
        assert found.max() > 3
        return found, project.facts(project.slides[0].id, "prediction")["content"]


def _project(folder, mosaic, model):
    """Make a project with a copy of the mosaic beside it."""
    project = Project.create(folder / "study.glands", SETTINGS)
    project.add_slides([shutil.copy(mosaic, folder)])
    project.save_model(model, "glands", fingerprint="given")
    return project


def labels_of(project):
    """Read the saved glands of the only slide whole."""
    return np.asarray(project.load_prediction(project.slides[0].id).glands[...])
