"""Which files belong to an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_glands.slides.pairing import (
    bare_name,
    companions,
    pair_names,
    pairing_key,
    without_companions,
)


def left(folder: Path, *names: str, anywhere: bool = False) -> list[str]:
    paths = [folder / name for name in names]
    kept = without_companions(paths, anywhere=anywhere)
    return [path.relative_to(folder).as_posix() for path in kept]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.png", "A_MASK.PNG"),
        ("A.PNG", "a_mask.png"),
        ("case1.ome.tif", "case1_mask.png"),
        ("case1.ome.tif", "case1_labels.ome.tif"),
        ("case1.ome.tiff", "Case1_Labels.OME.TIFF"),
        ("case1.ome.zarr", "case1_labels.ome.zarr"),
        ("case1.svs", "case1-labels.png"),
        ("case1.svs", "case1.svs - labels.png"),
        ("case1.svs", "case1.labels.tif"),
        ("case.1.png", "case.1_anno.bmp"),
        ("a.jpg", "a_annotation.png"),
        ("a.tif", "a_masks.tif"),
        ("a.tif", "a_cp_masks.tif"),
        ("a.tif", "a_seg.tif"),
        ("a.tif", "a_gt.tif"),
        ("a.tif", "a_ground_truth.tif"),
        ("a.tif", "a_GroundTruth.tif"),
        ("a.tif", "a_label.tif"),
        ("a.tif", "a-labelled.tif"),
        ("a.tif", "a_Simple Segmentation.tif"),
        ("a.tif", "a_Probabilities.tif"),
        ("a.tif", "a_mask_2.tif"),
        ("a.tif", "mask_a.png"),
        ("a.tif", "GT-a.png"),
        ("a.png", "a_overlay.png"),
        ("a.svs", "a_macro.jpg"),
        ("a.svs", "a-Thumbnail.png"),
        ("a.png", "a-0a1b2c3d_overlay.png"),
        ("a.png", "a-0a1b2c3d_labels.tif"),
    ],
)
def test_what_belongs_to_an_image_is_no_image(tmp_path: Path, image: str, mask: str) -> None:
    assert left(tmp_path, image, mask) == [image]
    assert left(tmp_path, mask) == [mask], "without its image, it may be what is meant"


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "b_mask.png"),
        ("a.png", "amask.png"),
        ("a.png", "a_unmasked.png"),
        ("a.png", "a_2.png"),
        ("mask.png", "masks.png", "gt.png"),
        ("a_mask.png", "mask_a.png"),
        ("a.png", "other/a_mask.png"),
    ],
)
def test_what_only_looks_alike_stays(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert left(tmp_path, *names) == list(names)


def test_masks_and_images_may_be_named_alike_in_a_row(tmp_path: Path) -> None:
    """The image is called like a mask, and has one."""
    assert left(tmp_path, "a_mask.png", "a_mask_labels.png", "a_mask_overlay.png") == ["a_mask.png"]


def test_folders_apart_pair_where_that_is_asked_for(tmp_path: Path) -> None:
    names = ("images/a.png", "masks/a.png", "more/a_mask.png", "masks/b.png", "gt/b.png")
    assert left(tmp_path, *names, anywhere=True) == ["images/a.png", "masks/b.png", "gt/b.png"]


def test_the_parts_of_a_hamamatsu_slide_belong_to_it(tmp_path: Path) -> None:
    parts = ("scan 1.jpg", "scan 1(1,0).jpg", "scan 1_map2.jpg", "scan 1_macro.jpg")
    assert left(tmp_path, "scan 1.vms", *parts, "other.jpg") == ["scan 1.vms", "other.jpg"]


def test_our_own_ome_zarr_belongs_to_its_image(tmp_path: Path) -> None:
    for name in ("a.zarr", "a-0a1b2c3d.zarr"):
        (tmp_path / name / "labels" / "glands").mkdir(parents=True)
    (tmp_path / "b.zarr").mkdir()
    names = ("a.png", "a.zarr", "a-0a1b2c3d.zarr", "b.png", "b.zarr")
    assert left(tmp_path, *names) == ["a.png", "b.png", "b.zarr"]
    assert left(tmp_path, "a.zarr", "a_labels.png", "a_overlay.png") == ["a.zarr"]


def test_the_images_of_a_mask_are_told(tmp_path: Path) -> None:
    image, mask = tmp_path / "A.ome.tif", tmp_path / "a_mask.png"
    assert companions([mask], [image]) == {mask: {image}}


@pytest.mark.parametrize(
    ("name", "bare", "key"),
    [
        ("train_1_anno.png", "train_1_anno", "train_1"),
        ("case1_labels.ome.tif", "case1_labels", "case1"),
        ("case1.OME.TIFF", "case1", "case1"),
        ("case.1", "case.1", "case.1"),
        ("a.ome.zarr", "a", "a"),
        (".ome.tif", ".ome", ".ome"),
        ("mask_a.png", "mask_a", "mask_a"),
    ],
)
def test_names(name: str, bare: str, key: str) -> None:
    assert bare_name(name) == bare
    assert pairing_key(name) == key


def test_names_pair_as_exactly_as_they_can() -> None:
    assert pair_names(["A", "a"], ["a", "A"]) == {"A": "A", "a": "a"}
    assert pair_names(["Case", "b"], ["case", "gt_B"]) == {"Case": "case", "b": "gt_B"}
    assert pair_names(["a"], ["A", "mask_a"]) == {"a": "A"}
    assert pair_names(["aa"], ["aA", "Aa"]) == {}, "it could be either"
    assert pair_names(["seg_1"], ["gt_1"]) == {"seg_1": "gt_1"}
