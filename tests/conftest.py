"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

_DATA = Path(
    os.environ.get("NAPARI_GLANDS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real development images; the test is skipped where there is none."""
    if not _DATA.is_dir():
        pytest.skip(f"no development images at {_DATA} (set NAPARI_GLANDS_DATA)")
    return _DATA


@pytest.fixture(autouse=True)
def as_many_threads_as_told():
    """Take back what painting in napari does to torch: results depend on it in last digits."""
    yield
    torch, told = sys.modules.get("torch"), os.environ.get("OMP_NUM_THREADS", "")
    if torch is not None and told.isdecimal() and torch.get_num_threads() != int(told):
        torch.set_num_threads(int(told))


@pytest.fixture
def forget_copies():
    """Make the slides of a project look as if they were too large to be copied into it."""

    def forget(project):
        for copy in project.path.glob("slides/*.zarr/0"):
            shutil.rmtree(copy)

    return forget


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pixels at the working resolution above which slides are large in a test."""
    import napari_glands.slides  # the package has a function of the module's name

    limit = 60_000
    monkeypatch.setattr(sys.modules["napari_glands.slides.blocks"], "LARGEST_WHOLE", limit)
    monkeypatch.setattr(napari_glands.slides, "LARGEST_WHOLE", limit)
    return limit
