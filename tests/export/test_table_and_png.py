"""CSV table, label image and overlay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.evaluation import evaluate_folders, read_label_image
from napari_glands.export import draw_outlines, export_csv, export_png, source
from napari_glands.measurement import measure


def test_csv_is_the_table(tmp_path, prediction):
    path = export_csv(prediction, tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), measure(prediction), check_dtype=False)


def test_csv_is_safe_for_spreadsheets(tmp_path, prediction):
    path = export_csv(replace(prediction, slide_name="=2+3 Lösung µ"), tmp_path / "a.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert pd.read_csv(path)["slide"].unique().tolist() == ["'=2+3 Lösung µ"]


def test_a_given_table_is_written_and_stays_as_it_is(tmp_path, prediction):
    table = measure(replace(prediction, slide_name="=2+3"))
    path = export_csv(prediction, tmp_path / "a.csv", table=table)
    assert pd.read_csv(path)["slide"].unique().tolist() == ["'=2+3"]
    assert table["slide"].unique().tolist() == ["=2+3"]


def test_csv_without_glands_has_its_header(tmp_path, prediction, predict):
    path = export_csv(predict(prediction.glands * 0), tmp_path / "a.csv")
    table = pd.read_csv(path)
    assert len(table) == 0
    assert list(table.columns) == list(measure(prediction).columns)


def test_label_image_has_the_size_of_the_slide(tmp_path, prediction, slide):
    files = export_png(prediction, tmp_path / "out", slide)
    assert files.labels.name == "slide 1_labels.png"
    labels, _ = read_label_image(files.labels)
    assert labels.dtype == np.uint16
    assert labels.shape == slide.shape
    for label in (1, 2, 3, 7):
        share = np.mean(labels == label) / np.mean(prediction.glands == label)
        assert share == pytest.approx(1, abs=0.02)


def test_label_image_is_ready_for_evaluation(tmp_path, prediction, slide):
    files = export_png(prediction, tmp_path / "pred", slide)
    truth = tmp_path / "truth" / "slide 1_anno.png"
    truth.parent.mkdir()
    truth.write_bytes(files.labels.read_bytes())
    report = evaluate_folders(tmp_path / "pred", tmp_path / "truth")
    assert report.pooled.object_f1 == 1
    assert report.warnings == ()


def test_more_labels_than_16_bits_hold_become_tiff(tmp_path, prediction, slide):
    many = replace(prediction, glands=np.where(prediction.glands == 7, 70_000, 0).astype("i4"))
    files = export_png(many, tmp_path, slide)
    assert files.labels.name == "slide 1_labels.tif"
    labels, _ = read_label_image(files.labels)
    assert labels.dtype == np.uint32
    assert labels.max() == 70_000


def test_overlay_outlines_the_glands_only(tmp_path, prediction, slide):
    files = export_png(prediction, tmp_path, slide)
    drawn = np.asarray(Image.open(files.overlay)).astype(int)
    changed = (drawn != slide.read()).any(axis=2)
    glands = read_label_image(files.labels)[0]
    assert changed[glands > 0].mean() > 0.1
    assert not changed[glands == 0].all()
    assert not changed[150, 220]  # inside gland 2, far from its outline
    yellow = (drawn == (255, 230, 0)).all(axis=2)
    assert yellow[140:200, 180:240].any()


def test_outlines_separate_touching_glands(prediction):
    drawn = draw_outlines(np.full((120, 180, 3), 200, np.uint8), prediction.glands)
    assert (drawn[85, 119:121] == (255, 230, 0)).all()


def test_overlay_of_a_large_slide_is_at_the_working_resolution(
    tmp_path, prediction, slide, monkeypatch
):
    monkeypatch.setattr(source, "MAX_FULL_PIXELS", 1000)
    files = export_png(prediction, tmp_path, slide)
    assert Image.open(files.overlay).size == Image.open(files.labels).size == (180, 120)


def test_names_that_are_no_file_names_are_mended(tmp_path, prediction, slide):
    files = export_png(prediction, tmp_path, replace(slide, name='a/b:"c"?'))
    assert files.labels.parent == tmp_path
    assert files.labels.is_file()


def test_png_refuses_another_slide_and_existing_files(tmp_path, prediction, slide):
    with pytest.raises(GlandsError, match="own slide"):
        export_png(prediction, tmp_path, replace(slide, shape=(50, 60)))
    export_png(prediction, tmp_path, slide)
    with pytest.raises(GlandsError, match=r"_labels\.png exists already"):
        export_png(prediction, tmp_path, slide)
    export_png(prediction, tmp_path, slide, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 2
