"""Where the pixel size is from, and when it is refused."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import Region, describe_source, open_slide
from napari_glands.slides.pixel_size import MppSource


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


@pytest.mark.parametrize(
    ("dpi", "found"), [(2400, "10.58"), (4800, "5.292"), (300, "84.67"), (1_000_000, "0.0254")]
)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_what_cannot_be_tissue_is_named_and_not_taken(
    tmp_path: Path, rgb: np.ndarray, dpi: int, found: str, ending: str
) -> None:
    Image.fromarray(rgb).save(tmp_path / f"a.{ending}", dpi=(dpi, dpi))
    with pytest.warns(UserWarning, match=rf"{found}\d* µm/px in its resolution tag.*--mpp"):
        slide = open_slide(tmp_path / f"a.{ending}", default_mpp=0.7)
    assert (slide.mpp, slide.mpp_source) == (0.7, "default")


@pytest.mark.parametrize("mpp", [0.1, 0.25, 1.0, 4.0])
def test_scans_and_their_overviews_are_believed(
    tmp_path: Path, rgb: np.ndarray, mpp: float
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb", resolution=(1e4 / mpp,) * 2, resolutionunit=3)
    assert open_slide(path).mpp == pytest.approx(mpp)


@pytest.mark.parametrize("mpp", [0, -0.5, 1e-5, 25, 500, "INF"])
def test_ome_metadata_that_cannot_be_right(tmp_path: Path, rgb: np.ndarray, mpp: object) -> None:
    write_ome(tmp_path / "a.ome.tif", rgb, PhysicalSizeX=mpp, PhysicalSizeY=mpp)
    with pytest.warns(UserWarning, match=r"cannot be right.*OME metadata.*0\.62 µm/px is assumed"):
        assert open_slide(tmp_path / "a.ome.tif").mpp_source == "default"


def write_ome(path: Path, rgb: np.ndarray, head: str = "", **facts: object) -> None:
    """Write an OME-TIFF with metadata of our own, and a resolution tag where `dots` are given."""
    dots = facts.pop("dots", None)
    stated = " ".join(f'{key}="{value}"' for key, value in facts.items())
    settings = '<ObjectiveSettings ID="Objective:0"/>' if head else ""
    xml = (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{head}'
        f'<Image ID="Image:0">{settings}<Pixels ID="P:0" DimensionOrder="XYCZT" Type="uint8" '
        f'SizeX="90" SizeY="60" SizeC="3" SizeZ="1" SizeT="1" {stated}>'
        '<Channel ID="C:0" SamplesPerPixel="3"/><TiffData/></Pixels></Image></OME>'
    )
    tag = {} if dots is None else {"resolution": (dots, dots), "resolutionunit": 3}
    tifffile.imwrite(path, rgb, photometric="rgb", description=xml, metadata=None, **tag)


def test_ome_tiff_without_physical_size_falls_back_to_its_tag(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    path = tmp_path / "a.ome.tif"
    write_ome(path, rgb, dots=20000)
    slide = open_slide(path)
    assert (slide.mpp, slide.mpp_source) == (pytest.approx(0.5), "metadata")
    write_ome(path, rgb, PhysicalSizeX=1000, PhysicalSizeY=1000, dots=20000)
    assert open_slide(path).mpp == pytest.approx(0.5)
    write_ome(path, rgb, PhysicalSizeX=0.3, PhysicalSizeY=0.3, dots=20000)
    assert open_slide(path).mpp == pytest.approx(0.3)


@pytest.mark.parametrize(("axis", "missing"), [("X", "height"), ("Y", "width")])
def test_one_physical_size_stands_for_both(
    tmp_path: Path, rgb: np.ndarray, axis: str, missing: str
) -> None:
    write_ome(tmp_path / "a.ome.tif", rgb, **{f"PhysicalSize{axis}": 0.3})
    with pytest.warns(UserWarning, match=rf"a\.ome\.tif.*not their {missing}.*square"):
        slide = open_slide(tmp_path / "a.ome.tif")
    assert (slide.mpp, slide.mpp_source) == (0.3, "metadata")


def write_aperio(path: Path, rgb: np.ndarray, facts: str) -> None:
    large = np.tile(rgb, (5, 5, 1))
    description = f"Aperio Image Library v12.0.5\r\n{large.shape[1]}x{large.shape[0]}{facts}"
    options = {"photometric": "rgb", "tile": (240, 240), "metadata": None}
    tifffile.imwrite(path, large, description=description, **options)


@pytest.mark.parametrize("with_openslide", [True, False])
@pytest.mark.parametrize(("magnification", "mpp"), [(40, 0.25), (20, 0.5), (10, 1.0)])
def test_a_magnification_gives_an_estimate(
    tmp_path: Path,
    rgb: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    with_openslide: bool,
    magnification: int,
    mpp: float,
) -> None:
    if not with_openslide:
        monkeypatch.setitem(sys.modules, "openslide", None)
    write_aperio(tmp_path / "a.svs", rgb, f"|AppMag = {magnification}")
    with pytest.warns(UserWarning, match=rf"{magnification}x.*{mpp:g} µm/px is estimated.*--mpp"):
        slide = open_slide(tmp_path / "a.svs")
    assert (slide.mpp, slide.mpp_source) == (mpp, "estimated")
    assert slide.kind == ("openslide" if with_openslide else "tiff")
    assert "estimated from the magnification" in repr(slide)
    assert open_slide(tmp_path / "a.svs", mpp=0.3).mpp_source == "given"
    write_aperio(tmp_path / "b.svs", rgb, f"|AppMag = {magnification}|MPP = 0.2")
    assert (open_slide(tmp_path / "b.svs").mpp, open_slide(tmp_path / "b.svs").mpp_source) == (
        0.2,
        "metadata",
    )


@pytest.mark.parametrize("magnification", ["0", "-20", "many", "1e9", "nan", ""])
def test_impossible_magnifications_give_none(
    tmp_path: Path, rgb: np.ndarray, magnification: str
) -> None:
    write_aperio(tmp_path / "a.svs", rgb, f"|AppMag = {magnification}")
    with pytest.warns(UserWarning, match="is assumed"):
        assert open_slide(tmp_path / "a.svs").mpp_source == "default"


def test_magnification_in_ome_xml(tmp_path: Path, rgb: np.ndarray) -> None:
    head = (
        '<Instrument ID="I:0"><Objective ID="Objective:1" NominalMagnification="5"/>'
        '<Objective ID="Objective:0" NominalMagnification="20.0"/></Instrument>'
    )
    write_ome(tmp_path / "a.ome.tif", rgb, head)
    with pytest.warns(UserWarning, match="20x"):
        slide = open_slide(tmp_path / "a.ome.tif")
    assert (slide.mpp, slide.mpp_source) == (0.5, "estimated")


def test_a_pixel_size_settled_before_keeps_its_origin(rgb: np.ndarray) -> None:
    slide = open_slide(rgb, mpp=0.5).with_mpp(0.25, "estimated")
    assert (slide.mpp, slide.mpp_source) == (0.25, "estimated")
    assert slide.crop(Region(0, 0, 40, 40)).mpp_source == "estimated"


def test_every_origin_has_words() -> None:
    words = {source: describe_source(source) for source in get_args(MppSource)}
    assert words["metadata"] == "from the file"
    assert words["given"] == "from you"
    assert words["default"] == "assumed"
    assert words["estimated"] == "estimated from the magnification"


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
