"""Names, ids and checksums."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from PIL import Image

from napari_glands.slides import checksums, open_slide


def test_equal_content_is_the_same_slide_wherever_it_lies(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    Image.fromarray(rgb[::-1]).save(tmp_path / "c.png")
    a, b, c = (open_slide(tmp_path / f"{n}.png", mpp=0.5) for n in "abc")
    assert a == b
    assert a != c
    assert len({a, b, c}) == 2
    assert a.checksum == b.checksum
    assert a.id.removeprefix("a") == b.id.removeprefix("b")
    assert a != "a"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("CMU-1", "CMU-1"),
        ("Case 12/3: Öl & «x»", "Case-12-3-Ol-x"),
        ("../../etc", "etc"),
        ("组织", "slide"),
        ("x" * 300, "x" * 60),
    ],
)
def test_ids_are_safe_in_file_systems(rgb: np.ndarray, name: str, slug: str) -> None:
    slide = open_slide(rgb, mpp=0.5, name=name)
    assert slide.name == name
    assert slide.id == f"{slug}-{slide.checksum[:8]}"
    assert re.fullmatch(r"[0-9a-f]{64}", slide.checksum)


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.png", "a"), ("a.b.png", "a.b"), ("a.ome.tif", "a"), ("a", "a"), (".ome.tif", ".ome")],
)
def test_the_name_is_the_stem(tmp_path: Path, rgb: np.ndarray, file: str, name: str) -> None:
    with (tmp_path / file).open("wb") as stream:
        Image.fromarray(rgb).save(stream, "png")
    slide = open_slide(tmp_path / file, mpp=0.5)
    assert slide.name == name
    assert slide.path == tmp_path / file
    assert open_slide(tmp_path / file, mpp=0.5, name="other").name == "other"


def test_the_path_is_absolute(
    tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    slide = open_slide("a.png", mpp=0.5)
    monkeypatch.chdir("/")
    slide.close()
    assert slide.path == tmp_path / "a.png"
    np.testing.assert_array_equal(slide.read(), rgb)


def test_arrays_are_told_apart_by_shape_type_and_values(rgb: np.ndarray) -> None:
    arrays = [rgb, rgb[:, :50], rgb.reshape(90, 60, 3), rgb.astype(np.uint16), rgb + 1]
    assert len({open_slide(a, mpp=0.5).checksum for a in arrays}) == len(arrays)
    assert open_slide(rgb, mpp=0.5) == open_slide(da.from_array(rgb.copy()), mpp=0.5)
    assert open_slide(rgb, mpp=0.5) == open_slide(np.asfortranarray(rgb), mpp=0.5)


def test_large_content_is_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray
) -> None:
    monkeypatch.setattr(checksums, "_WHOLE", 1 << 20)
    path = tmp_path / "a.bin"
    data = np.random.default_rng(0).integers(0, 255, 4 << 20, np.uint8)
    sums = set()
    for change in (None, 5, len(data) - 5):
        changed = data.copy()
        if change is not None:
            changed[change] ^= 1
        path.write_bytes(changed.tobytes())
        sums.add(checksums.file_checksum(path))
    path.write_bytes(data[:-1].tobytes())
    sums.add(checksums.file_checksum(path))
    assert len(sums) == 4
    large = np.tile(rgb, (30, 20, 1))
    lazy = da.from_array(large, chunks=(100, 100, 3))
    assert checksums.array_checksum(large) == checksums.array_checksum(lazy)
    assert checksums.array_checksum(large) != checksums.array_checksum(large + 1)


def test_folders_count_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x").write_text("1")
    first = checksums.folder_checksum(folder)
    shutil.copytree(folder, tmp_path / "copy")
    assert checksums.folder_checksum(tmp_path / "copy") == first
    (folder / ".DS_Store").write_text("litter")
    assert checksums.folder_checksum(folder) == first
    (folder / "sub" / "x").write_text("2")
    second = checksums.folder_checksum(folder)
    (folder / "sub" / "x").rename(folder / "sub" / "y")
    assert len({first, second, checksums.folder_checksum(folder)}) == 3
