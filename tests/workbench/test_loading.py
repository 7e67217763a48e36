"""What is read again of a slide, and what is not."""

import numpy as np
import pytest

from napari_glands.priors import with_state
from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide
from napari_glands.workbench.loading import load_shown


@pytest.fixture
def project(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    with Project.create(tmp_path / "study.glands") as project:
        (entry,) = project.add_slides([open_slide(image, mpp=1.24, name="field")])
        grid = project.slide(entry.id).grid(1.24)
        glands = np.zeros(grid.shape, np.int32)
        glands[5:15, 5:15], glands[20:30, 30:50] = 1, 2
        probability = np.where(glands > 0, 0.9, 0.1).astype(np.float32)
        project.save_prediction(
            Prediction(entry.id, entry.name, grid, probability, glands, "m@1", Settings())
        )
        yield project


def test_edited_glands_do_not_read_the_probability_again(project):
    slide_id = project.slides[0].id
    first = load_shown(project, slide_id, None)
    assert load_shown(project, slide_id, first).prediction is first.prediction
    project.save_edited_glands(with_state(first.glands, [1], "rejected"))
    second = load_shown(project, slide_id, first)
    assert second.prediction.probability is first.prediction.probability
    assert list(np.unique(second.prediction.glands)) == [0, 2]
    assert [row.state for row in second.glands.table] == ["rejected", "proposed"]
    assert second.contents["probability"] == first.contents["probability"]
    assert second.contents["prediction"] != first.contents["prediction"]
