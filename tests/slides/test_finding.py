"""Files, folders and globs."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_glands.errors import GlandsError
from napari_glands.slides import find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("t_10.png", "t_2.png", "T_1.PNG", "b.svs", "notes.txt", "._t_2.png", "c.csv"):
        (tmp_path / name).touch()
    (tmp_path / "scan.zarr").mkdir()
    (tmp_path / "scan.zarr" / ".zgroup").touch()
    (tmp_path / "scan.zarr" / "inside.png").touch()
    (tmp_path / "wsi").mkdir()
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / "wsi" / name).touch()
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "m.png").touch()
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [p.name for p in paths]


def test_a_folder_stands_for_its_images_in_natural_order(folder: Path) -> None:
    expected = ["b.svs", "scan.zarr", "T_1.PNG", "t_2.png", "t_10.png", "wsi"]
    assert names(find_images([folder])) == expected
    assert find_images(str(folder)) == find_images([folder])


def test_slide_folders_are_one_image(folder: Path) -> None:
    found = find_images([folder / "wsi", folder / "scan.zarr"])
    assert names(found) == ["scan.zarr", "wsi"]


def test_globs(folder: Path) -> None:
    assert names(find_images([f"{folder}/t_*.png"])) == ["t_2.png", "t_10.png"]
    assert names(find_images([f"{folder}/**/m*.png"])) == ["m.png"]
    assert "notes.txt" not in names(find_images([f"{folder}/*"]))


def test_a_file_stands_for_itself_whatever_it_is_called(folder: Path) -> None:
    (folder / "odd[1].png").touch()
    assert names(find_images([folder / "notes.txt"])) == ["notes.txt"]
    assert names(find_images([folder / "odd[1].png"])) == ["odd[1].png"]


def test_each_image_once(folder: Path) -> None:
    patterns = [folder, folder / "b.svs", f"{folder}/*.svs", folder / "masks" / ".." / "b.svs"]
    assert names(find_images(patterns)).count("b.svs") == 1


def test_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert find_images(["~/b.svs"]) == [folder / "b.svs"]


@pytest.mark.parametrize("pattern", ["nothing.png", "*.ndpi", "empty"])
def test_what_matches_nothing_is_named(folder: Path, pattern: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(GlandsError) as caught:
        find_images([folder / "b.svs", folder / pattern])
    assert pattern in str(caught.value)
    assert ".svs" in str(caught.value)


def test_no_patterns() -> None:
    with pytest.raises(GlandsError, match="No images"):
        find_images([])


def test_real_folder(shared_data: Path) -> None:
    found = find_images([shared_data / "slides"])
    assert len(found) == 4
    images = find_images([shared_data / "glas_train" / "images"])
    assert len(images) == 85
    assert names(images)[:3] == ["train_1.png", "train_2.png", "train_3.png"]


def test_label_images_beside_their_image_are_no_slides(folder: Path) -> None:
    for name in ("t_2_anno.png", "b_labels.tif", "alone_mask.png"):
        (folder / name).touch()
    found = names(find_images([folder]))
    assert "t_2_anno.png" not in found
    assert "b_labels.tif" not in found
    assert "alone_mask.png" in found  # nothing says whose mask that would be
    assert names(find_images([f"{folder}/t_2*.png"])) == ["t_2.png"]
    assert names(find_images([folder / "t_2_anno.png"])) == ["t_2_anno.png"]  # asked for by name
    expanded = sorted(folder.glob("t_2*.png"))  # what a shell makes of t_2*.png
    assert names(find_images(expanded)) == ["t_2.png"]
