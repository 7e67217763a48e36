"""Where a pixel size comes from is said in what a project writes and hands on."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from PIL import Image

from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide


@pytest.mark.parametrize(("mpp", "source"), [(None, "default"), (0.5, "given")])
def test_a_project_hands_on_where_the_pixel_size_comes_from(tmp_path, mpp, source):
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with Project.create(tmp_path / "p.glands") as project, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (entry,) = project.add_slides([open_slide(tmp_path / "a.png", mpp=mpp)])
        grid = project.slide(entry.id).grid(1.24)
        glands = np.zeros(grid.shape, np.int32)
        glands[5:30, 5:30] = 1
        certain = (glands > 0).astype(np.float32)
        project.save_prediction(
            Prediction(entry.id, entry.name, grid, certain, glands, "m", Settings())
        )
        assert project.load_prediction(entry.id).mpp_source == source
        copy = json.loads((project.path / "slides" / f"{entry.id}.zarr" / ".zattrs").read_text())
    marks = copy["multiscales"][0].get("metadata", {})
    assert marks.get("pixel_size_source") == (source if source == "default" else None)
