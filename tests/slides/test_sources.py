"""Pyramids, Zarr folders, layers and whole-slide formats."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_glands.errors import GlandsError
from napari_glands.slides import Region, Slide, open_slide
from napari_glands.slides.sources import openslide as openslide_source
from napari_glands.slides.sources.cache import PixelCache


def write_pyramid(path: Path, levels: list[np.ndarray]) -> None:
    options = {"photometric": "rgb", "tile": (128, 128), "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        writer.write(levels[0], subifds=len(levels) - 1, metadata=metadata, **options)
        for level in levels[1:]:
            writer.write(level, subfiletype=1, **options)


def write_zarr(
    path: Path, levels: list[np.ndarray], axes: str, *, version: str = "0.4", unit: str | None
) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for index, level in enumerate(levels):
        group.create_array(str(index), data=level, chunks=tuple(min(64, n) for n in level.shape))
        scale = [0.5 * 2**index if axis in "yx" else 1.0 for axis in axes]
        transformation = {"type": "scale", "scale": scale}
        datasets.append({"path": str(index), "coordinateTransformations": [transformation]})
    kinds = {"t": "time", "c": "channel"}
    named = [
        {"name": a, "type": kinds.get(a, "space")} | ({"unit": unit} if unit and a in "yx" else {})
        for a in axes
    ]
    multiscales = [{"version": version, "axes": named, "datasets": datasets}]
    if version == "0.4":
        group.attrs["multiscales"] = multiscales
    else:
        group.attrs["ome"] = {"version": version, "multiscales": multiscales}


def test_a_tiled_pyramid_is_read_tile_by_tile(tmp_path: Path, large_rgb: np.ndarray) -> None:
    path = tmp_path / "a.ome.tif"
    levels = [large_rgb, large_rgb[::2, ::2] // 2]
    write_pyramid(path, levels)
    slide = open_slide(path)
    assert (slide.kind, slide.mpp) == ("tiff", 0.5)
    assert [level.shape for level in slide.levels] == [(700, 1000), (350, 500)]
    np.testing.assert_array_equal(slide.read(), large_rgb)
    np.testing.assert_array_equal(slide.read(1.0), levels[1])
    region = Region(100, 220, 301, 99)
    np.testing.assert_array_equal(slide.read(region=region), large_rgb[100:401, 220:319])
    for stored, shown in zip(levels, slide.pyramid(), strict=True):
        np.testing.assert_array_equal(shown.compute(), stored)


def test_opening_a_pyramid_decodes_nothing(
    tmp_path: Path, large_rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ome.tif"
    write_pyramid(path, [large_rgb, large_rgb[::2, ::2]])
    decoded = []
    original = tifffile.TiffPage.decode.func

    def spy(page):
        decode = original(page)

        def counted(data, index, **kwargs):
            decoded.append(index)
            return decode(data, index, **kwargs)

        return counted

    monkeypatch.setattr(tifffile.TiffPage, "decode", property(spy))
    slide = open_slide(path)
    slide.pyramid()
    assert slide.shape == (700, 1000)
    assert not decoded
    slide.read(region=Region(0, 0, 100, 100))
    assert 1 <= len(decoded) <= 4


def test_a_closed_slide_opens_again_and_travels(tmp_path: Path, large_rgb: np.ndarray) -> None:
    path = tmp_path / "a.ome.tif"
    write_pyramid(path, [large_rgb])
    slide = open_slide(path)
    slide.close()
    copy = pickle.loads(pickle.dumps(slide))
    for one in (slide, copy):
        np.testing.assert_array_equal(one.read(), large_rgb)


def test_16_bit_and_palette_pyramids(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb.astype(np.uint16) * 16, photometric="rgb", tile=(32, 32))
    assert np.abs(open_slide(path, mpp=1).read().astype(int) - rgb).max() <= 2
    colors = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint16)
    index = rgb[..., 0]
    options = {"photometric": "palette", "colormap": colors.T * 257, "tile": (32, 32)}
    tifffile.imwrite(path, index, **options)
    np.testing.assert_array_equal(open_slide(path, mpp=1).read(), colors[index])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["cyx", "yxc", "tczyx", "zyxc"])
def test_ome_zarr(tmp_path: Path, large_rgb: np.ndarray, version: str, axes: str) -> None:
    levels = [large_rgb, large_rgb[::2, ::2]]
    order = {"cyx": (2, 0, 1), "tczyx": (2, 0, 1)}.get(axes, (0, 1, 2))
    lead = {"tczyx": (None, slice(None), None), "zyxc": (None,)}.get(axes, ())
    path = tmp_path / "scan.zarr"
    stored = [level.transpose(order)[lead] for level in levels]
    write_zarr(path, stored, axes, version=version, unit="micrometer")
    slide = open_slide(path)
    assert (slide.name, slide.kind, slide.mpp_source) == ("scan", "ome-zarr", "metadata")
    assert slide.mpp == 0.5
    assert [level.shape for level in slide.levels] == [(700, 1000), (350, 500)]
    np.testing.assert_array_equal(slide.read(), large_rgb)
    np.testing.assert_array_equal(slide.read(1.0), levels[1])
    assert pickle.loads(pickle.dumps(slide)) == slide


def test_ome_zarr_without_unit_does_not_state_its_pixel_size(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    write_zarr(tmp_path / "a.zarr", [rgb], "yxc", unit=None)
    with pytest.warns(UserWarning, match=r"a\.zarr"):
        open_slide(tmp_path / "a.zarr")
    write_zarr(tmp_path / "b.zarr", [rgb], "yxc", unit="millimeter")
    assert open_slide(tmp_path / "b.zarr", mpp=0.4).mpp == 0.4


def test_labels_beside_an_ome_zarr_image_do_not_make_it_another(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    path = tmp_path / "a.zarr"
    write_zarr(path, [rgb], "yxc", unit="micrometer")
    before = open_slide(path).checksum
    (path / "labels").mkdir()
    (path / "labels" / ".zattrs").write_text("{}")
    assert open_slide(path).checksum == before


def test_ome_zarr_of_a_converter_and_bare_arrays(tmp_path: Path, rgb: np.ndarray) -> None:
    outer = tmp_path / "a.zarr"
    zarr.open_group(outer, mode="w", zarr_format=2)
    write_zarr(outer / "0", [rgb], "yxc", unit="micrometer")
    np.testing.assert_array_equal(open_slide(outer).read(), rgb)
    zarr.create_array(tmp_path / "b.zarr", data=rgb)
    np.testing.assert_array_equal(open_slide(tmp_path / "b.zarr", mpp=1).read(), rgb)


@pytest.mark.parametrize(("shape", "word"), [((4, 64, 64), "4"), ((2, 64, 64), "2 channels")])
def test_fluorescence_ome_zarr_is_refused(
    tmp_path: Path, shape: tuple[int, ...], word: str
) -> None:
    write_zarr(tmp_path / "f.zarr", [np.zeros(shape, np.uint16)], "cyx", unit="micrometer")
    with pytest.raises(GlandsError, match=rf"f\.zarr.*{word}"):
        open_slide(tmp_path / "f.zarr")


def test_time_series_ome_zarr_is_refused(tmp_path: Path) -> None:
    write_zarr(tmp_path / "f.zarr", [np.zeros((3, 64, 64), np.uint8)], "tyx", unit=None)
    with pytest.raises(GlandsError, match="stack of 3"):
        open_slide(tmp_path / "f.zarr")


def layer(data: object, **attributes: object) -> SimpleNamespace:
    defaults = {"rgb": True, "multiscale": False, "scale": np.ones(2), "name": "my layer"}
    return SimpleNamespace(data=data, **(defaults | attributes))


def test_layers(rgb: np.ndarray) -> None:
    slide = open_slide(layer(rgb), mpp=0.5)
    assert (slide.name, slide.kind, slide.path) == ("my layer", "layer", None)
    np.testing.assert_array_equal(slide.read(), rgb)
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(open_slide(layer(rgba), mpp=0.5).read(), rgb)
    pyramid = [da.from_array(rgb), da.from_array(rgb[::2, ::2])]
    several = open_slide(layer(pyramid, multiscale=True), mpp=0.5)
    assert len(several.levels) == 2
    np.testing.assert_array_equal(several.read(1.0), rgb[::2, ::2])
    gray = open_slide(layer(rgb[..., 0], rgb=False), mpp=0.5)
    assert (gray.read()[..., 2] == rgb[..., 0]).all()


@pytest.mark.parametrize(
    ("scale", "units", "mpp"),
    [
        ((0.5, 0.5), ("micrometer", "micrometer"), 0.5),
        ((1, 0.5, 0.5), ("pixel", "µm", "µm"), 0.5),
        ((500, 500), ("nanometer", "nanometer"), 0.5),
        ((0.5, 0.5), "um", 0.5),
        ((0.5, 0.5), ("pixel", "pixel"), None),
        ((0.5, 0.5), None, None),
    ],
)
def test_the_scale_of_a_layer_counts_in_units_of_length(
    rgb: np.ndarray, scale: tuple, units: object, mpp: float | None
) -> None:
    source = layer(rgb, scale=np.array(scale), units=units)
    if mpp is None:
        with pytest.warns(UserWarning, match="my layer"):
            open_slide(source)
    else:
        assert open_slide(source).mpp == pytest.approx(mpp)


def test_a_stack_in_a_layer_is_refused() -> None:
    with pytest.raises(GlandsError, match=r"my layer.*stack of 9"):
        open_slide(layer(np.zeros((9, 64, 64)), rgb=False))


def test_layers_that_hold_no_image() -> None:
    shapes = SimpleNamespace(data=[], multiscale=False, name="outlines")
    with pytest.raises(GlandsError, match=r"outlines.*not an image layer"):
        open_slide(shapes)


@pytest.fixture(params=["CMU-1-Small-Region.svs", "CMU-1-Small-Region-dicom"])
def cmu(request: pytest.FixtureRequest, shared_data: Path) -> Slide:
    return open_slide(shared_data / "slides" / request.param)


def test_openslide_formats(cmu: Slide) -> None:
    assert (cmu.kind, cmu.shape) == ("openslide", (2967, 2220))
    assert cmu.read(1.24).shape == (1194, 893, 3)
    tissue = cmu.read(1.24)
    assert 150 < tissue.mean() < 230
    copy = pickle.loads(pickle.dumps(cmu))
    np.testing.assert_array_equal(copy.read(1.24), tissue)
    cmu.close()
    np.testing.assert_array_equal(cmu.read(1.24), tissue)


def test_openslide_is_read_by_threads(cmu: Slide) -> None:
    whole = cmu.read()
    regions = [Region(y, x, 200, 150) for y in range(0, 2700, 300) for x in range(0, 2000, 290)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda r: cmu.read(region=r), regions))
    for r, part in zip(regions, parts, strict=True):
        np.testing.assert_array_equal(part, whole[r.y : r.y + 200, r.x : r.x + 150])
    np.testing.assert_array_equal(
        cmu.pyramid()[0][500:1300, 900:1400].compute(), whole[500:1300, 900:1400]
    )


def test_svs_and_dicom_show_the_same_tissue(shared_data: Path) -> None:
    svs = open_slide(shared_data / "slides" / "CMU-1-Small-Region.svs")
    dicom = open_slide(shared_data / "slides" / "CMU-1-Small-Region-dicom")
    region = Region(711, 523, 900, 801)
    for mpp in (0.499, 0.9, 1.24):
        one, other = (s.read(mpp, region).astype(float) for s in (svs, dicom))
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 5
        shifted = np.abs(one[1:] - other[:-1]).mean()
        assert np.abs(one - other).mean() < shifted / 2
    assert svs != dicom


def test_a_dicom_file_stands_for_its_slide(shared_data: Path) -> None:
    folder = shared_data / "slides" / "CMU-1-Small-Region-dicom"
    file = max(folder.iterdir(), key=lambda p: p.stat().st_size)
    slide = open_slide(file)
    region = Region(100, 100, 300, 200)
    np.testing.assert_array_equal(slide.read(region=region), open_slide(folder).read(region=region))


def test_a_folder_with_two_dicom_slides_asks_which(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared_data / "slides" / "CMU-1-Small-Region-dicom"
    monkeypatch.setattr(
        openslide_source.OpenSlideSource,
        "properties",
        property(lambda self: {"dicom.SeriesInstanceUID": self._file.name}),
    )
    with pytest.raises(GlandsError, match=r"holds 4 slides.*one file"):
        open_slide(folder)


def test_without_openslide_tiff_slides_still_open(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_data / "slides" / "CMU-1-Small-Region.svs"
    expected = open_slide(path).read(2)
    monkeypatch.setitem(sys.modules, "openslide", None)
    slide = open_slide(path)
    assert (slide.kind, slide.mpp) == ("tiff", 0.499)
    assert np.abs(slide.read(2).astype(int) - expected).mean() < 1
    with pytest.raises(GlandsError, match="OpenSlide"):
        open_slide(shared_data / "slides" / "CMU-1-Small-Region-dicom")


def test_slides_are_cut_to_their_bounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import openslide
    from PIL import Image

    class Mirax:
        dimensions = (4000, 3000)
        level_dimensions = ((4000, 3000), (1000, 750))
        level_downsamples = (1.0, 4.0)
        properties = {  # noqa: RUF012
            "openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25",
            "openslide.bounds-x": "1000", "openslide.bounds-y": "400",
            "openslide.bounds-width": "2000", "openslide.bounds-height": "1600",
        }  # fmt: skip

        def __init__(self, file: Path) -> None: ...

        def read_region(self, corner, level, size):
            image = Image.new("RGBA", size, (0, 0, 0, 0))
            image.paste((corner[0] // 20, corner[1] // 20, level, 255), (0, 0, 9, 9))
            return image

    monkeypatch.setattr(openslide, "OpenSlide", Mirax)
    source = openslide_source.OpenSlideSource(tmp_path, tmp_path)
    assert source.shapes == ((1600, 2000), (400, 500))
    pixels = source.read(1, 100, 50, 60, 70)
    assert tuple(pixels[0, 0]) == ((1000 + 200) // 20, (400 + 400) // 20, 1)
    assert (pixels[20:] == 255).all()


def test_the_cache_lets_the_oldest_go() -> None:
    cache = PixelCache(2500)
    made = []

    def make(key: int):
        def inner() -> np.ndarray:
            made.append(key)
            return np.zeros(1000, np.uint8)

        return inner

    for key in (1, 2, 1, 3, 1, 2):
        cache.get(key, make(key))
    assert made == [1, 2, 3, 2]
    cache.drop(1)
    cache.get(1, make(1))
    assert made[-1] == 1
