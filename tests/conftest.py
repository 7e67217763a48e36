"""Fixtures that all tests share."""

from __future__ import annotations

import os
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
