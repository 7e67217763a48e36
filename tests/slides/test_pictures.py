"""Which picture of a file is opened, and how its smaller copies are told from other pictures."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import FilePicture, Region, SeveralPictures, open_slide, pictures_in

OPTIONS = {"photometric": "rgb", "metadata": None}
SIZES = [(300, 400), (250, 500), (200, 150)]


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """uint8 RGB with blobs of some size, different for each seed."""
    coarse = np.random.default_rng(seed).integers(30, 255, (12, 12, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def shrunk(pixels: np.ndarray, factor: int) -> np.ndarray:
    size = pixels.shape[1] // factor, pixels.shape[0] // factor
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


@pytest.fixture
def whole() -> np.ndarray:
    return texture(800, 1000, 0)


def write_pages(path: Path, pages: list[np.ndarray], *options: dict) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for page, own in zip(pages, options or [{}] * len(pages), strict=True):
            writer.write(page, **(OPTIONS | own))
    return path


@pytest.fixture
def sections(tmp_path: Path) -> Path:
    pages = [texture(*size, seed) for seed, size in enumerate(SIZES)]
    return write_pages(tmp_path / "sections.tif", pages)


@pytest.mark.parametrize("other", ["another picture", "the same, smaller"])
@pytest.mark.parametrize("tile", [None, (128, 128)])
def test_a_thumbnail_in_front_is_not_the_slide(
    tmp_path: Path, whole: np.ndarray, other: str, tile: tuple | None
) -> None:
    thumbnail = shrunk(whole, 10) if other == "the same, smaller" else texture(80, 100, 9)
    path = write_pages(tmp_path / "a.tif", [thumbnail, whole], {"subfiletype": 1}, {"tile": tile})
    slide = open_slide(path, mpp=0.5)
    assert (slide.shape, slide.picture) == ((800, 1000), None)
    np.testing.assert_array_equal(slide.read(), whole)
    seen = slide.read(5.0).astype(int)
    assert np.abs(seen - shrunk(whole, 10)).mean() < 3
    assert len(pictures_in(path)) == 1


def test_the_full_picture_may_lie_below_its_thumbnail(tmp_path: Path, whole: np.ndarray) -> None:
    path = tmp_path / "camera.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(shrunk(whole, 10), subfiletype=1, subifds=1, **OPTIONS)
        writer.write(whole, subfiletype=0, **OPTIONS)
    np.testing.assert_array_equal(open_slide(path, mpp=0.5).read(), whole)


def test_a_mask_of_transparency_is_no_picture(tmp_path: Path, whole: np.ndarray) -> None:
    mask = np.ones(whole.shape[:2], bool)
    options = {"subfiletype": 4, "photometric": "minisblack"}
    path = write_pages(tmp_path / "a.tif", [whole, mask, mask[::2, ::2]], {}, options, options)
    np.testing.assert_array_equal(open_slide(path, mpp=0.5).read(), whole)


def test_a_file_with_nothing_but_a_thumbnail_opens_it(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", [texture(80, 100, 0)], {"subfiletype": 1})
    assert open_slide(path, mpp=0.5).shape == (80, 100)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("tile", [None, (128, 128)])
@pytest.mark.parametrize("metadata", [None, {}])
def test_the_pages_of_a_pyramid_are_its_levels_in_any_order(
    tmp_path: Path,
    whole: np.ndarray,
    order: tuple,
    marked: bool,
    tile: tuple | None,
    metadata: dict | None,
) -> None:
    levels = [whole, shrunk(whole, 2), shrunk(whole, 4)]
    pages = [levels[index] for index in order]
    options = [
        {"subfiletype": int(marked and index > 0), "tile": tile, "metadata": metadata}
        for index in order
    ]
    slide = open_slide(write_pages(tmp_path / "a.tif", pages, *options), mpp=0.5)
    assert [level.shape for level in slide.levels] == [(800, 1000), (400, 500), (200, 250)]
    np.testing.assert_array_equal(slide.read(), whole)
    np.testing.assert_array_equal(slide.read(2.0), levels[2])


def test_noise_shrunk_by_picking_pixels_is_a_level_too(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (640, 800, 3)).astype(np.uint8)
    path = write_pages(tmp_path / "a.tif", [noise[::2, ::2], noise])
    slide = open_slide(path, mpp=0.5)
    assert [level.shape for level in slide.levels] == [(640, 800), (320, 400)]


def test_other_pictures_of_half_the_size_are_no_levels(tmp_path: Path) -> None:
    pages = [texture(400, 500, 1), texture(200, 250, 2), texture(100, 125, 3)]
    assert len(pictures_in(write_pages(tmp_path / "a.tif", pages))) == 3


@pytest.mark.parametrize("metadata", [None, {}])
def test_several_sections_are_asked_about(tmp_path: Path, metadata: dict | None) -> None:
    pages = [texture(*size, seed) for seed, size in enumerate(SIZES)]
    path = write_pages(tmp_path / "three.tif", pages, *[{"metadata": metadata}] * 3)
    with pytest.raises(
        SeveralPictures, match=r"three\.tif holds 3 pictures.*1: 400 × 300"
    ) as error:
        open_slide(path)
    assert [picture.shape for picture in error.value.pictures] == SIZES
    assert pictures_in(path) == error.value.pictures
    assert [picture.number for picture in pictures_in(path)] == [1, 2, 3]
    for number, page in enumerate(pages, start=1):
        slide = open_slide(path, mpp=0.5, picture=number)
        assert slide.picture == number
        np.testing.assert_array_equal(slide.read(), page)


def test_pictures_are_slides_of_their_own(sections: Path) -> None:
    one, two = (open_slide(sections, mpp=0.5, picture=number) for number in (1, 2))
    assert one != two
    assert len({one.id, two.id}) == len({one.name, two.name}) == 2
    assert open_slide(sections, mpp=0.5, picture=2) == two
    for kept in (pickle.loads(pickle.dumps(two)), two.with_mpp(0.4)):
        assert (kept.picture, kept.checksum) == (2, two.checksum)
        np.testing.assert_array_equal(kept.read(0.5), two.read(0.5)) if kept.mpp == 0.5 else None
    crop = two.crop(Region(10, 20, 100, 110))
    assert crop.picture == 2
    np.testing.assert_array_equal(crop.read(), two.read()[10:110, 20:130])
    two.close()
    assert two.read().shape == (250, 500, 3)


@pytest.mark.parametrize("number", [0, 4, -1, 99])
def test_a_picture_that_is_not_there(sections: Path, number: int) -> None:
    with pytest.raises(
        GlandsError, match=rf"sections\.tif has no picture {number}.*3 pictures.*3:"
    ):
        open_slide(sections, picture=number)


def test_the_only_picture_may_be_named(tmp_path: Path, rgb: np.ndarray) -> None:
    write_pages(tmp_path / "a.tif", [rgb])
    Image.fromarray(rgb).save(tmp_path / "a.png")
    zarr.create_array(tmp_path / "a.zarr", data=rgb)
    for source in (tmp_path / "a.tif", tmp_path / "a.png", tmp_path / "a.zarr", rgb):
        plain, named = open_slide(source, mpp=0.5), open_slide(source, mpp=0.5, picture=1)
        assert named.picture is None
        assert (named.checksum, named.id) == (plain.checksum, plain.id)
        with pytest.raises(GlandsError, match=r"no picture 2.*one picture.*90 × 60"):
            open_slide(source, mpp=0.5, picture=2)
    assert pictures_in(tmp_path / "a.png") == (FilePicture(1, "", (60, 90)),)


def test_an_open_slide_stays_the_picture_that_it_is(sections: Path, rgb: np.ndarray) -> None:
    two = open_slide(sections, mpp=0.5, picture=2)
    assert open_slide(two) is open_slide(two, picture=2) is two
    with pytest.raises(GlandsError, match="picture 2 of its file, not picture 1"):
        open_slide(two, picture=1)
    plain = open_slide(rgb, mpp=0.5)
    assert open_slide(plain, picture=1) is plain
    with pytest.raises(GlandsError, match="no picture 2"):
        open_slide(plain, picture=2)


def test_pages_of_one_size_are_a_stack_and_refused(tmp_path: Path) -> None:
    pages = [texture(100, 120, seed) for seed in range(3)]
    path = write_pages(tmp_path / "stack.tif", pages)
    with pytest.raises(GlandsError, match=r"stack\.tif: it is a stack of 3"):
        open_slide(path, mpp=0.5)


def test_pages_of_one_size_among_others_are_pictures(tmp_path: Path) -> None:
    pages = [texture(100, 120, 1), texture(100, 120, 2), texture(90, 150, 3)]
    path = write_pages(tmp_path / "mixed.tif", pages)
    assert len(pictures_in(path)) == 3
    np.testing.assert_array_equal(open_slide(path, mpp=0.5, picture=2).read(), pages[1])


def write_ome(path: Path, images: dict[str, np.ndarray], **sizes: float) -> Path:
    with tifffile.TiffWriter(path, ome=True) as writer:
        for name, pixels in images.items():
            writer.write(pixels, photometric="rgb", metadata={"axes": "YXS", "Name": name, **sizes})
    return path


def test_the_images_of_an_ome_tiff(tmp_path: Path) -> None:
    images = {"first": texture(300, 400, 1), "second": texture(200, 420, 2)}
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for (name, pixels), size in zip(images.items(), (0.5, 0.25), strict=True):
            metadata = {"axes": "YXS", "Name": name, "PhysicalSizeX": size, "PhysicalSizeY": size}
            writer.write(pixels, photometric="rgb", metadata=metadata)
    with pytest.raises(SeveralPictures, match=r"1: 400 × 300 \(first\), 2: 420 × 200 \(second\)"):
        open_slide(path)
    two = open_slide(path, picture=2)
    assert (two.mpp, two.name) == (0.25, "two picture 2")
    np.testing.assert_array_equal(two.read(), images["second"])


def test_images_of_one_size_in_an_ome_tiff_are_pictures(tmp_path: Path) -> None:
    images = {"a": texture(300, 400, 1), "b": texture(300, 400, 2)}
    path = write_ome(tmp_path / "two.ome.tif", images)
    np.testing.assert_array_equal(open_slide(path, mpp=1, picture=2).read(), images["b"])


@pytest.mark.parametrize("names", [("label image", "macro image"), ("Thumbnail", "Overview")])
def test_labels_and_macros_are_no_pictures(tmp_path: Path, names: tuple[str, str]) -> None:
    images = {names[0]: texture(90, 80, 3), "scan": texture(300, 400, 1)}
    images[names[1]] = texture(120, 300, 2)
    path = write_ome(tmp_path / "a.ome.tif", images, PhysicalSizeX=0.5, PhysicalSizeY=0.5)
    slide = open_slide(path)
    assert (slide.shape, slide.picture, slide.mpp) == ((300, 400), None, 0.5)


def test_an_aperio_file_opens_its_scan(tmp_path: Path, whole: np.ndarray) -> None:
    pages = [whole, texture(200, 260, 1), shrunk(whole, 4), texture(70, 80, 2), texture(60, 200, 3)]
    tile = {"tile": (240, 240)}
    header = "Aperio Image Library v1.0\n1000x800|MPP = 0.25|AppMag = 40"
    options = [
        {**tile, "description": header},
        {},
        {**tile, "description": header},
        {"subfiletype": 1, "description": "Aperio Image Library v1.0\nlabel 80x70"},
        {"subfiletype": 9, "description": "Aperio Image Library v1.0\nmacro 200x60"},
    ]
    slide = open_slide(write_pages(tmp_path / "a.svs", pages, *options))
    assert (slide.shape, slide.mpp, slide.picture) == ((800, 1000), 0.25, None)


def test_real_slides_hold_one_picture(shared_data: Path) -> None:
    for name in ("CMU-1-Small-Region.svs", "CMU-1-Small-Region-dicom", "OS-1-detail.ome.tif"):
        assert len(pictures_in(shared_data / "slides" / name)) == 1
