"""CSV table, label image and overlay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.evaluation import evaluate_folders, read_label_image
from napari_glands.export import draw_outlines, export_csv, export_png, png, source
from napari_glands.measurement import measure


def test_csv_is_the_table(tmp_path, prediction):
    path = export_csv(prediction, tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), measure(prediction), check_dtype=False)


@pytest.mark.parametrize(
    ("style", "sep", "decimal"), [("comma", ",", "."), ("semicolon", ";", ",")]
)
def test_both_styles_of_csv_are_read_back_exactly(tmp_path, prediction, style, sep, decimal):
    lonely = replace(prediction, glands=prediction.glands * (prediction.glands == 2))
    table = measure(lonely)
    table.loc[0, "eccentricity"] = np.nan
    path = export_csv(lonely, tmp_path / "a.csv", table=table, style=style)
    header, row = path.read_text(encoding="utf-8-sig").splitlines()
    assert header.split(sep) == list(table.columns)
    cells = dict(zip(table.columns, row.split(sep), strict=True))
    assert cells["touches_border"] == "FALSE"
    assert cells["eccentricity"] == "NA"
    assert cells["area_um2"] == str(table["area_um2"][0]).replace(".", decimal)
    back = pd.read_csv(path, sep=sep, decimal=decimal)
    pd.testing.assert_frame_equal(back, table, check_exact=True)


def test_an_unknown_style_is_refused(tmp_path, prediction):
    with pytest.raises(GlandsError, match="'tab': choose comma or semicolon"):
        export_csv(prediction, tmp_path / "a.csv", style="tab")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "word"),
    [("metadata", "file"), ("estimated", "estimated"), ("default", "assumed"), ("given", "given")],
)
def test_csv_says_where_the_pixel_size_comes_from(tmp_path, prediction, source, word):
    path = export_csv(replace(prediction, mpp_source=source), tmp_path / "a.csv")
    table = pd.read_csv(path)
    assert table["pixel_size_source"].unique().tolist() == [word]
    assert table["pixel_size_um"].unique().tolist() == [0.62]
    assert list(table.columns[:-2]) == list(measure(prediction).columns)


def test_without_pixel_size_the_table_is_in_pixels(tmp_path, prediction):
    grid = replace(prediction.grid, slide_mpp=1.0)
    path = export_csv(replace(prediction, grid=grid, mpp_source="unknown"), tmp_path / "a.csv")
    table = pd.read_csv(path)
    assert not any("um" in name for name in table.columns)
    down, across = grid.downsample
    assert table["area_px2"][1] == pytest.approx(900 * down * across)


@pytest.mark.parametrize("name", ["＝1+1", "\n=1", "\t=1", "@x", "-2+3"])
def test_no_text_is_a_formula(tmp_path, prediction, name):
    path = export_csv(replace(prediction, slide_name=name), tmp_path / "a.csv")
    assert pd.read_csv(path)["slide"].unique().tolist() == [f"'{name}"]


def test_text_is_quoted_where_another_style_would_begin_a_cell(tmp_path, prediction):
    path = export_csv(replace(prediction, slide_name="a;=1+1"), tmp_path / "a.csv")
    assert '\n"a;=1+1",1,' in path.read_text(encoding="utf-8-sig")
    assert pd.read_csv(path)["slide"].unique().tolist() == ["a;=1+1"]


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


def test_labels_beyond_32_bits_are_numbered_anew_with_a_note(tmp_path, prediction, slide):
    glands = prediction.glands.astype(np.uint64)
    glands[glands == 7] = 2**64 - 1
    with pytest.warns(UserWarning, match="18446744073709551615.*numbered anew"):
        files = export_png(replace(prediction, glands=glands), tmp_path, slide)
    labels, _ = read_label_image(files.labels)
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4]
    kept = np.where(prediction.glands == 7, 3_000_000_000, prediction.glands).astype(np.uint32)
    files = export_png(replace(prediction, glands=kept), tmp_path, slide, name="kept")
    assert read_label_image(files.labels)[0].max() == 3_000_000_000


def test_negative_glands_are_refused(tmp_path, prediction, slide):
    with pytest.raises(GlandsError, match="negative"):
        export_png(replace(prediction, glands=-prediction.glands), tmp_path, slide)
    with pytest.raises(GlandsError, match="negative"):
        export_csv(replace(prediction, glands=-prediction.glands), tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", [None, "given", "metadata", "estimated"])
def test_pictures_state_their_pixel_size(tmp_path, prediction, slide, source):
    files = export_png(replace(prediction, mpp_source=source), tmp_path, slide)
    for path in files:
        with Image.open(path) as image:
            assert [25_400 / dpi for dpi in image.info["dpi"]] == pytest.approx(
                [0.62] * 2, rel=1e-5
            )
            assert ("(estimated)" in image.text["Comment"]) == (source == "estimated")
    many = np.where(prediction.glands == 7, 70_000, prediction.glands).astype("i4")
    files = export_png(replace(prediction, glands=many, mpp_source=source), tmp_path, slide,
                       name="many")  # fmt: skip
    with tifffile.TiffFile(files.labels) as tiff:
        page = tiff.pages[0]
        assert page.resolutionunit == tifffile.RESUNIT.CENTIMETER
        assert [1e4 / per_cm for per_cm in page.resolution] == pytest.approx([0.62] * 2, rel=1e-5)


def test_an_assumed_pixel_size_is_not_stated_as_a_fact(tmp_path, prediction, slide):
    many = np.where(prediction.glands == 7, 70_000, prediction.glands).astype("i4")
    assumed = replace(prediction, mpp_source="default")
    files = [
        *export_png(assumed, tmp_path, slide),
        export_png(replace(assumed, glands=many), tmp_path, slide, name="many").labels,
    ]
    for path in files[:2]:
        with Image.open(path) as image:
            assert "dpi" not in image.info
            assert "pixel size 0.62 µm (assumed)" in image.text["Comment"]
    with tifffile.TiffFile(files[2]) as tiff:
        assert tiff.pages[0].resolution == (1, 1)
        assert "pixel size 0.62 um (assumed)" in tiff.pages[0].description


def test_both_pictures_are_there_or_none(tmp_path, prediction, slide, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(png, "draw_outlines", full)
    with pytest.raises(GlandsError, match="No space left"):
        export_png(prediction, tmp_path, slide)
    assert not list(tmp_path.iterdir())


def test_overlay_outlines_the_glands_only(tmp_path, prediction, slide):
    files = export_png(prediction, tmp_path, slide)
    with Image.open(files.overlay) as overlay:
        drawn = np.asarray(overlay).astype(int)
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
    with Image.open(files.overlay) as overlay, Image.open(files.labels) as labels:
        assert overlay.size == labels.size == (180, 120)


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
