"""The files that an export from the workbench makes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glands.jobs import CancelToken
from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide
from napari_glands.workbench.exporting import targets, write


@pytest.mark.parametrize("kind", ["geojson", "csv", "png"])
def test_slides_of_one_name_do_not_share_files(tmp_path, kind):
    rng = np.random.default_rng(0)
    with Project.create(tmp_path / "study.glands") as project:
        for _ in range(2):
            pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            project.add_slides([open_slide(pixels, mpp=1.24, name="a/b")])
        for entry in project.slides:
            glands = np.zeros((64, 64), np.int32)
            glands[10:30, 10:30] = 1
            grid = project.slide(entry.id).grid(1.24)
            probability = (glands > 0).astype(np.float32)
            project.save_prediction(
                Prediction(entry.id, entry.name, grid, probability, glands, "m", Settings())
            )
        places = targets(kind, tmp_path / "out", [(e.id, e.name) for e in project.slides])
        for slide_id, path in places:
            write(kind, project, Settings(), slide_id, path, CancelToken())
    assert len({path for _, path in places}) == 2
    assert all(path.is_file() and path.parent == tmp_path / "out" for _, path in places)
