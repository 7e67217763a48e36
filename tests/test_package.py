"""The package as it is imported."""

import json
import subprocess
import sys

import pytest

import napari_glands

_PROBE = """
import json, sys, time
start = time.perf_counter()
import napari_glands
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "modules": sorted({m.split(".")[0] for m in sys.modules})}))
"""


@pytest.fixture(scope="module")
def imports():
    """Time and modules of three fresh imports."""
    return [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]


def test_importing_is_quick(imports):
    assert min(found["seconds"] for found in imports) < 0.3


def test_importing_loads_nothing_heavy(imports):
    heavy = {"torch", "qtpy", "napari", "PyQt6", "PySide6", "numpy", "skimage", "zarr", "lightning"}
    assert not heavy & set(imports[0]["modules"])


@pytest.mark.parametrize("name", napari_glands.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(napari_glands, name)
    assert name in dir(napari_glands)
    if callable(value):
        assert value.__doc__
        assert value.__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segment_everything'"):
        _ = napari_glands.segment_everything
    assert not hasattr(napari_glands, "torch_version")


def test_the_version_is_that_of_the_installed_package():
    assert napari_glands.__version__[0].isdigit()
