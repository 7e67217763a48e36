"""What napari saves and opens through the plugin: labels stay where they are on their image."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
import tifffile
import zarr
from PIL import Image
from shapely.geometry import shape

from napari_glands import _label_files
from napari_glands._napari_io import get_reader, write_geojson, write_ome_zarr
from napari_glands.errors import GlandsError
from napari_glands.export import export_png, read_labels, write_image, write_labels
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide
from napari_glands.slides.grid import Grid

UM = ("micrometer", "micrometer")
# A slide of 120 × 160 pixels of 0.5 µm, as the plugin notes it in its own layers.
SLIDE = {"slide_shape": (120, 160), "slide_mpp": 0.5, "origin": (0, 0)}


@pytest.fixture
def labels():
    """One object: rows 10..20, columns 8..24."""
    labels = np.zeros((48, 64), np.int32)
    labels[10:20, 8:24] = 3
    return labels


@pytest.fixture
def viewer(monkeypatch):
    """A function that puts image layers into the open viewer."""

    def show(*layers):
        shown = SimpleNamespace(layers=list(layers))
        monkeypatch.setitem(sys.modules, "napari", SimpleNamespace(current_viewer=lambda: shown))

    return show


class Image2D:
    """An image layer, as far as it is looked at."""

    ndim, multiscale, visible = 2, False, True
    translate, rotate, shear = (0.0, 0.0), np.eye(2), (0.0,)

    def __init__(self, size, scale, units=UM, affine=None, name="image", **facts):
        self.data, self.scale, self.units = np.zeros((*size, 3), np.uint8), scale, units
        self.name, self.metadata = name, {"napari_glands": facts} if facts else {}
        self.affine = SimpleNamespace(affine_matrix=np.eye(3) if affine is None else affine)


Image2D.__name__ = "Image"


def features_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["features"]


def outline(tmp_path, labels, attributes):
    """Save as GeoJSON and return the first outline with its measurements."""
    path = tmp_path / "saved.geojson"
    write_geojson(str(path), labels, attributes)
    feature = features_of(path)[0]
    return shape(feature["geometry"]), feature["properties"]["measurements"]


class TestPlace:
    @pytest.mark.parametrize(
        ("attributes", "bounds"),
        [
            ({}, (8, 10, 24, 20)),
            ({"scale": (1, 1), "translate": (100, 200), "units": ("pixel",) * 2},
             (208, 110, 224, 120)),
            # Of a layer twice as coarse, the first pixel's centre is the image's first one's.
            ({"scale": (2, 2)}, (15.5, 19.5, 47.5, 39.5)),
            ({"affine": [[1, 0, 5], [0, 1, 7], [0, 0, 1]]}, (15, 15, 31, 25)),
            ({"scale": (-1, 1)}, (8, -19, 24, -9)),
            ({"rotate": 90}, (10, -23, 20, -7)),
        ],
    )  # fmt: skip
    def test_a_layer_without_unit_is_in_pixels_of_its_image(
        self, tmp_path, labels, attributes, bounds
    ):
        found, figures = outline(tmp_path, labels, {"name": "a", **attributes})
        assert found.bounds == pytest.approx(bounds)
        area = 160 * abs(np.prod(attributes.get("scale", (1, 1))))
        assert figures["Gland area px²"] == pytest.approx(area)
        assert not any("µ" in name for name in figures)

    def test_a_sheared_layer_is_sheared_and_only_its_area_is_told(self, tmp_path, labels):
        found, figures = outline(tmp_path, labels, {"shear": [0.5], "scale": (2.0, 3.0)})
        assert found.area == pytest.approx(160 * 6)
        assert len(found.exterior.coords) == 5
        assert figures["Gland area px²"] == pytest.approx(160 * 6)
        assert not {"Gland perimeter px", "Gland major axis px"} & figures.keys()

    @pytest.mark.parametrize(
        ("scale", "translate", "units"),
        [
            ((1.25, 1.25), (0.375, 0.375), UM),
            ((1250, 1250), (375, 375), ("nanometer",) * 2),
            ((0.00125, 0.00125), (0.000375, 0.000375), ("mm", "mm")),
        ],
    )
    def test_labels_of_another_reader_come_to_pixels_of_the_image(
        self, tmp_path, labels, viewer, scale, translate, units
    ):
        viewer(Image2D((120, 160), (0.5, 0.5)))
        attributes = {"name": "a", "scale": scale, "translate": translate, "units": units}
        found, figures = outline(tmp_path, labels, attributes)
        assert found.bounds == pytest.approx((20, 25, 60, 50))
        assert figures["Gland area µm²"] == pytest.approx(160 * 1.25**2)

    def test_the_image_may_be_turned_and_moved_too(self, tmp_path, labels, viewer):
        turned = [[0, -1, 30], [1, 0, 40], [0, 0, 1]]
        viewer(Image2D((120, 160), (0.5, 0.5), affine=np.array(turned, float)))
        attributes = {"scale": (1.25, 1.25), "units": UM, "affine": turned}
        found, _ = outline(tmp_path, labels, attributes)
        assert found.bounds == pytest.approx((19.25, 24.25, 59.25, 49.25))

    def test_without_its_image_outlines_of_labels_in_um_are_refused(self, tmp_path, labels):
        with pytest.raises(GlandsError, match="open the image in the same window"):
            outline(tmp_path, labels, {"scale": (1.25, 1.25), "units": UM})
        assert not list(tmp_path.iterdir())

    def test_nor_are_they_known_after_the_way_through_ome_zarr(self, tmp_path, labels):
        path = str(tmp_path / "a.zarr")
        write_ome_zarr(path, labels, {"scale": (1.25, 1.25), "units": UM})
        (_, image, _), (data, options, _) = get_reader(path)(path)
        with pytest.raises(GlandsError, match="open the image in the same window"):
            outline(tmp_path, data, options)
        assert image["metadata"]["napari_glands"]["role"] == "probability"

    def test_images_of_several_sizes_are_not_chosen_from(self, tmp_path, labels, viewer):
        attributes = {"scale": (1.25, 1.25), "units": UM}
        fine, coarse = Image2D((120, 160), (0.5, 0.5)), Image2D((60, 80), (1.0, 1.0))
        viewer(fine, coarse)
        with pytest.raises(GlandsError, match="no other beside it"):
            outline(tmp_path, labels, attributes)
        coarse.visible = False
        assert outline(tmp_path, labels, attributes)[0].bounds[0] == pytest.approx(19.25)
        coarse.visible, coarse.metadata = True, {"napari_glands": {"role": "probability"}}
        assert outline(tmp_path, labels, attributes)[0].bounds[0] == pytest.approx(19.25)

    def test_a_layer_of_the_plugin_counts_from_its_slide(self, tmp_path, labels):
        grid = Grid((48, 64), (120, 160), 0.5)
        own = {"scale": grid.mpp, "translate": grid.translate, "units": UM}
        noted = {"metadata": {"napari_glands": SLIDE}}
        assert outline(tmp_path, labels, own | noted)[0].bounds == (20, 25, 60, 50)
        moved = own | noted | {"translate": np.add(grid.translate, (50, 10))}
        assert outline(tmp_path, labels, moved)[0].bounds == pytest.approx((40, 125, 80, 150))
        # The slide's own layer may have been moved by the user before.
        facts = SLIDE | {"slide_at": (50, 10)}
        moved["metadata"] = {"napari_glands": facts}
        assert outline(tmp_path, labels, moved)[0].bounds == (20, 25, 60, 50)

    def test_layers_are_put_together_as_napari_does(self):
        # In a process of its own: what napari loads changes the last digits that torch computes.
        code = """
            import json
            import numpy as np
            from napari.layers import Labels
            options = {
                "scale": (1.25, 2), "translate": (3, 4), "rotate": 30, "shear": [0.2],
                "affine": [[1, 0.1, 5], [0, 1, 6], [0, 0, 1]],
            }
            layer = Labels(np.zeros((60, 80), np.int32), **options)
            from napari_glands._layer_place import place_of
            for attributes in (layer.as_layer_data_tuple()[1], options):
                place = place_of((60, 80), attributes, "a")
                for y, x in ((0, 0), (3, 40), (60, 80)):
                    there = place.matrix @ (y + 0.5, x + 0.5, 1)
                    assert np.allclose(there[:2], np.add(layer.data_to_world((y, x)), 0.5))
        """
        if importlib.util.find_spec("napari") is None:
            pytest.skip("napari is not installed")
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)

    @pytest.mark.parametrize(
        ("attributes", "what"),
        [
            ({"units": ("second", "second")}, "second.*set its units"),
            ({"scale": (0, 1)}, "leaves no area"),
            ({"scale": (np.nan, 1)}, "leaves no area"),
            ({"affine": "x"}, "cannot be read"),
            ({"metadata": {"napari_glands": {"slide_shape": 5, "slide_mpp": "x"}}}, "damaged"),
        ],
    )
    def test_what_is_no_place_is_refused(self, tmp_path, labels, attributes, what):
        for write in (write_geojson, write_ome_zarr):
            with pytest.raises(GlandsError, match=what):
                write(str(tmp_path / "a.zarr"), labels, {"name": "a", **attributes})
        assert not list(tmp_path.iterdir())


class TestOmeZarr:
    @pytest.mark.parametrize(
        ("units", "unit"), [(UM, "micrometer"), (("pixel",) * 2, None), (None, None)]
    )
    def test_labels_come_back_in_the_same_place(self, tmp_path, labels, units, unit):
        path = str(tmp_path / "a.zarr")
        place = {"scale": (1.25, 1.25), "translate": (30.0, -7.0), "units": units}
        write_ome_zarr(path, labels, {"name": "a", **place})
        multiscale = zarr.open_group(path + "/labels/glands", mode="r").attrs["multiscales"][0]
        assert [axis.get("unit") for axis in multiscale["axes"]] == [unit] * 2
        scale, shift = multiscale["datasets"][0]["coordinateTransformations"]
        assert scale["scale"] == pytest.approx((1.25, 1.25))
        assert shift["translation"] == pytest.approx((30, -7))
        for _, options, _ in get_reader(path)(path):
            assert options["scale"] == pytest.approx((1.25, 1.25))
            assert options["translate"] == pytest.approx((30, -7))
            assert options.get("units") == (("um", "um") if unit else None)
        again = str(tmp_path / "b.zarr")
        data, options, _ = get_reader(path)(path)[1]
        write_ome_zarr(again, data, options)
        data, options, _ = get_reader(again)(again)[1]
        np.testing.assert_array_equal(data, labels)
        assert options["translate"] == pytest.approx((30, -7))

    def test_areas_of_labels_without_unit_are_in_pixels(self, tmp_path, labels):
        write_ome_zarr(str(tmp_path / "a.zarr"), labels, {"name": "a"})
        figures = read_labels(tmp_path / "a.zarr").properties[3]
        assert figures["area_px2"] == 160
        assert not any("um" in name for name in figures)

    @pytest.mark.parametrize("how", [{"rotate": 30}, {"shear": [0.2]}, {"scale": (1, -1)}])
    def test_what_ome_zarr_cannot_say_is_refused(self, tmp_path, labels, how):
        with pytest.raises(GlandsError, match="save it as GeoJSON"):
            write_ome_zarr(str(tmp_path / "a.zarr"), labels, {"name": "a", **how})
        assert not list(tmp_path.iterdir())

    def test_labels_beside_the_image_or_in_another_unit_are_refused(self, tmp_path, labels):
        path = tmp_path / "slide.zarr"
        write_image(path, np.zeros((64, 64, 3), np.uint8), Grid((64, 64), (64, 64), 0.5), name="s")
        far = {"name": "a", "scale": (0.5, 0.5), "translate": (900, 0), "units": UM}
        with pytest.raises(GlandsError, match="beside the image"):
            write_ome_zarr(str(path), labels, far)
        with pytest.raises(GlandsError, match=r"is in pixels, the image in .* in µm"):
            write_ome_zarr(str(path), labels, {"name": "a"})
        assert not (path / "labels").exists()

    @pytest.mark.parametrize("ngff", ["0.4", "0.5"])
    def test_labels_get_as_many_levels_as_the_image(self, tmp_path, labels, ngff):
        path = tmp_path / "slide.zarr"
        pixels = np.zeros((1400, 1100, 3), np.uint8)
        grid = Grid((1400, 1100), (1400, 1100), 0.5)
        write_image(path, pixels, grid, name="s", ngff=ngff)
        write_ome_zarr(str(path), labels, {"scale": (1.25, 1.25), "units": UM})
        assert len(list(path.glob("[0-9]"))) == 3
        assert len(list((path / "labels" / "glands").glob("[0-9]"))) == 3

    def test_levels_may_be_listed_in_any_order(self, tmp_path):
        path = tmp_path / "slide.zarr"
        labels = np.zeros((1400, 1100), np.int32)
        labels[100:300, 100:300] = 4
        grid = Grid(labels.shape, labels.shape, 0.5)
        write_image(path, np.zeros((1400, 1100, 3), np.uint8), grid, name="s")
        write_labels(path, "glands", labels, grid)
        attributes = path / "labels" / "glands" / ".zattrs"
        content = json.loads(attributes.read_text())
        content["multiscales"][0]["datasets"].reverse()
        attributes.write_text(json.dumps(content))
        np.testing.assert_array_equal(read_labels(path).labels, labels)
        assert read_labels(path).grid == grid

    def test_labels_of_other_programs_lie_on_their_image(self, tmp_path, labels):
        path = tmp_path / "slide.zarr"
        pixels = np.zeros((120, 160, 3), np.uint8)
        write_image(path, pixels, Grid((120, 160), (120, 160), 0.5), name="s")
        write_labels(path, "cells", labels, Grid(labels.shape, labels.shape, 1.25))
        attributes = path / "labels" / "cells" / ".zattrs"
        content = json.loads(attributes.read_text())
        for dataset in content["multiscales"][0]["datasets"]:
            del dataset["coordinateTransformations"][1]
        attributes.write_text(json.dumps(content))
        data, options, _ = get_reader(str(path))(str(path))[1]
        assert outline(tmp_path, data, options)[0].bounds == (20, 25, 60, 50)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (np.uint8, 255), (np.int16, 30_000), (np.uint32, 3_000_000_000), (np.int64, 2**62),
        (np.uint64, 2**64 - 1), (">i4", 70_000), (bool, True),
    ],
)  # fmt: skip
def test_every_label_value_is_kept(tmp_path, dtype, value):
    labels = np.zeros((60, 80), dtype)
    labels[10:20, 10:30], labels[30:40, 50:60] = 1, value
    kept = sorted({1, int(value)})
    write_geojson(str(tmp_path / "a.geojson"), labels, {"name": "a"})
    names = [f["properties"]["name"] for f in features_of(tmp_path / "a.geojson")]
    assert names == [f"Gland {v}" for v in kept]
    path = str(tmp_path / "a.zarr")
    write_ome_zarr(path, labels, {"name": "a"})
    data, options, _ = get_reader(path)(path)[1]
    np.testing.assert_array_equal(data, labels.astype(data.dtype))
    assert options["features"]["index"].tolist() == kept


@pytest.mark.parametrize("write", [write_geojson, write_ome_zarr])
@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.full((40, 50), -2, np.int64), "negative"),
        (np.zeros((2, 40, 50), np.int32), "3 dimensions"),
        (np.zeros((40, 50)), "whole numbers"),
    ],
)
def test_what_are_no_labels_is_refused(tmp_path, write, array, what):
    with pytest.raises(GlandsError, match=what):
        write(str(tmp_path / "a.zarr"), array, {"name": "a"})
    assert not list(tmp_path.iterdir())


def test_axes_of_length_1_and_pyramids_are_planes(tmp_path, labels):
    import dask.array as da

    options = {"scale": (1, 1, 1, 1.25, 1.25), "translate": (0, 0, 0, 10, 20)}
    found, _ = outline(tmp_path, labels[None, None, None], options)
    assert found.bounds == pytest.approx((20 + 10 - 0.125, 10 + 12.5 - 0.125, 49.875, 34.875))
    pyramid = [da.from_array(labels), da.from_array(labels[::2, ::2])]
    assert outline(tmp_path, pyramid, {"multiscale": True})[0].bounds == (8, 10, 24, 20)


class TestLabelFiles:
    @pytest.fixture
    def exported(self, tmp_path, labels):
        """The program's own label image and overlay of a slide of 0.5 µm."""
        slide = open_slide(np.full((120, 160, 3), 200, np.uint8), mpp=0.5, name="case 1")
        grid = Grid(labels.shape, slide.shape, 0.5)
        certain = (labels > 0).astype(np.float32)
        prediction = Prediction("s", "case 1", grid, certain, labels, "m", Settings())
        return export_png(prediction, tmp_path, slide)

    def test_our_label_images_open_as_labels_to_scale(self, exported, labels):
        ((data, options, kind),) = get_reader(str(exported.labels))(str(exported.labels))
        assert kind == "labels"
        assert data.shape == (120, 160)
        assert set(np.unique(data)) == {0, 3}
        assert data.dtype == np.int32
        assert options["scale"] == pytest.approx((0.5, 0.5), rel=1e-5)
        assert options["units"] == ("um", "um")
        ((_, _, kind),) = get_reader(str(exported.overlay))(str(exported.overlay))
        assert kind == "image"

    @pytest.mark.parametrize("most", [4, 70_000])
    @pytest.mark.parametrize(("source", "unit"), [("given", UM), ("default", None)])
    def test_our_label_images_lie_where_they_did(
        self, tmp_path, labels, monkeypatch, most, source, unit
    ):
        monkeypatch.setattr("napari_glands.export.source.MAX_FULL_PIXELS", 1000)
        labels[30:40, 30:40] = most
        slide = open_slide(np.full((120, 160, 3), 200, np.uint8), mpp=0.5, name="case 1")
        settings = Settings().updated("general", working_mpp=1.25)
        certain, grid = (labels > 0).astype(np.float32), Grid(labels.shape, slide.shape, 0.5)
        prediction = Prediction("s", "case 1", grid, certain, labels, "m", settings, source)
        path = str(export_png(prediction, tmp_path, slide).labels)
        ((data, options, _),) = get_reader(path)(path)
        np.testing.assert_array_equal(data, labels)
        in_um = 0.5 if unit else 1
        assert options["scale"] == pytest.approx((2.5 * in_um, 2.5 * in_um))
        assert options["translate"] == pytest.approx((0.75 * in_um, 0.75 * in_um))
        assert outline(tmp_path, data, options)[0].bounds == (20, 25, 60, 50)
        told = json.loads((tmp_path / "saved.geojson").read_text())["pixel_size"]
        assert told == {"um": 0.5, "source": "file" if unit else "assumed"}

    @pytest.mark.parametrize(
        ("name", "dtype", "kind"),
        [
            ("a_labels.tif", np.uint16, "labels"),
            ("a_MASK.TIF", np.uint8, "labels"),
            ("a_labels.ome.tif", np.uint16, "labels"),
            ("labels.tiff", np.uint16, "labels"),
            ("whatever.tif", np.uint32, "labels"),
            ("whatever.tif", np.uint16, "image"),
            ("a_labels.tif", np.float32, "image"),
        ],
    )
    def test_tiffs_are_told_by_name_and_content(self, tmp_path, labels, name, dtype, kind):
        path = tmp_path / name
        cm = (20_000, 20_000)
        tifffile.imwrite(path, labels.astype(dtype), resolution=cm, resolutionunit="CENTIMETER")
        ((data, options, found),) = get_reader(str(path))(str(path))
        assert found == kind
        if kind == "labels":
            np.testing.assert_array_equal(data, labels)
        assert options["scale"] == pytest.approx((0.5, 0.5))

    def test_a_colour_picture_is_no_label_image_whatever_its_name(self, tmp_path):
        path = tmp_path / "a_labels.png"
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
        assert get_reader(str(path))(str(path))[0][2] == "image"

    def test_large_label_tiffs_are_read_in_parts(self, tmp_path, labels, monkeypatch):
        monkeypatch.setattr(_label_files, "LARGEST_WHOLE", 1000)
        path = tmp_path / "a_labels.tif"
        tifffile.imwrite(path, labels.astype(np.uint16), tile=(16, 16))
        ((data, options, _),) = get_reader(str(path))(str(path))
        assert options["multiscale"]
        assert not isinstance(data[0], np.ndarray)
        np.testing.assert_array_equal(data[0].compute(), labels)

    def test_negative_and_damaged_label_images_are_named(self, tmp_path, labels):
        path = tmp_path / "a_labels.tif"
        tifffile.imwrite(path, labels - 5)
        with pytest.raises(GlandsError, match=r"a_labels\.tif has negative"):
            get_reader(str(path))(str(path))
        path.write_bytes(path.read_bytes()[:-4000])
        with pytest.raises(GlandsError, match=r"a_labels\.tif"):
            get_reader(str(path))(str(path))


class TestZarrFolders:
    def bioformats2raw(self, folder, series=1):
        for number in range(series):
            pixels = np.full((64, 80, 3), 10 + number, np.uint8)
            grid = Grid((64, 80), (64, 80), 0.5)
            write_image(folder / str(number), pixels, grid, name=f"series {number}")
        (folder / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
        (folder / ".zgroup").write_text('{"zarr_format": 2}')

    @pytest.mark.parametrize("name", ["case.zarr", "case.ome.zarr", "case"])
    def test_a_bioformats2raw_folder_is_read(self, tmp_path, name):
        folder = tmp_path / name
        self.bioformats2raw(folder)
        write_labels(folder / "0", "cells", np.ones((64, 80), np.uint8),
                     Grid((64, 80), (64, 80), 0.5))  # fmt: skip
        (image, options, _), (_, _, kind) = get_reader(str(folder))(str(folder))
        assert np.asarray(image).max() == 10
        assert options["scale"] == pytest.approx((0.5, 0.5))
        assert kind == "labels"

    def test_of_several_images_it_is_said_that_the_first_is_shown(self, tmp_path):
        folder = tmp_path / "case.zarr"
        self.bioformats2raw(folder, 2)
        with pytest.warns(UserWarning, match="several images: the first one"):
            get_reader(str(folder))(str(folder))

    @pytest.mark.parametrize("source", ["default", "estimated", "given", "unknown"])
    def test_where_the_pixel_size_comes_from_stays(self, tmp_path, labels, source):
        path = tmp_path / "slide.zarr"
        pixels, grid = np.zeros((120, 160, 3), np.uint8), Grid((120, 160), (120, 160), 0.62)
        write_image(path, pixels, grid, name="s", mpp_source=source)
        write_labels(path, "glands", labels, Grid((48, 64), (120, 160), 0.62), mpp_source=source)
        (_, image, _), (data, options, _) = get_reader(str(path))(str(path))
        in_um = source == "given"  # others would look like known ones
        for shown, pixel in ((image, 1), (options, 2.5)):
            assert shown.get("units") == (("um", "um") if in_um else None)
            assert shown["scale"] == pytest.approx([pixel * (0.62 if in_um else 1)] * 2)
        # Saved again, it is where it was, and as certain.
        write_ome_zarr(str(path), data, options)
        stored = read_labels(path)
        assert stored.grid == Grid((48, 64), (120, 160), 0.62)
        assert stored.mpp_source == ("metadata" if source == "given" else source)

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            (".zattrs", '{"multiscales": null}'),
            (".zattrs", '{"multiscales": [5]}'),
            (".zattrs", '{"multiscales": [{}]}'),
            (".zattrs", '{"multiscales": []}'),
            (".zattrs", "[" * 100_000),
            ("0/.zarray", "{"),
            ("0/.zarray", None),
            ("labels/glands/.zattrs", '{"multiscales": [{"datasets": 5}]}'),
            ("labels/glands/0/.zarray", '{"shape": [-1]}'),
        ],
    )
    def test_damaged_folders_are_named_or_not_ours(self, tmp_path, labels, file, content):
        path = tmp_path / "slide.zarr"
        pixels, grid = np.zeros((120, 160, 3), np.uint8), Grid((120, 160), (120, 160), 0.62)
        write_image(path, pixels, grid, name="s")
        write_labels(path, "glands", labels, Grid((48, 64), (120, 160), 0.62))
        (path / file).unlink()
        if content is not None:
            (path / file).write_text(content)
        read = get_reader(str(path))
        if read is not None:
            with pytest.raises(GlandsError, match=r"slide\.zarr"):
                read(str(path))

    def test_what_is_not_there_has_no_reader(self, tmp_path):
        for path in ("gone.png", "gone.zarr", "a\0b.tif", "http://host/a.zarr", "x" * 5000):
            assert get_reader(str(tmp_path / path)) is None


def test_outlines_are_valid_whatever_the_transformation(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((40, 40)) < 0.5).astype(np.int32)
    found, _ = outline(tmp_path, labels, {"rotate": 33, "scale": (1.3, -0.7), "shear": [0.4]})
    assert shapely.is_valid(found)
    assert found.area == pytest.approx(labels.sum() * 1.3 * 0.7, rel=1e-3)
