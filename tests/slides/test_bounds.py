"""Files that would take all memory or all day are refused before their pixels are read."""

from __future__ import annotations

import json
import resource
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import open_slide
from napari_glands.slides.sources.levels import ArrayLevels


@pytest.fixture(autouse=True)
def _quick_and_small() -> Iterator[None]:
    """Every test here must end in seconds without taking memory worth speaking of."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(GlandsError) as caught:
        open_slide(path, mpp=0.5)
    for word in (path.name, *words):
        assert word in str(caught.value)


def write_png(path: Path, width: int, height: int, depth: int = 8, color: int = 2) -> None:
    """Write a valid PNG of one colour without ever holding its pixels."""
    samples = {0: 1, 2: 3, 6: 4}[color]
    row = bytes(1 + width * samples * depth // 8)
    squeeze = zlib.compressobj(9)
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize(
    ("size", "depth", "color"), [(30_000, 1, 0), (16_000, 8, 2), (12_000, 16, 6)]
)
def test_a_small_png_of_many_pixels(tmp_path: Path, size: int, depth: int, color: int) -> None:
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", size, size, depth, color, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + crc
    path.write_bytes(head + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    assert_refused(path, f"{size} × {size}", "OME-TIFF")


def test_an_ordinary_large_png_is_decoded_in_parts(tmp_path: Path) -> None:
    write_png(tmp_path / "field.png", 6000, 5000)
    slide = open_slide(tmp_path / "field.png", mpp=0.5)
    assert slide.shape == (5000, 6000)
    slide.close()


@pytest.mark.parametrize("ending", ["gif", "bmp", "jp2", "webp", "jpg"])
def test_other_flat_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr("napari_glands.slides.limits.MAX_FLAT_PIXELS", 10_000)
    Image.new("RGB", (200, 100)).save(tmp_path / f"a.{ending}")
    assert_refused(tmp_path / f"a.{ending}", "200 × 100", "OME-TIFF")


def write_tiff(path: Path, height: int, width: int, **tags: int) -> None:
    """Write a TIFF with the tags of a large image and pixels for a small one."""
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb", metadata=None)
    stated = {"ImageWidth": width, "ImageLength": height, **tags}
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in stated.items():
            file.pages[0].tags[name].overwrite(value, dtype="I")


def test_a_flat_tiff_in_one_giant_strip(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", 60_000, 60_000, RowsPerStrip=60_000)
    assert_refused(tmp_path / "a.tif", "60000", "tiles of about 512 × 512")


def test_a_tiff_larger_than_any_slide(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", 3_000_000_000, 3_000_000_000)
    assert_refused(tmp_path / "a.tif", "3000000000", "more than any slide")


@pytest.mark.parametrize("tile", [(16, 16), (60_000, 60_000)])
def test_tiff_tiles_that_are_far_too_small_or_large(tmp_path: Path, tile: tuple[int, int]) -> None:
    path = tmp_path / "a.tif"
    pixels = np.zeros((64, 64, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(16, 16), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in {"ImageWidth": 60_000, "ImageLength": 60_000}.items():
            file.pages[0].tags[name].overwrite(value, dtype="I")
        for name, value in zip(("TileLength", "TileWidth"), tile, strict=True):
            file.pages[0].tags[name].overwrite(value, dtype="I")
    assert_refused(path, "chunks of", "export it again")


def directories(path: Path, *places: int) -> None:
    """Write a TIFF of empty lists of tags, each of which names the place of the next."""
    data = b"II*\0" + struct.pack("<I", 8)
    for place in places:
        data += struct.pack("<HI", 0, place)
    path.write_bytes(data + bytes(600))


@pytest.mark.parametrize("length", [1, 2, 150])
def test_pages_that_go_in_a_circle(tmp_path: Path, length: int) -> None:
    places = [8 + 6 * index for index in range(1, length)]
    directories(tmp_path / "a.tif", *places, 8)
    assert_refused(tmp_path / "a.tif", "circle")


def test_pages_without_end(tmp_path: Path) -> None:
    directories(tmp_path / "a.tif", *[8 + 6 * index for index in range(1, 6000)], 0)
    assert_refused(tmp_path / "a.tif", "more than 4096 pages")


@pytest.mark.parametrize("tag", [273, 258, 330, 270, 51_000])
@pytest.mark.parametrize("count", [100_000_000, 2**32 - 1])
def test_absurd_numbers_of_values(tmp_path: Path, tag: int, count: int) -> None:
    entry = struct.pack("<HHII", tag, 4, count, 8)
    data = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    (tmp_path / "a.tif").write_bytes(data + bytes(600))
    assert_refused(tmp_path / "a.tif", f"the tag {tag} states {count} values")


def write_zarr(path: Path, shape: list[int], chunks: list[int], version: int) -> Path:
    """Write metadata of an image, and none of its pixels."""
    axes = [{"name": name, "type": "space"} for name in "cyx"]
    image = {"axes": axes, "datasets": [{"path": "0"}]}
    (path / "0").mkdir(parents=True)
    if version == 2:
        array = {
            "zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "|u1", "fill_value": 0,
            "order": "C", "filters": None, "compressor": None,
        }  # fmt: skip
        (path / "0" / ".zarray").write_text(json.dumps(array))
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [image]}))
        return path
    grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
    keys = {"name": "default", "configuration": {"separator": "/"}}
    array = {
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8",
        "chunk_grid": grid, "chunk_key_encoding": keys, "fill_value": 0,
        "codecs": [{"name": "bytes"}], "attributes": {},
    }  # fmt: skip
    group = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ome": {"multiscales": [image]}},
    }
    (path / "0" / "zarr.json").write_text(json.dumps(array))
    (path / "zarr.json").write_text(json.dumps(group))
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("shape", "chunks", "word"),
    [
        ([3, 300, 300], [1, 1, 1], "270,000 chunks of 1 × 1 × 1"),
        ([3, 20_000, 20_000], [3, 8, 8], "6,250,000 chunks"),
        ([3, 400_000, 400_000], [1, 32, 32], "chunks of 1 × 32 × 32"),
        ([3, 200_000, 200_000], [3, 200_000, 200_000], "too large"),
        ([3, 10**12, 10**12], [3, 512, 512], "more than any slide"),
        ([3, 900_000, 900_000], [3, 512, 512], "more than any slide"),
    ],
)
def test_zarr_arrays_cut_the_wrong_way(
    tmp_path: Path, version: int, shape: list[int], chunks: list[int], word: str
) -> None:
    assert_refused(write_zarr(tmp_path / "a.zarr", shape, chunks, version), word)


def test_a_bare_zarr_array_in_tiny_chunks(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(300, 300), chunks=(1, 1), dtype="u1")
    assert_refused(tmp_path / "a.zarr", "90,000 chunks")


def test_ordinary_slides_are_none_of_that(tmp_path: Path) -> None:
    slide = open_slide(
        write_zarr(tmp_path / "a.zarr", [3, 100_000, 150_000], [1, 256, 256], 2), mpp=1
    )
    assert slide.shape == (100_000, 150_000)


def test_what_is_white_is_learnt_from_a_part_of_a_large_level() -> None:
    class Counted:
        shape, dtype = (300_000, 300_000), np.dtype(np.uint16)
        read = 0

        def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
            self.read += 1
            return np.full((2, 2), 4000, np.uint16)

    array = Counted()
    assert (ArrayLevels([array], "yx").read(0, 0, 0, 2, 2) == round(4000 / 4095 * 255)).all()
    assert array.read < 100


def bomb(codec: str) -> bytes:
    """Return some MB that unpack to 3 GB."""
    block = bytes(1 << 20)
    if codec == "zstd":  # many frames would do, one that states its size is what is written
        return b"\x28\xb5\x2f\xfd" + bytes([0b11100000]) + struct.pack("<Q", 3 << 30) + bytes(500)
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(block) for _ in range(1200)) + packer.flush()


@pytest.mark.parametrize("codec", ["zlib", "zstd"])
def test_a_chunk_that_unpacks_without_end(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(
        path, shape=(64, 64, 3), chunks=(64, 64, 3), dtype="u1", zarr_format=2,
        compressors=numcodecs.get_codec({"id": codec}),
    )  # fmt: skip
    assert array.shape == (64, 64, 3)
    (path / "0.0.0").write_bytes(bomb(codec))
    slide = open_slide(path, mpp=0.5)
    with pytest.raises(GlandsError, match=r"a\.zarr: a chunk unpacks to more than it should"):
        slide.read()


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bz2", "zstd", "lzma", "blosc", "lz4"])
def test_ordinary_chunks_of_all_codecs_are_read(
    tmp_path: Path, codec: str, large_rgb: np.ndarray
) -> None:
    zarr.create_array(
        tmp_path / "a.zarr", data=large_rgb, chunks=(256, 256, 3), zarr_format=2,
        compressors=numcodecs.get_codec({"id": codec}),
    )  # fmt: skip
    np.testing.assert_array_equal(open_slide(tmp_path / "a.zarr", mpp=0.5).read(), large_rgb)
