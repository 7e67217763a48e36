"""What cannot be opened says which file it is and what to do."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import open_slide


def cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(GlandsError) as caught:
        open_slide(path, mpp=0.5).read()
    message = str(caught.value)
    for word in (path.name, *words):
        assert word in message


def test_missing_file(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nowhere.svs", "no file", "check the path")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.tif"
    path.touch()
    assert_refused(path, "empty (0 bytes)")


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.02])
def test_truncated_flat_files(
    tmp_path: Path, large_rgb: np.ndarray, ending: str, share: float
) -> None:
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(large_rgb).save(path)
    cut(path, share)
    assert_refused(path, "damaged or incomplete", "again")


@pytest.mark.parametrize("options", [{}, {"tile": (256, 256)}, {"compression": "deflate"}])
@pytest.mark.parametrize("share", [0.9, 0.1])
def test_truncated_tiff(tmp_path: Path, large_rgb: np.ndarray, options: dict, share: float) -> None:
    path = tmp_path / "cut.ome.tif"
    tifffile.imwrite(path, large_rgb, photometric="rgb", **options)
    cut(path, share)
    assert_refused(path, "again")


def test_truncated_tiff_with_its_directory_at_the_end(
    tmp_path: Path, large_rgb: np.ndarray
) -> None:
    path = tmp_path / "cut.tif"
    Image.fromarray(large_rgb).save(path, compression="tiff_deflate")
    cut(path)
    assert_refused(path, "damaged or incomplete")


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "OS-1-detail.ome.tif"])
def test_truncated_real_slides(shared_data: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((shared_data / "slides" / name).read_bytes())
    cut(path, 0.6)
    assert_refused(path)


def test_damage_inside_a_tile_is_told_when_it_is_read(
    tmp_path: Path, large_rgb: np.ndarray
) -> None:
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, large_rgb, photometric="rgb", tile=(256, 256), compression="deflate")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + 2000] = bytes(2000)
    path.write_bytes(data)
    assert_refused(path, "Cannot read pixels")


def test_text_that_is_named_png(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not an image at all, just words " * 20)
    assert_refused(path, "not an image", ".svs")


def test_text_that_is_named_svs(tmp_path: Path) -> None:
    path = tmp_path / "notes.svs"
    path.write_text("x")
    assert_refused(path, "not an image")


def test_garbage_with_the_start_of_a_dicom_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(500))
    assert_refused(path, "DICOM")


@pytest.mark.parametrize("name", ["a.svs", "a.ndpi", "a.dcm", "a.tif", "a.txt", "a"])
def test_the_content_counts_not_the_name(tmp_path: Path, rgb: np.ndarray, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        Image.fromarray(rgb).save(file, "png")
    np.testing.assert_array_equal(open_slide(path, mpp=0.5).read(), rgb)
    with path.open("wb") as file:
        tifffile.imwrite(file, rgb, photometric="rgb")
    np.testing.assert_array_equal(open_slide(path, mpp=0.5).read(), rgb)


def test_a_folder_that_is_not_a_slide(tmp_path: Path) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    assert_refused(folder, "not a slide", "give the image files")


def test_a_zarr_folder_without_image(tmp_path: Path) -> None:
    folder = tmp_path / "a.zarr"
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    assert_refused(folder, "without an OME-Zarr image")
    (folder / ".zgroup").write_text("{")
    assert_refused(folder, "not a readable OME-Zarr image")


def test_too_small(tmp_path: Path) -> None:
    Image.new("RGB", (31, 500)).save(tmp_path / "small.png")
    assert_refused(tmp_path / "small.png", "31 × 500", "too small")


def test_a_decompression_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )
    assert_refused(path, "60000 × 60000", "OME-TIFF")


def test_a_large_flat_image_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 9_100), 1).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slide = open_slide(path, mpp=0.5)
    assert slide.shape == (9_100, 10_000)
    assert limit == Image.MAX_IMAGE_PIXELS
    slide.close()


@pytest.mark.parametrize("source", [None, 5, [], ["x"], {"a": 1}, object()])
def test_things_that_are_no_image_at_all(source: object) -> None:
    with pytest.raises(GlandsError):
        open_slide(source)
