"""OME-Zarr exports, checked by ome-zarr-models and as other readers see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import ome_zarr_models.v04
import ome_zarr_models.v05
import pytest
import zarr

from napari_glands.errors import GlandsError
from napari_glands.export import export_ome_zarr, read_labels, source, write_image
from napari_glands.slides.grid import Grid

MODELS = {"0.4": ome_zarr_models.v04, "0.5": ome_zarr_models.v05}


def _attributes(folder, ngff):
    attributes = zarr.open_group(folder, mode="r").attrs.asdict()
    return attributes if ngff == "0.4" else attributes["ome"]


def _transform(folder, ngff):
    dataset = _attributes(folder, ngff)["multiscales"][0]["datasets"][0]
    scale, translation = dataset["coordinateTransformations"]
    return np.array(scale["scale"][-2:]), np.array(translation["translation"][-2:])


@pytest.mark.parametrize("with_slide", [True, False])
@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_export_is_valid(tmp_path, prediction, slide, ngff, with_slide):
    path = export_ome_zarr(
        prediction, tmp_path / "a.zarr", ngff=ngff, slide=slide if with_slide else None
    )
    models = MODELS[ngff]
    models.Image.from_zarr(zarr.open_group(path, mode="r"))
    models.Labels.from_zarr(zarr.open_group(path / "labels", mode="r"))
    models.ImageLabel.from_zarr(zarr.open_group(path / "labels" / "glands", mode="r"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_slide_is_the_image_and_labels_lie_on_it(tmp_path, prediction, slide, ngff):
    path = export_ome_zarr(prediction, tmp_path / "a.zarr", ngff=ngff, slide=slide)
    image = zarr.open_array(path / "0", mode="r")[...]
    assert (np.moveaxis(image, 0, -1) == slide.read()).all()
    scale, translation = _transform(path, ngff)
    assert scale == pytest.approx([0.62, 0.62])
    assert translation == pytest.approx([0, 0])
    label_scale, label_translation = _transform(path / "labels" / "glands", ngff)
    # Upper left and lower right corners of image and labels coincide.
    assert label_translation - label_scale / 2 == pytest.approx(translation - scale / 2)
    assert label_scale * (120, 180) == pytest.approx(scale * slide.shape)
    channels = _attributes(path, ngff)["omero"]["channels"]
    assert [channel["color"] for channel in channels] == ["FF0000", "00FF00", "0000FF"]


@pytest.mark.parametrize("working", [None, 1000])
@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_labels_have_as_many_levels_as_the_image(
    tmp_path, predict, slide, ngff, working, monkeypatch
):
    if working:
        monkeypatch.setattr(source, "MAX_FULL_PIXELS", working)
    slide = replace(slide, shape=(1400, 900))
    labels = np.zeros((700, 450), np.int32)
    labels[100:300, 100:400] = 5
    path = export_ome_zarr(predict(labels, slide), tmp_path / "a.zarr", ngff=ngff, slide=slide)
    models = MODELS[ngff]
    image = models.Image.from_zarr(zarr.open_group(path, mode="r"))
    models.Labels.from_zarr(zarr.open_group(path / "labels", mode="r"))
    glands = models.ImageLabel.from_zarr(zarr.open_group(path / "labels" / "glands", mode="r"))
    numbers = []
    for group, model in ((path, image), (path / "labels" / "glands", glands)):
        (multiscale,) = _attributes(group, ngff)["multiscales"]
        sizes = [
            np.array(dataset["coordinateTransformations"][0]["scale"][-2:])
            * zarr.open_array(group / dataset["path"], mode="r").shape[-2:]
            for dataset in multiscale["datasets"]
        ]
        # Every level covers the slide.
        assert np.allclose(sizes, np.array(slide.shape) * slide.mpp)
        numbers.append(len(sizes))
        assert len(model.members) >= len(sizes)
    assert numbers[0] == numbers[1] == (2 if working else 3)


@pytest.mark.parametrize("whence", ["estimated", "default"])
@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_a_pixel_size_that_is_not_from_the_file_is_marked(
    tmp_path, prediction, slide, ngff, whence
):
    marked = replace(prediction, mpp_source=whence)
    path = export_ome_zarr(marked, tmp_path / "a.zarr", slide=slide, ngff=ngff)
    for group in (path, path / "labels" / "glands"):
        (multiscale,) = _attributes(group, ngff)["multiscales"]
        assert multiscale["metadata"]["pixel_size_source"] == whence
        MODELS[ngff].Image.from_zarr(zarr.open_group(group, mode="r"))
    assert read_labels(path).mpp_source == whence
    assert read_labels(path).grid == prediction.grid


def test_other_pixel_sizes_have_no_mark(tmp_path, prediction, slide):
    for n, whence in enumerate((None, "given", "metadata")):
        path = tmp_path / f"{n}.zarr"
        export_ome_zarr(replace(prediction, mpp_source=whence), path, slide=slide)
        assert "metadata" not in _attributes(path, "0.4")["multiscales"][0]
        assert read_labels(path).mpp_source == "metadata"


def test_probability_is_the_image_without_a_slide(tmp_path, prediction):
    path = export_ome_zarr(prediction, tmp_path / "a.zarr")
    assert (zarr.open_array(path / "0", mode="r")[...] == prediction.probability).all()
    scale, translation = _transform(path, "0.4")
    assert scale == pytest.approx(prediction.grid.mpp)
    assert translation == pytest.approx(prediction.grid.translate)


def test_large_slide_is_written_at_the_working_resolution(tmp_path, prediction, slide, monkeypatch):
    monkeypatch.setattr(source, "MAX_FULL_PIXELS", 1000)
    path = export_ome_zarr(prediction, tmp_path / "a.zarr", slide=slide)
    assert zarr.open_array(path / "0", mode="r").shape == (3, 120, 180)
    assert _transform(path, "0.4")[0] == pytest.approx(prediction.grid.mpp)


def test_glands_carry_their_measurements(tmp_path, prediction):
    path = export_ome_zarr(prediction, tmp_path / "a.zarr")
    stored = read_labels(path)
    assert (stored.labels == prediction.glands).all()
    assert stored.grid == prediction.grid
    area = np.count_nonzero(prediction.glands == 2) * prediction.grid.pixel_area_um2
    assert stored.properties[2]["area_um2"] == pytest.approx(area)
    assert stored.properties[2]["mean_probability"] == pytest.approx(0.9)
    assert stored.properties[2]["touches_border"] is False
    assert set(stored.properties) == set(stored.colours) == {1, 2, 3, 7}


def test_ome_zarr_readers_see_image_and_labels(tmp_path, prediction, slide):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = export_ome_zarr(prediction, tmp_path / "a.zarr", slide=slide)
    nodes = list(Reader(parse_url(path))())
    assert nodes[0].data[0].shape == (3, 241, 360)
    labels = next(node for node in nodes if node.metadata.get("name") == "glands")
    assert (np.asarray(labels.data[0]).squeeze() == prediction.glands).all()
    assert labels.metadata["properties"][2]["area_um2"] > 0


def test_levels_are_averaged(tmp_path):
    pixels = np.zeros((1024, 600, 3), np.uint8)
    pixels[::2] = 201
    grid = Grid((1024, 600), (1024, 600), 0.5)
    write_image(tmp_path / "i.zarr", pixels, grid, name="i")
    level = zarr.open_array(tmp_path / "i.zarr" / "1", mode="r")
    assert level.shape == (3, 512, 300)
    assert level.dtype == np.uint8
    assert np.abs(level[...].astype(int) - 100).max() <= 1


def test_no_glands_are_exported_too(tmp_path, prediction, predict):
    path = export_ome_zarr(predict(prediction.glands * 0), tmp_path / "a.zarr")
    ome_zarr_models.v04.ImageLabel.from_zarr(zarr.open_group(path / "labels/glands", mode="r"))
    assert read_labels(path).labels.max() == 0


def test_existing_target_is_kept_unless_overwriting(tmp_path, prediction, predict):
    path = export_ome_zarr(prediction, tmp_path / "a.zarr")
    other = predict(prediction.glands * 0)
    with pytest.raises(GlandsError, match=r"a\.zarr exists already"):
        export_ome_zarr(other, path)
    assert read_labels(path).labels.max() == 7
    export_ome_zarr(other, path, overwrite=True, ngff="0.5")
    assert read_labels(path).labels.max() == 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path, prediction):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "precious.txt").write_text("x")
    with pytest.raises(GlandsError, match="something else"):
        export_ome_zarr(prediction, folder, overwrite=True)
    assert (folder / "precious.txt").exists()


def test_failure_leaves_nothing_behind(tmp_path, prediction, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_glands.export.omezarr.put_labels", full)
    with pytest.raises(GlandsError, match=r"a\.zarr: No space left on device"):
        export_ome_zarr(prediction, tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


def test_another_slide_is_refused(tmp_path, prediction, slide):
    with pytest.raises(GlandsError, match="241×360 pixels, but slide 1 has 99×99"):
        export_ome_zarr(prediction, tmp_path / "a.zarr", slide=replace(slide, shape=(99, 99)))
    with pytest.raises(GlandsError, match=r"0\.6"):
        export_ome_zarr(prediction, tmp_path / "a.zarr", ngff="0.6")
