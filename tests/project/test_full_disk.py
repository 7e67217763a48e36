"""A disk that fills up, for real."""

import contextlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.jobs import perform
from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

MPP = 1.24


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A disk of 4 MB that nobody else writes to."""
    place = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs to mount a disk")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@contextlib.contextmanager
def free(place, size):
    """Leave only some bytes of a disk."""
    state = os.statvfs(place)
    with open(place / "filler", "wb") as file:
        file.write(bytes(max(0, state.f_bavail * state.f_frsize - size)))
    try:
        yield
    finally:
        (place / "filler").unlink()


def prediction(slide, glands):
    grid = slide.grid(MPP)
    labels = np.zeros(grid.shape, np.int32)
    rng = np.random.default_rng(glands)
    for n in range(glands):
        labels[10 * n : 10 * n + 8, 10:60] = n + 1
    noise = rng.integers(0, 255, grid.shape, dtype=np.uint8)
    probability = np.where(labels > 0, noise, 0).astype(np.float32) / 255
    return Prediction(slide.id, slide.name, grid, probability, labels, "none", Settings())


def test_a_disk_that_fills_up_is_named_and_costs_nothing_that_was_saved(small_disk):
    image = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    folder = small_disk / "study.glands"
    project = Project.create(folder)
    (entry,) = project.add_slides([open_slide(image, mpp=MPP, name="case 7")])
    slide = project.slide(entry.id)
    project.save_prediction(prediction(slide, 2))
    failed = 0
    for size in (0, 4096, 8192, 16384, 32768, 65536, 131072):
        with free(small_disk, size):
            outcome = perform(lambda *_: project.save_prediction(prediction(slide, 7)))
        if outcome.status == "failed":
            failed += 1
            assert not outcome.defect, outcome.details
            assert "disk is full" in outcome.message
            assert str(folder) in outcome.message
            assert len(np.unique(project.load_prediction(entry.id).glands)) == 3
        else:
            project.save_prediction(prediction(slide, 2))
    assert failed > 1
    project.close()
    with Project.open(folder) as again:
        assert len(np.unique(again.load_prediction(entry.id).glands)) == 3
        assert [path.name for path in (folder / ".staging").glob("*")] == []


def test_a_project_that_cannot_be_made_is_named(small_disk):
    with free(small_disk, 0), pytest.raises(GlandsError, match="disk is full") as caught:
        Project.create(small_disk / "new.glands")
    assert str(small_disk / "new.glands") in str(caught.value)
