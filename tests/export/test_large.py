"""Whole slides: written block by block, the same as in one piece; stopped and failing cleanly."""

from __future__ import annotations

import errno
import json
import sys
from dataclasses import replace

import numpy as np
import ome_zarr_models.v04
import pandas as pd
import pytest
import tifffile
import zarr
from PIL import Image
from shapely.geometry import shape as geometry

from napari_glands._napari_io import read_ome_zarr
from napari_glands.errors import GlandsError
from napari_glands.export import (
    build_label_pyramid,
    export_csv,
    export_geojson,
    export_ome_zarr,
    export_png,
    ngff,
    read_labels,
    source,
    write_labels,
)
from napari_glands.measurement import measure
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.slides import objects


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Let small images have several chunks and levels."""
    monkeypatch.setattr(ngff, "CHUNK", 32)
    monkeypatch.setattr(ngff, "_SMALLEST", 32)


@pytest.fixture
def prediction(prediction):
    """With probabilities that half precision holds."""
    certain = np.random.default_rng(0).random(prediction.glands.shape).astype(np.float16)
    return replace(prediction, probability=certain.astype(np.float32))


@pytest.fixture
def stored(tmp_path, prediction):
    """The same as it is of a whole slide: arrays on the disk."""
    half = prediction.probability.astype(np.float16)
    return replace(
        prediction,
        glands=zarr.create_array(tmp_path / "g", data=prediction.glands, chunks=(32, 32)),
        probability=zarr.create_array(tmp_path / "p", data=half, chunks=(32, 32)),
    )


@pytest.fixture
def as_large(monkeypatch):
    """From when it is called on, small slides are too large for memory and blocks are small."""

    def shrink():
        monkeypatch.setattr(sys.modules["napari_glands.slides.blocks"], "LARGEST_WHOLE", 1000)
        monkeypatch.setattr(objects, "_SIDE", 50)

    return shrink


def _files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _features(path):
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    return sorted(features, key=lambda feature: int(feature["properties"]["name"].split()[-1]))


@pytest.mark.parametrize("side", [7, 50, 64])
def test_the_table_does_not_depend_on_the_blocks(prediction, stored, side):
    pd.testing.assert_frame_equal(measure(stored, side=side), measure(prediction), check_exact=True)


def test_tables_and_outlines_are_the_same_in_blocks(tmp_path, prediction, stored, as_large):
    csv = export_csv(prediction, tmp_path / "a.csv")
    outlines = export_geojson(prediction, tmp_path / "a.geojson")
    as_large()
    assert export_csv(stored, tmp_path / "b.csv").read_bytes() == csv.read_bytes()
    assert _features(export_geojson(stored, tmp_path / "b.geojson")) == _features(outlines)


@pytest.mark.parametrize("with_slide", [True, False])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_pyramids_are_the_same_in_blocks(
    tmp_path, prediction, stored, slide, as_large, version, with_slide
):
    options = {"ngff": version, "slide": slide if with_slide else None}
    whole = export_ome_zarr(prediction, tmp_path / "a.zarr", **options)
    as_large()
    parts = export_ome_zarr(stored, tmp_path / "b.zarr", **options)
    assert _files(parts / "labels") == _files(whole / "labels")
    levels = [path.name for path in sorted(whole.glob("[0-9]"))]
    assert len(levels) >= 3
    for level in levels:
        one, other = (zarr.open_array(folder / level, mode="r") for folder in (whole, parts))
        assert one.dtype == other.dtype
        # Sums of floats in another order; of grey levels, the rounding may fall the other way.
        near = np.abs(one[...].astype(float) - other[...])
        assert near.max() <= (1 if with_slide else 1e-6)
        assert (near > 1e-6).mean() < 0.001


def test_labels_written_block_by_block_are_finished_like_others(tmp_path, prediction, as_large):
    grid, properties = prediction.grid, {2: {"state": "accepted"}}
    write_labels(tmp_path / "a", "glands", prediction.glands, grid, properties=properties)
    as_large()
    folder = tmp_path / "b" / "labels" / "glands"
    level = ngff.create_level(ngff.create_group(folder, "0.4"), 0, grid.shape, np.dtype(np.int32))
    for y in range(0, grid.shape[0], 32):
        level[y : y + 32] = prediction.glands[y : y + 32]
    build_label_pyramid(folder, grid, properties=properties)
    assert _files(folder) == _files(tmp_path / "a" / "labels" / "glands")
    ome_zarr_models.v04.ImageLabel.from_zarr(zarr.open_group(folder, mode="r"))


def test_pictures_of_a_large_slide_are_tiles_and_an_overview(
    tmp_path, stored, slide, as_large, monkeypatch
):
    as_large()
    monkeypatch.setattr(source, "OVERVIEW_SIDE", 90)
    files = export_png(stored, tmp_path / "out", slide)
    assert files.labels.name == "slide 1_labels.tif"
    with tifffile.TiffFile(files.labels) as tiff:
        (page,) = tiff.pages
        assert page.is_tiled
        assert page.dtype == np.uint16
        assert (page.asarray() == stored.glands[...]).all()
        per_cm, of = page.tags["XResolution"].value
        assert 1e4 * of / per_cm == pytest.approx(stored.grid.mpp[1], rel=1e-4)
    with Image.open(files.overlay) as overlay:
        assert max(overlay.size) == 90


def test_an_assumed_pixel_size_of_tiles_is_not_stated_as_a_fact(tmp_path, stored, slide, as_large):
    as_large()
    files = export_png(replace(stored, mpp_source="default"), tmp_path, slide)
    with tifffile.TiffFile(files.labels) as tiff:
        assert tiff.pages[0].resolution == (1, 1)
        assert "(assumed)" in tiff.pages[0].description


def test_whole_slides_keep_every_label_value(tmp_path, stored, as_large):
    high = np.where(stored.glands[...] == 7, 2**64 - 1, stored.glands[...].astype(np.uint64))
    as_large()
    many = replace(stored, glands=zarr.create_array(tmp_path / "h", data=high, chunks=(32, 32)))
    assert measure(many)["label"].tolist() == [1, 2, 3, 2**64 - 1]
    path = export_ome_zarr(many, tmp_path / "a.zarr")
    assert (read_labels(path).labels[...] == high).all()


def test_a_region_lies_where_it_is_on_the_slide(tmp_path, prediction):
    moved = replace(prediction, grid=replace(prediction.grid, origin=(1000, 3000)))
    for feature, other in zip(
        _features(export_geojson(prediction, tmp_path / "a.geojson")),
        _features(export_geojson(moved, tmp_path / "b.geojson")),
        strict=True,
    ):
        bounds = np.array(geometry(feature["geometry"]).bounds)
        assert geometry(other["geometry"]).bounds == pytest.approx(bounds + (3000, 1000) * 2)
    path = export_ome_zarr(moved, tmp_path / "a.zarr")
    assert read_labels(path).grid == moved.grid
    (_, image, _), (_, glands, _) = read_ome_zarr(str(path))
    top_left = np.array((1000, 3000)) * 0.62 - 0.31  # from the centre of the slide's first pixel
    for options in (image, glands):
        corner = np.array(options["translate"]) - np.array(options["scale"]) / 2
        assert corner == pytest.approx(top_left, abs=0.01)


def test_labels_of_a_large_slide_come_back_as_their_pyramid(tmp_path, stored, as_large):
    as_large()
    path = export_ome_zarr(stored, tmp_path / "a.zarr")
    data, options, kind = read_ome_zarr(str(path))[1]
    assert kind == "labels"
    assert options["multiscale"]
    assert len(data) >= 3
    assert (data[0].compute() == stored.glands[...]).all()
    assert options["features"]["index"].tolist() == [1, 2, 3, 7]


class _Token(CancelToken):
    """Cancels itself when it is looked at for the nth time."""

    def __init__(self, times):
        super().__init__()
        self.left = times

    def check(self):
        self.left -= 1
        if self.left == 0:
            self.cancel()
        super().check()


@pytest.mark.parametrize("export", [export_csv, export_geojson, export_ome_zarr])
@pytest.mark.parametrize("times", [3, 20])
def test_a_cancelled_export_stops_within_a_block_and_leaves_nothing(
    tmp_path, stored, as_large, export, times
):
    as_large()
    token = _Token(times)
    with pytest.raises(Cancelled):
        export(stored, tmp_path / "out" / "a", cancel=token)
    assert token.left == 0
    assert not any((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("export", [export_geojson, export_ome_zarr, export_png])
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path, stored, slide, as_large, export, monkeypatch
):
    as_large()
    out, written = tmp_path / "out", []

    def full(*_, **__):
        written.append(sorted(path.name for path in out.iterdir()))
        raise OSError(errno.ENOSPC, "No space left on device")

    place = {export_geojson: "geojson.uuid5", export_png: "png._write_tiles"}
    monkeypatch.setattr(f"napari_glands.export.{place.get(export, 'pyramids._average')}", full)
    with pytest.raises(GlandsError, match=r"Cannot write .*out.*: No space left on device"):
        export(stored, *([out, slide] if export is export_png else [out / "a"]))
    assert written
    assert list(out.iterdir()) == []
