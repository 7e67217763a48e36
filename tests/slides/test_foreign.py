"""Formats of vendors that are not read are named, with what converts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_glands.errors import GlandsError
from napari_glands.slides import open_slide

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NOISE = np.random.default_rng(0).integers(0, 255, 4000).astype(np.uint8).tobytes()


def refusal(path: Path) -> str:
    with pytest.raises(GlandsError) as caught:
        open_slide(path, mpp=0.5)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "damaged" not in message
    assert "Readable are" not in message
    return message


@pytest.mark.parametrize(
    ("name", "start", "word"),
    [
        ("a.lif", b"\x70\0\0\0\x20\0\0\0\x2a", "Leica LIF"),
        ("a.nd2", b"\xda\xce\xbe\x0a", "Nikon ND2"),
        ("old.nd2", b"\0\0\0\x0cjP  \r\n\x87\n", "Nikon ND2"),
        ("a.vsi", b"II*\0", "Olympus cellSens VSI"),
        ("frame_t.ets", b"SIS\0", "Olympus cellSens VSI"),
        ("a.oib", OLE, "Olympus"),
        ("a.oif", b"\xff\xfe[\0", "Olympus"),
        ("a.zvi", OLE, "Zeiss ZVI"),
        ("a.czi", b"ZISRAWFILE", "Zeiss CZI"),
        ("a.lof", b"", "Leica LOF"),
        ("a.ims", b"\x89HDF\r\n\x1a\n", "Imaris"),
    ],
)
def test_the_converter_is_named(tmp_path: Path, name: str, start: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(start + NOISE)
    message = refusal(path)
    assert word in message
    for way in ("bioformats2raw", "raw2ometiff", "QuPath"):
        assert way in message


@pytest.mark.parametrize(
    ("name", "start", "word"),
    [
        ("case", b"\x70\0\0\0\x20\0\0\0\x2a", "Leica LIF"),
        ("case.tif", b"\xda\xce\xbe\x0a", "Nikon ND2"),
        ("case.png", b"ZISRAWFILE", "Zeiss CZI"),
    ],
)
def test_the_first_bytes_count_more_than_the_name(
    tmp_path: Path, name: str, start: bytes, word: str
) -> None:
    (tmp_path / name).write_bytes(start + NOISE)
    assert word in refusal(tmp_path / name)


@pytest.mark.parametrize("ending", [".isyntax", ".kfb", ".sdpc"])
def test_what_only_the_vendor_reads(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending.upper()}").write_bytes(NOISE)
    assert "in the program of the scanner" in refusal(tmp_path / f"a{ending.upper()}")


def test_the_preview_in_a_vsi_file_is_not_taken_for_the_slide(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    with (tmp_path / "a.vsi").open("wb") as file:
        tifffile.imwrite(file, rgb, photometric="rgb")
    assert "VSI" in refusal(tmp_path / "a.vsi")


def test_a_mirax_file_without_its_folder_is_not_taken_for_the_slide(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.mrxs", "jpeg")
    message = refusal(tmp_path / "a.mrxs")
    assert "MIRAX" in message
    assert "Slidedat.ini" in message
    assert "folder of the same name" in message


def test_archives_and_documents(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + NOISE)
    assert "unpack it" in refusal(tmp_path / "a.zip")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7" + NOISE)
    assert "export the image in it" in refusal(tmp_path / "a.pdf")


def test_an_image_that_is_only_named_like_them_opens(tmp_path: Path, rgb: np.ndarray) -> None:
    for name in ("a.lif", "a.czi", "a.oib", "a.ims"):
        with (tmp_path / name).open("wb") as file:
            Image.fromarray(rgb).save(file, "png")
        assert open_slide(tmp_path / name, mpp=0.5).shape == (60, 90)
