"""Every way of storing colours ends as the same 8-bit RGB."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import Region, open_slide


def read(source: object) -> np.ndarray:
    pixels = open_slide(source, mpp=0.5).read()
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    return pixels


def gray_of(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., 0].copy()


def gray_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_rgb_files_are_read_exactly(tmp_path: Path, rgb: np.ndarray, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(rgb).save(path, **({"lossless": True} if ending == "webp" else {}))
    np.testing.assert_array_equal(read(path), rgb)


def test_jpeg_is_read_nearly(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read(tmp_path / "a.jpg").astype(int) - rgb).max() < 12


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_grayscale_is_repeated(tmp_path: Path, rgb: np.ndarray, ending: str) -> None:
    gray = gray_of(rgb)
    Image.fromarray(gray).save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"a.{ending}"), gray_rgb(gray))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_transparency_is_laid_on_white(tmp_path: Path, rgb: np.ndarray, ending: str) -> None:
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:30] = 0
    alpha[30:40] = 128
    rgba = np.dstack([rgb, alpha])
    Image.fromarray(rgba).save(tmp_path / f"a.{ending}")
    pixels = read(tmp_path / f"a.{ending}")
    assert (pixels[:30] == 255).all()
    np.testing.assert_array_equal(pixels[40:], rgb[40:])
    halfway = (rgb[30:40].astype(float) * 128 + 255 * 127) / 255
    assert np.abs(pixels[30:40] - halfway).max() <= 1
    np.testing.assert_array_equal(read(rgba), pixels)


def test_premultiplied_tiff_alpha_is_not_applied_twice(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.full((*rgb.shape[:2], 1), 128, np.uint8)
    stored = np.dstack([(rgb // 2), alpha])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    expected = (rgb // 2).astype(int) + 127
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


def test_a_fourth_channel_that_is_not_alpha_is_dropped(tmp_path: Path, rgb: np.ndarray) -> None:
    stored = np.dstack([rgb, np.zeros(rgb.shape[:2], np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), rgb)


def test_gray_with_alpha(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:10] = 0
    Image.fromarray(np.dstack([gray_of(rgb), alpha]), "LA").save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")
    assert (pixels[:10] == 255).all()
    np.testing.assert_array_equal(pixels[10:], gray_rgb(gray_of(rgb))[10:])


@pytest.mark.parametrize("ending", ["png", "gif", "tif", "bmp"])
def test_palettes_are_looked_up(tmp_path: Path, ending: str) -> None:
    colors = np.array([[200, 30, 90], [10, 220, 40], [250, 250, 250]], np.uint8)
    index = np.zeros((40, 50), np.uint8)
    index[:, 10:] = 1
    index[20:] = 2
    image = Image.fromarray(index, "P")
    image.putpalette(colors.tobytes())
    image.save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"a.{ending}"), colors[index])


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    index = np.zeros((40, 50), np.uint8)
    index[20:] = 1
    image = Image.fromarray(index, "P")
    image.putpalette(bytes([200, 30, 90, 10, 20, 30]))
    image.save(tmp_path / "a.png", transparency=1)
    pixels = read(tmp_path / "a.png")
    assert (pixels[:20] == [200, 30, 90]).all()
    assert (pixels[20:] == 255).all()


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_one_bit(tmp_path: Path, ending: str) -> None:
    bits = np.zeros((40, 50), bool)
    bits[10:30, 7:31] = True
    Image.fromarray(bits).save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read(tmp_path / f"a.{ending}"), gray_rgb(bits * np.uint8(255)))


def test_gray_tiff_where_zero_is_white(tmp_path: Path, rgb: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 255 - gray_of(rgb), photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), gray_rgb(gray_of(rgb)))


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk(tmp_path: Path, ending: str) -> None:
    ink = np.zeros((40, 48, 4), np.uint8)
    ink[:, :16, 0] = 255  # cyan
    ink[:, 16:32, 1] = 255  # magenta
    Image.fromarray(ink, "CMYK").save(tmp_path / f"a.{ending}")
    pixels = read(tmp_path / f"a.{ending}").astype(int)
    for x, expected in ((4, (0, 255, 255)), (24, (255, 0, 255)), (44, (255, 255, 255))):
        assert np.abs(pixels[20, x] - expected).max() < 12


def test_exif_orientation_turns_the_image(tmp_path: Path, rgb: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90° clockwise to view
    Image.fromarray(rgb).save(tmp_path / "a.jpg", exif=exif, quality=95)
    pixels = read(tmp_path / "a.jpg")
    assert pixels.shape == (90, 60, 3)
    assert np.abs(pixels.astype(int) - np.rot90(rgb, -1)).max() < 12


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(("bits", "factor"), [(16, 257), (12, 16), (8, 1)])
def test_words_are_scaled_by_the_bits_in_use(
    tmp_path: Path, rgb: np.ndarray, ending: str, bits: int, factor: int
) -> None:
    rgb[0, 0] = 255
    words = rgb.astype(np.uint16) * factor
    path = tmp_path / f"a.{ending}"
    if ending == "png":
        path.write_bytes(imagecodecs.png_encode(words))
    else:
        tifffile.imwrite(path, words, photometric="rgb")
    assert np.abs(read(path).astype(int) - rgb).max() <= 1


def test_the_scale_is_that_of_the_whole_image(rgb: np.ndarray) -> None:
    words = rgb.astype(np.uint16)
    words[-1, -1] = 4095
    slide = open_slide(words, mpp=0.5)
    part = slide.read(region=Region(0, 0, 40, 40))
    np.testing.assert_array_equal(part, slide.read()[:40, :40])
    assert part.max() < 20


def test_16_bit_gray_png(tmp_path: Path, rgb: np.ndarray) -> None:
    words = gray_of(rgb).astype(np.uint16) * 257
    Image.fromarray(words).save(tmp_path / "a.png")
    assert np.abs(read(tmp_path / "a.png").astype(int) - gray_rgb(gray_of(rgb))).max() <= 1


def test_16_bit_alpha_keeps_its_own_scale(tmp_path: Path, rgb: np.ndarray) -> None:
    words = np.dstack([rgb.astype(np.uint16) * 16, np.full(rgb.shape[:2], 65535, np.uint16)])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(words))
    assert np.abs(read(tmp_path / "a.png").astype(int) - rgb).max() <= 2
    assert np.abs(read(words).astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_run_from_0_to_1_or_to_255(rgb: np.ndarray, dtype: type) -> None:
    assert np.abs(read((rgb / 255).astype(dtype)).astype(int) - rgb).max() <= 1
    assert np.abs(read(rgb.astype(dtype)).astype(int) - rgb).max() <= 1


def test_booleans_and_signed_integers(rgb: np.ndarray) -> None:
    mask = rgb[..., 0] > 100
    np.testing.assert_array_equal(read(mask), gray_rgb(mask * np.uint8(255)))
    np.testing.assert_array_equal(read(rgb.astype(np.int64)), rgb)


def test_channels_first_and_leading_single_axes(rgb: np.ndarray) -> None:
    np.testing.assert_array_equal(read(rgb.transpose(2, 0, 1)), rgb)
    np.testing.assert_array_equal(read(rgb[None, None]), rgb)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.full((40, 40), np.nan), "finite"),
        (np.full((40, 40), -1.0), "negative"),
        (np.full((40, 40), -3, np.int16), "negative"),
        (np.full((40, 40), 1e6), "beyond"),
        (np.full((40, 40), 1 << 20), "beyond"),
        (np.full((40, 40), 1j), "complex"),
    ],
)
def test_numbers_that_are_no_image(values: np.ndarray, word: str) -> None:
    with pytest.raises(GlandsError, match=word):
        open_slide(values, mpp=0.5, name="odd").read()


@pytest.mark.parametrize(
    ("shape", "word"),
    [
        ((40, 50, 2), "2 channels"),
        ((40, 50, 7), "7 channels"),
        ((5, 60, 50), "stack of 5"),
        ((2, 1, 60, 50), "not an image"),
        ((60,), "not an image"),
        ((0, 50, 3), "empty"),
        ((10, 50, 3), "too small"),
    ],
)
def test_shapes_that_are_no_image(shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(GlandsError, match=word):
        open_slide(np.zeros(shape, np.uint8), mpp=0.5)


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_fluorescence_tiff_is_refused(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "fluo.ome.tif"
    data = np.zeros((channels, 64, 64), np.uint16)
    tifffile.imwrite(path, data, metadata={"axes": "CYX"}, photometric="minisblack")
    with pytest.raises(GlandsError, match=rf"fluo\.ome\.tif.*{channels}.*channels"):
        open_slide(path)


def test_three_channel_planes_are_rgb(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "planes.ome.tif"
    data = rgb.transpose(2, 0, 1)
    tifffile.imwrite(path, data, metadata={"axes": "CYX"}, photometric="minisblack")
    np.testing.assert_array_equal(read(path), rgb)


def test_stacks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((6, 64, 64), np.uint8), photometric="minisblack")
    with pytest.raises(GlandsError, match=r"stack\.tif.*stack of 6"):
        open_slide(path)
    Image.new("RGB", (64, 64)).save(
        tmp_path / "film.gif", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")]
    )
    with pytest.raises(GlandsError, match=r"film\.gif.*2 frames"):
        open_slide(tmp_path / "film.gif")
