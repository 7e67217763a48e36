"""Label images in OME-Zarr groups: valid, replaced whole, reopened for editing."""

from __future__ import annotations

import json

import numpy as np
import ome_zarr_models.v04
import ome_zarr_models.v05
import pytest
import zarr

from napari_glands.errors import GlandsError
from napari_glands.export import labels as labels_module
from napari_glands.export import read_labels, write_labels
from napari_glands.slides.grid import Grid

GRID = Grid((120, 180), (241, 360), 0.62)
MODELS = {"0.4": ome_zarr_models.v04, "0.5": ome_zarr_models.v05}


def _validated(folder, ngff, name="glands"):
    """Validate the labels group and the label image; return the metadata of the latter."""
    models = MODELS[ngff]
    models.Labels.from_zarr(zarr.open_group(folder / "labels", mode="r"))
    group = zarr.open_group(folder / "labels" / name, mode="r")
    models.ImageLabel.from_zarr(group)
    attributes = group.attrs.asdict()
    return attributes if ngff == "0.4" else attributes["ome"]


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_labels_come_back_as_written(tmp_path, glands, ngff):
    properties = {1: {"state": "accepted", "score": 0.5}, 7: {"state": "edited", "score": None}}
    write_labels(
        tmp_path / "a.zarr",
        "glands",
        glands,
        GRID,
        properties=properties,
        colors={2: (1, 2, 3, 4)},
        ngff=ngff,
    )
    stored = read_labels(tmp_path / "a.zarr", "glands")
    assert stored.labels.dtype == glands.dtype
    assert (stored.labels == glands).all()
    assert stored.grid == GRID
    assert stored.properties == {2: {}, 3: {}, **properties}
    assert stored.colours[2] == (1, 2, 3, 4)
    stored.labels[0, 0] = 9  # a plain array, free to edit
    assert read_labels(tmp_path / "a.zarr", "glands").labels[0, 0] == 0


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_metadata_is_valid_and_complete(tmp_path, glands, ngff):
    write_labels(tmp_path, "glands", glands, GRID, ngff=ngff)
    metadata = _validated(tmp_path, ngff)
    (multiscale,) = metadata["multiscales"]
    assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 2
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == pytest.approx(GRID.mpp)
    assert translation["translation"] == pytest.approx(GRID.translate)
    image_label = metadata["image-label"]
    for part in ("colors", "properties"):
        assert [entry["label-value"] for entry in image_label[part]] == [1, 2, 3, 7]
    colours = {tuple(entry["rgba"]) for entry in image_label["colors"]}
    assert len(colours) == 4


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_pyramid_levels_lie_on_each_other(tmp_path, ngff):
    labels = np.zeros((1301, 700), np.uint16)
    labels[400:800, 200:500] = 300
    grid = Grid(labels.shape, (1301, 700), 0.5)
    write_labels(tmp_path, "glands", labels, grid, ngff=ngff)
    (multiscale,) = _validated(tmp_path, ngff)["multiscales"]
    group = zarr.open_group(tmp_path / "labels" / "glands", mode="r")
    assert [d["path"] for d in multiscale["datasets"]] == ["0", "1", "2"]
    for dataset in multiscale["datasets"]:
        level = group[dataset["path"]][...]
        scale, translation = (np.array(t[t["type"]]) for t in dataset["coordinateTransformations"])
        assert level.dtype == np.uint16
        assert set(np.unique(level)) == {0, 300}
        # The edges of the slide and of the object stay where they are, within half a pixel.
        assert translation - scale / 2 == pytest.approx([-0.25, -0.25])
        assert np.array(level.shape) * scale == pytest.approx([650.5, 350])
        first = np.argwhere(level).min(axis=0) * scale + translation - scale / 2
        assert np.abs(first - [199.75, 99.75]).max() <= scale.max() / 2 + 1e-9


def test_rewriting_replaces_all_of_it(tmp_path, glands):
    write_labels(tmp_path, "glands", glands, GRID, properties={1: {"state": "proposed"}})
    write_labels(tmp_path, "priors", glands, GRID)
    write_labels(tmp_path, "glands", (glands == 1).astype(np.int32) * 5, GRID)
    stored = read_labels(tmp_path, "glands")
    assert set(stored.properties) == set(stored.colours) == {5}
    _validated(tmp_path, "0.4")
    listed = zarr.open_group(tmp_path / "labels", mode="r").attrs["labels"]
    assert listed == ["glands", "priors"]
    assert sorted(p.name for p in (tmp_path / "labels").iterdir() if p.is_dir()) == listed


def test_failed_rewrite_keeps_the_old_labels(tmp_path, glands, monkeypatch):
    write_labels(tmp_path, "glands", glands, GRID)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(labels_module.zarr_ngff, "update_attributes", full)
    with pytest.raises(GlandsError, match="glands: No space left"):
        write_labels(tmp_path, "glands", glands * 0, GRID)
    monkeypatch.undo()
    assert (read_labels(tmp_path, "glands").labels == glands).all()
    assert [p.name for p in (tmp_path / "labels").iterdir() if p.is_dir()] == ["glands"]


def test_labels_moved_aside_by_a_killed_run_are_found(tmp_path, glands):
    write_labels(tmp_path, "glands", glands, GRID)
    folder = tmp_path / "labels" / "glands"
    folder.rename(folder.with_name("glands.former"))
    folder.with_name(".new-glands").mkdir()
    assert (read_labels(tmp_path, "glands").labels == glands).all()
    write_labels(tmp_path, "glands", glands, GRID)
    assert [p.name for p in (tmp_path / "labels").iterdir() if p.is_dir()] == ["glands"]


def test_no_labels_at_all_are_valid(tmp_path):
    write_labels(tmp_path, "glands", np.zeros((120, 180), np.int32), GRID)
    _validated(tmp_path, "0.4")
    assert read_labels(tmp_path, "glands").properties == {}


def test_booleans_are_stored_as_numbers(tmp_path, glands):
    write_labels(tmp_path, "tissue", glands > 0, GRID)
    assert read_labels(tmp_path, "tissue").labels.dtype == np.uint8


def test_numpy_scalars_and_nan_become_json(tmp_path, glands):
    properties = {1: {"area": np.float32(2.5), "n": np.int64(3), "ok": np.True_, "bad": np.nan}}
    write_labels(tmp_path, "glands", glands, GRID, properties=properties)
    text = (tmp_path / "labels" / "glands" / ".zattrs").read_text()
    json.loads(text, parse_constant=pytest.fail)
    assert read_labels(tmp_path).properties[1] == {"area": 2.5, "n": 3, "ok": True, "bad": None}


def test_version_follows_the_group(tmp_path, glands):
    write_labels(tmp_path, "a", glands, GRID, ngff="0.5")
    write_labels(tmp_path, "b", glands, GRID)
    _validated(tmp_path, "0.5", "b")
    with pytest.raises(GlandsError, match=r"is OME-Zarr 0\.5"):
        write_labels(tmp_path, "c", glands, GRID, ngff="0.4")
    with pytest.raises(GlandsError, match=r"0\.3.*choose 0\.4 or 0\.5"):
        write_labels(tmp_path, "c", glands, GRID, ngff="0.3")


@pytest.mark.parametrize(
    ("array", "name", "message"),
    [
        (np.zeros((120, 180)), "a", "float64"),
        (np.zeros((3, 120, 180), int), "a", "3-D"),
        (np.zeros((12, 18), int), "a", "grid"),
        (np.full((120, 180), -1), "a", "negative"),
        (np.zeros((120, 180), int), "a/b", "name"),
        (np.zeros((120, 180), int), "../a", "name"),
        (np.zeros((120, 180), int), "", "name"),
    ],
)
def test_what_cannot_be_labels_is_refused(tmp_path, array, name, message):
    with pytest.raises(GlandsError, match=message):
        write_labels(tmp_path / "g", name, array, GRID)
    assert not (tmp_path / "g").exists()


def test_missing_labels_are_named_with_what_there_is(tmp_path, glands):
    with pytest.raises(GlandsError, match=r"no labels 'glands'\.$"):
        read_labels(tmp_path)
    write_labels(tmp_path, "priors", glands, GRID)
    with pytest.raises(GlandsError, match=r"no labels 'glands' \(it has priors\)"):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [(".zattrs", None), (".zattrs", "{"), (".zgroup", None), ("0/.zarray", None), ("0/0/0", "x")],
)
def test_damaged_labels_are_named(tmp_path, glands, file, content):
    write_labels(tmp_path, "glands", glands, GRID)
    path = tmp_path / "labels" / "glands" / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(GlandsError, match="glands is damaged or not an OME-Zarr label image"):
        read_labels(tmp_path)


def test_labels_of_other_programs_are_read(tmp_path):
    from ome_zarr.writer import write_labels as other_write_labels

    labels = np.zeros((1, 1, 1, 40, 60), np.uint8)
    labels[..., 5:9, 5:9] = 3
    group = zarr.open_group(tmp_path / "o.zarr", mode="w", zarr_format=2)
    axes = [{"name": name} for name in "tc"]
    axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    other_write_labels(
        labels,
        group,
        "cells",
        scaler=None,
        axes="tczyx",
        axes_units=dict.fromkeys("zyx", "nanometer"),
        scale={"z": 1, "y": 500.0, "x": 500.0},
        scale_factors=[2],
    )
    stored = read_labels(tmp_path / "o.zarr", "cells")
    assert stored.labels.shape == (40, 60)
    assert stored.grid == Grid((40, 60), (40, 60), 0.5)


@pytest.mark.parametrize(
    "grid",
    [
        Grid((388, 261), (775, 522), 0.62005),
        Grid((101, 77), (40_003, 31_017), 0.2273),
        Grid((64, 64), (64, 64), 0.5),
        Grid((80, 90), (40, 45), 1.24),
    ],
)
def test_grids_survive_the_round_trip(tmp_path, grid):
    write_labels(tmp_path, "a", np.ones(grid.shape, np.uint8), grid)
    assert read_labels(tmp_path, "a").grid == grid
