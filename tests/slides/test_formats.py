"""Telling what is meant by its name and by its first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_glands.slides.formats import is_address


@pytest.mark.parametrize(
    "text",
    [
        "http://a.org/x.zarr",
        "https://a.org",
        "s3://bucket/x.zarr",
        "ftp://a/x",
        "file:///tmp/x.png",
    ],
)
def test_addresses_are_told_from_paths(text: str) -> None:
    assert is_address(text)
    assert is_address(Path(text))


@pytest.mark.parametrize("text", ["a.png", "/data/a.png", "C:/a.png", "C:\\a.png", "a/http:/b", ""])
def test_paths_are_no_addresses(text: str) -> None:
    assert not is_address(text)
