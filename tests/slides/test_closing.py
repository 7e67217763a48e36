"""Files that are opened one after the other do not stay open."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import open_slide, pictures_in


@pytest.fixture
def opened() -> Iterator[Callable[[Path], list[str]]]:
    """Tell which open files of this process are that file; fails for one that nobody closed."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield files_open
        gc.collect()
    left = [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)]
    assert not left


def files_open(path: Path) -> list[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return []
    links = [folder / name for name in os.listdir(folder)]
    names = [os.readlink(link) for link in links if link.is_symlink()]
    return [name for name in names if name.startswith(str(path))]


def write_all(folder: Path, rgb: np.ndarray) -> list[Path]:
    """Write an image in each of the ways that are read differently."""
    large = np.tile(rgb, (6, 6, 1))
    for ending in ("png", "jpg", "bmp", "gif", "webp", "jp2"):
        Image.fromarray(rgb).save(folder / f"a.{ending}")
    Image.fromarray(rgb).save(folder / "flat.tif")
    plain = {"photometric": "rgb", "metadata": None}
    tifffile.imwrite(folder / "tiled.tif", large, tile=(128, 128), **plain)
    tifffile.imwrite(folder / "a.ome.tif", rgb, photometric="rgb", ome=True)
    description = "Aperio Image Library v12\n360x540|AppMag = 20"
    tifffile.imwrite(folder / "a.svs", large, tile=(128, 128), description=description, **plain)
    zarr.create_array(folder / "a.zarr", data=rgb)
    return sorted(folder.iterdir())


def test_each_is_closed_with_its_slide(
    tmp_path: Path, rgb: np.ndarray, opened: Callable[[Path], list[str]]
) -> None:
    for path in write_all(tmp_path, rgb):
        slide = open_slide(path, mpp=0.5)
        slide.read()
        del slide
        gc.collect()
        assert not opened(path)
        assert len(pictures_in(path)) == 1
        assert not opened(path)


def test_a_with_statement_closes_and_reading_opens_again(
    tmp_path: Path, rgb: np.ndarray, opened: Callable[[Path], list[str]]
) -> None:
    for path in write_all(tmp_path, rgb):
        with open_slide(path, mpp=0.5) as slide:
            first = slide.read()
        assert not opened(path)
        np.testing.assert_array_equal(slide.read(), first)
        slide.close()
        slide.close()


def test_what_cannot_be_opened_is_closed(
    tmp_path: Path, rgb: np.ndarray, opened: Callable[[Path], list[str]]
) -> None:
    for path in write_all(tmp_path, rgb):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        else:
            (path / "zarr.json").write_text("{")
        with pytest.raises(GlandsError):
            open_slide(path, mpp=0.5)
        gc.collect()
        assert not opened(path)
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((5, 60, 90), np.uint8), photometric="minisblack")
    pages = tmp_path / "pages.tif"
    with tifffile.TiffWriter(pages) as writer:
        for shape in ((60, 90), (100, 50)):
            writer.write(np.zeros(shape, np.uint8), metadata=None)
    for path in (stack, pages):
        with pytest.raises(GlandsError):
            open_slide(path)
        gc.collect()
        assert not opened(path)
    Image.fromarray(rgb).save(tmp_path / "b.tif")
    with pytest.raises(GlandsError, match="no picture 2"):
        open_slide(tmp_path / "b.tif", picture=2)
    gc.collect()
    assert not opened(tmp_path / "b.tif")


def test_real_slides_are_closed(shared_data: Path, opened: Callable[[Path], list[str]]) -> None:
    for name in ("CMU-1-Small-Region.svs", "CMU-1-Small-Region-dicom", "OS-1-detail.ome.tif"):
        slide = open_slide(shared_data / "slides" / name)
        slide.read(2.0)
        del slide
        gc.collect()
        assert not opened(shared_data / "slides" / name)
