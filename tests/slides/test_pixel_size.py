"""Where the pixel size is from, and when it is refused."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import open_slide


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def test_unknown_is_assumed_with_a_warning(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match=r"a\.png.*0\.7 µm/px.*--mpp"):
        slide = open_slide(tmp_path / "a.png", default_mpp=0.7)
    assert (slide.mpp, slide.mpp_source) == (0.7, "default")
    with pytest.warns(UserWarning, match=r"0\.62"):
        assert open_slide(rgb).mpp == 0.62


def test_given_wins_over_metadata(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb", resolution=(20000, 20000), resolutionunit=3)
    slide = open_slide(path)
    assert (slide.mpp, slide.mpp_source) == (pytest.approx(0.5), "metadata")
    slide = open_slide(path, mpp=0.25)
    assert (slide.mpp, slide.mpp_source) == (0.25, "given")
    again = open_slide(path).with_mpp(0.3)
    assert (again.mpp, again.mpp_source, again.path) == (0.3, "given", path)
    assert open_slide(slide) is slide
    assert open_slide(slide, mpp=0.4).mpp == 0.4


@pytest.mark.parametrize("mpp", [0, -1, math.nan, math.inf, 0.001, 620, "coarse", None])
def test_impossible_values_are_refused(rgb: np.ndarray, mpp: object) -> None:
    if mpp is not None:
        with pytest.raises(GlandsError, match="µm per pixel"):
            open_slide(rgb, mpp=mpp, name="a")  # type: ignore[arg-type]
    with pytest.raises(GlandsError, match="default_mpp"):
        open_slide(rgb, default_mpp=mpp)  # type: ignore[arg-type]


@pytest.mark.parametrize("dpi", [72, 96, 300, 600, 1200])
@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp"])
def test_screen_and_print_resolutions_say_nothing(
    tmp_path: Path, rgb: np.ndarray, dpi: int, ending: str
) -> None:
    Image.fromarray(rgb).save(tmp_path / f"a.{ending}", dpi=(dpi, dpi))
    with pytest.warns(UserWarning, match="assumed"):
        assert open_slide(tmp_path / f"a.{ending}").mpp_source == "default"


@pytest.mark.parametrize(("unit", "per_unit"), [(3, 1e4 / 0.5), (2, 25400 / 0.5)])
def test_microscopic_tiff_resolution(
    tmp_path: Path, rgb: np.ndarray, unit: int, per_unit: float
) -> None:
    path = tmp_path / "a.tif"
    options = {"resolution": (per_unit, per_unit), "resolutionunit": unit}
    tifffile.imwrite(path, rgb, photometric="rgb", **options)
    assert open_slide(path).mpp == pytest.approx(0.5)


def test_png_resolution_of_a_microscope(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.png", dpi=(25400 / 0.5, 25400 / 0.5))
    assert open_slide(tmp_path / "a.png").mpp == pytest.approx(0.5, rel=1e-3)


def test_imagej_unit(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, imagej=True, resolution=(2, 2), metadata={"unit": "um"})
    assert open_slide(path).mpp == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("size", "unit", "expected"), [(0.5, "µm", 0.5), (500, "nm", 0.5), (0.0005, "mm", 0.5)]
)
def test_ome_xml_units(
    tmp_path: Path, rgb: np.ndarray, size: float, unit: str, expected: float
) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YXS"}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(path, rgb, photometric="rgb", metadata=metadata)
    assert open_slide(path).mpp == pytest.approx(expected)


def test_ome_xml_in_pixels_says_nothing(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YXS"}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": 1, f"PhysicalSize{axis}Unit": "pixel"}
    tifffile.imwrite(path, rgb, photometric="rgb", metadata=metadata)
    with pytest.warns(UserWarning, match="assumed"):
        open_slide(path)


def test_nonsense_in_metadata_does_not_keep_an_image_shut(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb", resolution=(1, 1), resolutionunit=3)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["XResolution"].overwrite((1, 0))
        file.pages[0].tags["YResolution"].overwrite((0, 0))
    with pytest.warns(UserWarning, match="assumed"):
        open_slide(path)
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="P:0" DimensionOrder="XYCZT" Type="uint8" SizeX="90" SizeY="60" SizeC="3" '
        'SizeZ="1" SizeT="1" PhysicalSizeX="wide" PhysicalSizeY="0">'
        '<Channel ID="C:0" SamplesPerPixel="3"/><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(path, rgb, photometric="rgb", description=xml, metadata=None)
    with pytest.warns(UserWarning, match="assumed"):
        np.testing.assert_array_equal(open_slide(path).read(), rgb)


def test_pixels_that_are_not_square(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb", resolution=(20000, 19800), resolutionunit=3)
    assert open_slide(path).mpp == pytest.approx(0.5025, abs=1e-4)
    tifffile.imwrite(path, rgb, photometric="rgb", resolution=(20000, 19000), resolutionunit=3)
    with pytest.raises(GlandsError, match=r"a\.tif are not square.*--mpp"):
        open_slide(path)
    assert open_slide(path, mpp=0.5).mpp == 0.5


@pytest.mark.parametrize(
    ("name", "mpp"),
    [
        ("CMU-1-Small-Region.svs", 0.499),
        ("CMU-1-Small-Region-dicom", 0.499),
        ("OS-1-detail.ome.tif", 0.2271),
    ],
)
def test_real_slides_state_theirs(shared_data: Path, name: str, mpp: float) -> None:
    slide = open_slide(shared_data / "slides" / name)
    assert (slide.mpp, slide.mpp_source) == (pytest.approx(mpp, abs=1e-5), "metadata")


def test_real_bmp_states_none(shared_data: Path) -> None:
    with pytest.warns(UserWarning, match="glas_train_51"):
        slide = open_slide(shared_data / "slides" / "glas_train_51.bmp")
    assert slide.shape == (522, 775)
