"""Evaluation of folders of label images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.evaluation import evaluate_folders, read_label_image
from napari_glands.evaluation.label_files import label_files_of
from napari_glands.progress import Cancelled, CancelToken

LABELS = np.zeros((12, 16), np.uint16)
LABELS[1:4, 1:6] = 1
LABELS[6:11, 8:14] = 2


@pytest.fixture
def folders(tmp_path):
    pred, truth = tmp_path / "pred", tmp_path / "truth"
    pred.mkdir()
    truth.mkdir()
    return pred, truth


def _save(path, array):
    if path.suffix in {".tif", ".tiff"}:
        tifffile.imwrite(path, array)
    else:
        Image.fromarray(array).save(path)


@pytest.mark.parametrize(
    ("pred_name", "truth_name"),
    [
        ("a.png", "a_anno.png"),
        ("a_labels.png", "a_mask.tif"),
        ("a_labels.tif", "a.bmp"),
        ("a.ome.tif", "a_ANNO.png"),
        ("a.png", "A_MASK.PNG"),
        ("a_labels.png", "A-labelled.tif"),
        ("a.tif", "mask_a.png"),
        ("a_cp_masks.tif", "a_gt.png"),
        ("a.png", "a_labels.ome.tif"),
    ],
)
def test_files_pair_by_stem(folders, pred_name, truth_name):
    for folder, name in zip(folders, (pred_name, truth_name), strict=True):
        _save(folder / name, LABELS.astype(np.uint8) if name.endswith("bmp") else LABELS)
    report = evaluate_folders(*folders)
    assert [image.name for image in report.images] == ["a"]
    assert report.pooled.object_f1 == 1
    assert report.warnings == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32])
def test_whole_numbers_of_any_kind_are_read(tmp_path, dtype):
    _save(tmp_path / "a.tif", LABELS.astype(dtype))
    labels, note = read_label_image(tmp_path / "a.tif")
    assert labels.dtype.kind in "iu"
    assert (labels == LABELS).all()
    assert note == ""


def test_large_labels_survive_png_and_tiff(tmp_path):
    big = np.where(LABELS == 2, 60_000, LABELS).astype(np.uint16)
    _save(tmp_path / "a.png", big)
    assert read_label_image(tmp_path / "a.png")[0].max() == 60_000
    _save(tmp_path / "a.tif", big.astype(np.uint32) * 10)
    assert read_label_image(tmp_path / "a.tif")[0].max() == 600_000


@pytest.mark.parametrize("value", [1, 255, True])
def test_components_of_a_binary_mask_are_its_objects(tmp_path, value):
    _save(tmp_path / "a.png", (LABELS > 0) if value is True else (LABELS > 0).astype("u1") * value)
    labels, note = read_label_image(tmp_path / "a.png")
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert "2 connected components" in note


def test_colours_are_objects(tmp_path):
    colours = np.array([[0, 0, 0], [255, 0, 0], [250, 0, 9]], np.uint8)[LABELS]
    _save(tmp_path / "a.png", colours)
    labels, _ = read_label_image(tmp_path / "a.png")
    assert len(np.unique(labels)) == 3
    assert ((labels > 0) == (LABELS > 0)).all()


def test_grey_rgb_and_palette_are_whole_numbers(tmp_path):
    grey = np.repeat(LABELS[..., None].astype(np.uint8), 3, axis=2)
    _save(tmp_path / "a.png", grey)
    palette = Image.new("P", LABELS.shape[::-1])
    palette.putdata(LABELS.ravel().tolist())
    palette.save(tmp_path / "b.png")
    assert (read_label_image(tmp_path / "a.png")[0] == LABELS).all()
    assert (read_label_image(tmp_path / "b.png")[0] == LABELS).all()


def test_extras_are_named_and_left_out(folders):
    pred, truth = folders
    _save(pred / "a.png", LABELS)
    _save(pred / "b.png", LABELS)
    _save(truth / "a_anno.png", LABELS)
    _save(truth / "c_anno.png", LABELS)
    report = evaluate_folders(pred, truth)
    assert len(report.images) == 1
    assert len(report.warnings) == 2
    assert "b.png" in report.warnings[0]
    assert "c_anno.png" in report.warnings[1]


def test_overlays_and_the_images_themselves_are_not_labels(folders):
    pred, truth = folders
    _save(pred / "a_labels.png", LABELS)
    _save(pred / "a_overlay.png", np.zeros((12, 16, 3), np.uint8))
    _save(truth / "a.png", np.zeros((12, 16, 3), np.uint8))
    _save(truth / "a_anno.png", LABELS)
    report = evaluate_folders(pred, truth)
    assert report.pooled.object_f1 == 1
    assert report.warnings == ()


@pytest.mark.parametrize(
    ("image", "mask"), [("A.png", "a_mask.png"), ("a.png", "mask_a.png"), ("a.png", "A_gt.tif")]
)
def test_the_image_beside_its_mask_is_never_the_truth(folders, image, mask):
    pred, truth = folders
    _save(pred / "A_labels.png", LABELS)
    _save(truth / image, np.zeros((12, 16, 3), np.uint8))
    _save(truth / mask, LABELS)
    report = evaluate_folders(pred, truth)
    assert report.pooled.object_f1 == 1
    assert report.warnings == ()


def test_masks_are_found_for_images_by_the_same_rule(folders):
    _, truth = folders
    for name in ("Case1-labels.tif", "gt_b_mask.png", "c.png"):
        _save(truth / name, LABELS)
    images = [Path("case1.ome.tif"), Path("gt_b.svs"), "https://host/c.ome.zarr"]
    found = label_files_of(images, truth)
    assert [file.name for file in found] == ["Case1-labels.tif", "gt_b_mask.png", "c.png"]
    with pytest.raises(GlandsError, match=r"d\.tif has no label image .* name it d\.png"):
        label_files_of([Path("d.tif")], truth)


def test_images_come_in_natural_order(folders):
    for name in ("train_10", "train_2", "train_1"):
        for folder in folders:
            _save(folder / f"{name}.png", LABELS)
    report = evaluate_folders(*folders)
    assert [image.name for image in report.images] == ["train_1", "train_2", "train_10"]


def test_notes_reach_the_report(folders):
    pred, truth = folders
    _save(pred / "a.png", (LABELS > 0).astype(np.uint8) * 255)
    _save(truth / "a.png", LABELS)
    report = evaluate_folders(pred, truth)
    assert report.pooled.object_f1 == 1
    assert "a.png: binary mask" in report.to_dict()["images"][0]["notes"][0]


def test_different_sizes_name_both_files(folders):
    pred, truth = folders
    _save(pred / "a.png", LABELS)
    _save(truth / "a_anno.png", LABELS[:-1])
    with pytest.raises(GlandsError, match=r"a\.png has 12×16 .*a_anno\.png has 11×16"):
        evaluate_folders(pred, truth)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0"])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_unreadable_file_is_named(folders, name, content):
    pred, truth = folders
    (pred / name).write_bytes(content)
    _save(truth / "a.png", LABELS)
    with pytest.raises(GlandsError, match=rf"pred.{name}"):
        evaluate_folders(pred, truth)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4), 0.5, np.float32), "fractions"),
        (np.full((4, 4), -1, np.int32), "negative"),
        (np.zeros((5, 4, 7), np.uint16), "one plane"),
    ],
)
def test_what_is_not_a_label_image_is_named(tmp_path, array, message):
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    with pytest.raises(GlandsError, match=message) as error:
        read_label_image(tmp_path / "a.tif")
    assert "a.tif" in str(error.value)


def test_nothing_that_pairs_is_an_error(folders):
    pred, truth = folders
    with pytest.raises(GlandsError, match="no PNG"):
        evaluate_folders(pred, truth)
    _save(pred / "a.png", LABELS)
    _save(truth / "b.png", LABELS)
    with pytest.raises(GlandsError, match=r"a\.png and b\.png"):
        evaluate_folders(pred, truth)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(GlandsError, match="nowhere"):
        evaluate_folders(tmp_path / "nowhere", tmp_path)


def test_two_files_for_one_image_are_refused(folders):
    pred, truth = folders
    _save(pred / "a_mask.png", LABELS)
    _save(pred / "a_labels.png", LABELS)
    with pytest.raises(GlandsError, match="keep one"):
        evaluate_folders(pred, truth)


def test_cancel_stops_between_images(folders):
    for folder in folders:
        _save(folder / "a.png", LABELS)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        evaluate_folders(*folders, cancel=token)
