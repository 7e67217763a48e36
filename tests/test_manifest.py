"""The plugin as napari finds it."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from PIL import Image

from napari_glands import _napari_io, sample_data
from napari_glands.errors import GlandsError
from napari_glands.export import write_image
from napari_glands.settings import GeneralSettings
from napari_glands.slides import Grid

MANIFEST = files("napari_glands") / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(str(MANIFEST))


@pytest.fixture
def manager(manifest) -> PluginManager:
    manager = PluginManager()
    manager.register(manifest)
    return manager


def test_manifest_is_valid_and_all_it_names_exists(manifest):
    manifest.validate_imports()


def test_npe2_validates_the_manifest():
    command = [sys.executable, "-m", "npe2", "validate", str(MANIFEST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_discovery_loads_neither_torch_nor_qt():
    code = (
        "import sys\n"
        "from npe2 import PluginManager\n"
        "manager = PluginManager.instance()\n"
        "manager.discover()\n"
        "assert 'napari-glands' in manager\n"
        "list(manager.iter_compatible_readers(['a.svs']))\n"
        "heavy = {'torch', 'qtpy', 'PyQt6', 'PySide6', 'napari'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_loads_neither_torch_nor_qt(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
    code = (
        "import sys\n"
        "from napari_glands._napari_io import get_reader\n"
        f"get_reader({str(path)!r})({str(path)!r})\n"
        "print(sorted({'torch', 'qtpy', 'PyQt6', 'napari'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("writer", ["write_geojson", "write_ome_zarr"])
def test_saving_a_layer_loads_neither_torch_nor_qt(tmp_path, writer):
    code = (
        "import sys, numpy as np\n"
        "from napari_glands import _napari_io\n"
        f"_napari_io.{writer}({str(tmp_path / 'a.zarr')!r}, np.eye(40, dtype=int), {{}})\n"
        "print(sorted({'torch', 'qtpy', 'PyQt6', 'napari'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_steps_are_in_the_menus(manager):
    menus = {
        key: [item.command for item in manager.iter_menu(f"napari/layers/{key}")]
        for key in ("segment", "annotate", "measure")
    }
    assert menus["segment"][0] == "napari-glands.workbench"
    assert "napari-glands.priors" in menus["annotate"]
    assert "napari-glands.export" in menus["measure"]


def test_preferences_are_the_settings(manifest):
    properties = manifest.contributions.configurations["general"].properties
    assert list(properties) == list(GeneralSettings.model_fields)
    for name, field in GeneralSettings.model_fields.items():
        assert properties[name].default == field.default, name
    allowed = {name: properties[name].minimum for name in ("working_mpp", "default_mpp")}
    GeneralSettings(**allowed)


class TestReader:
    def test_what_is_not_ours_is_left_to_others(self, tmp_path):
        plain = tmp_path / "array.zarr"
        plain.mkdir()
        (plain / ".zarray").write_text("{}")
        assert _napari_io.get_reader(str(plain)) is None
        assert _napari_io.get_reader(str(tmp_path / "not-there.svs")) is None
        assert _napari_io.get_reader(str(tmp_path / "empty.glands")) is None
        assert _napari_io.get_reader(["a.png", "b.png"]) is None

    def test_an_image_without_pixel_size_gets_no_scale(self, tmp_path):
        path = tmp_path / "photo.png"
        Image.fromarray(np.full((64, 80, 3), 200, np.uint8)).save(path)
        ((_, options, kind),) = _napari_io.get_reader(str(path))(str(path))
        assert kind == "image"
        assert "scale" not in options

    def test_a_slide_comes_as_a_pyramid_to_scale(self, shared_data):
        path = str(shared_data / "slides" / "CMU-1-Small-Region.svs")
        ((data, options, _),) = _napari_io.get_reader(path)(path)
        assert data[0].shape == (2967, 2220, 3) if options["multiscale"] else data.shape
        assert options["scale"] == (pytest.approx(0.499),) * 2

    def test_a_damaged_image_is_named(self, tmp_path):
        path = tmp_path / "broken.tif"
        path.write_bytes(b"II*\0broken")
        with pytest.raises(GlandsError, match=r"broken\.tif"):
            _napari_io.get_reader(str(path))(str(path))


class TestWriters:
    @pytest.fixture
    def labels(self) -> np.ndarray:
        labels = np.zeros((60, 80), np.int32)
        labels[10:30, 10:40], labels[35:55, 45:75] = 1, 7
        return labels

    def test_labels_survive_the_way_to_ome_zarr_and_back_editable(self, tmp_path, labels):
        path = str(tmp_path / "edited.zarr")
        attributes = {"name": "edited", "scale": (1.24, 1.24), "units": ("micrometer",) * 2}
        assert _napari_io.write_ome_zarr(path, labels, attributes) == [path]
        layers = _napari_io.get_reader(path)(path)
        data, options, _ = next(layer for layer in layers if layer[2] == "labels")
        np.testing.assert_array_equal(data, labels)
        assert isinstance(data, np.ndarray)
        assert data.flags.writeable
        assert options["scale"] == pytest.approx((1.24, 1.24))
        assert sorted(options["features"]["index"]) == [1, 7]

    def test_labels_are_put_beside_an_image_and_never_in_its_place(self, tmp_path, labels):
        path = tmp_path / "slide.zarr"
        pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        write_image(path, pixels, Grid((120, 160), (120, 160), 0.62), name="slide")
        facts = {"slide_shape": (120, 160), "slide_mpp": 0.62}
        for drawn in (labels, labels * 2):  # saved, and saved again
            _napari_io.write_ome_zarr(
                str(path), drawn, {"name": "mine", "metadata": {"napari_glands": facts}}
            )
        image, (data, options, _) = _napari_io.get_reader(str(path))(str(path))
        np.testing.assert_array_equal(np.asarray(image[0]), pixels)
        np.testing.assert_array_equal(data, labels * 2)
        assert options["name"] == "glands"

    def test_a_folder_of_something_else_is_not_replaced(self, tmp_path, labels):
        (tmp_path / "other.zarr").mkdir()
        (tmp_path / "other.zarr" / "zarr.json").write_text("{}")
        with pytest.raises(GlandsError, match="exists already"):
            _napari_io.write_ome_zarr(str(tmp_path / "other.zarr"), labels, {"name": "a"})

    def test_geojson_is_in_pixels_of_the_slide(self, tmp_path, labels):
        import json

        path = str(tmp_path / "glands.geojson")
        facts = {"slide_shape": (120, 160), "slide_mpp": 0.62}
        attributes = {"name": "glands", "metadata": {"napari_glands": facts}}
        _napari_io.write_geojson(path, labels, attributes)
        features = json.loads((tmp_path / "glands.geojson").read_text())["features"]
        xs = [x for x, _ in features[0]["geometry"]["coordinates"][0]]
        assert (min(xs), max(xs)) == (20, 80)

    def test_a_volume_is_refused(self, tmp_path):
        with pytest.raises(GlandsError, match="3 dimensions"):
            _napari_io.write_geojson(str(tmp_path / "a.geojson"), np.zeros((2, 3, 4), int), {})


def test_project_opens_with_its_priors_for_a_look(tmp_path):
    from napari_glands.project import Project
    from napari_glands.slides import open_slide

    sample = sample_data.immunohistochemistry()
    folder = tmp_path / "study.glands"
    with Project.create(folder) as project:
        project.add_slides([open_slide(sample.image, mpp=sample.mpp, name="ihc")])
    ((_, options, _),) = _napari_io.get_reader(str(folder))(str(folder))
    assert options["name"] == "ihc"
