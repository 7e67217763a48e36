"""Files, folders and globs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_glands.errors import GlandsError
from napari_glands.slides import ImagesBelow, find_images, look_for_images
from napari_glands.slides.finding import why_unreadable


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


def test_masks_are_told_by_the_images_on_the_disk(folder: Path) -> None:
    """A glob for PNG files does not match the slide whose masks it matches."""
    (folder / "b_mask.png").touch()
    assert names(find_images([f"{folder}/*.png"])) == ["t_2.png", "t_10.png"]
    with pytest.raises(GlandsError, match="belongs to images beside it"):
        find_images([f"{folder}/*_mask.png"])
    assert names(find_images([folder / "b_mask.png"])) == ["b_mask.png"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A study with images in folders below, and much that is none."""
    root = tmp_path / "study"
    for name in (
        "p1/a.png", "p1/a_mask.png", "p2/deep/b.svs", "p2/case.ome.tif", "masks/a.png",
        "masks/b_mask.png", "Ground_Truth/b.png", ".hidden/c.png", "old.glands/slides/d.png",
        "renamed project/project.json", "renamed project/slides/e.png", "p1/notes.txt",
        "p3/scan.zarr/.zgroup", "p3/scan.zarr/0/inside.png", "p3/broken.zarr/0/0.png",
        "p4/wsi/1.dcm", "p4/wsi/thumb.png", "results/a_overlay.png", "results/a_labels.png",
        "results/a.zarr/labels/glands/.zgroup", "results/a.zarr/.zgroup",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


WANTED = ["a.png", "case.ome.tif", "b.svs", "broken.zarr", "scan.zarr", "wsi"]


def test_folders_below_are_searched_when_asked(tree: Path) -> None:
    assert names(find_images(tree, recursive=True)) == WANTED
    assert names(find_images([f"{tree}/*"], recursive=True)) == WANTED
    assert "inside.png" not in names(find_images([f"{tree}/**"]))
    assert names(find_images([f"{tree}/**/*.png"])) == ["a.png"]


def test_a_folder_with_images_below_says_how_many_and_how_to_take_them(tree: Path) -> None:
    with pytest.raises(ImagesBelow, match=r"6 images are in the folders below.*--recursive") as e:
        find_images([tree])
    assert (e.value.place, e.value.count, e.value.more) == (str(tree), 6, False)
    (tree / "outer" / "inner").mkdir(parents=True)
    (tree / "outer" / "inner" / "x.png").touch()
    with pytest.raises(ImagesBelow, match="1 image is"):
        find_images(tree / "outer")
    with pytest.raises(ImagesBelow):
        find_images([f"{tree}/[p]*"])


def test_links_to_folders_do_not_lead_in_circles(tree: Path) -> None:
    (tree / "p1" / "back").symlink_to(tree, target_is_directory=True)
    (tree / "p1" / "self").symlink_to("self")
    elsewhere = tree.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.png").touch()
    (tree / "there").symlink_to(elsewhere, target_is_directory=True)
    assert sorted(names(find_images(tree, recursive=True))) == sorted([*WANTED, "far.png"])


def test_there_is_an_end_to_searching(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_glands.slides.finding._MOST_FILES", 12)
    with pytest.raises(GlandsError, match="More than 12 files lie below"):
        find_images([tree], recursive=True)
    with pytest.raises(GlandsError, match="More than 12 files"):
        find_images([f"{tree}/**"])
    with pytest.raises(GlandsError, match="More than 12 files lie below"):
        find_images([tree])
    monkeypatch.setattr("napari_glands.slides.finding._MOST_FILES", 15)
    with pytest.raises(ImagesBelow, match="at least") as caught:
        find_images([tree])
    assert caught.value.more


def test_links_that_lead_nowhere_are_images_that_cannot_be_read(folder: Path) -> None:
    link = folder / "t_3.png"
    link.symlink_to(folder / "gone.png")
    assert "t_3.png" in names(find_images([folder]))
    assert names(find_images([link])) == ["t_3.png"]
    assert "is a link to" in why_unreadable(link, GlandsError("no file"))
    assert why_unreadable(folder / "b.svs", GlandsError("damaged")) == "damaged"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_pipes_are_no_images(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    assert "pipe.png" not in names(find_images([folder]))


def test_a_project_is_no_folder_of_images(tree: Path) -> None:
    with pytest.raises(GlandsError, match="is a project"):
        find_images([tree / "renamed project"])


@pytest.mark.parametrize(
    "address", ["http://host/a.zarr", "https://host/*.zarr", "s3://bucket/path/image.ome.zarr"]
)
def test_addresses_pass_through_unchanged(folder: Path, address: str) -> None:
    found = find_images([address, folder / "b.svs", address])
    assert found.count(address) == 1
    assert folder / "b.svs" in found


def test_problems_do_not_keep_others_from_being_found(folder: Path) -> None:
    found = look_for_images([folder / "b.svs", folder / "nothing.png", "x" * 5000 + ".png"])
    assert names(found.images) == ["b.svs"]
    assert "nothing.png" in str(found.problems[0])
    assert len(found.problems) == 2
