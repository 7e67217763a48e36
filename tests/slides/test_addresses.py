"""OME-Zarr images that are read over a network."""

from __future__ import annotations

import base64
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_glands.errors import GlandsError
from napari_glands.slides import Region, SeveralPictures, addresses, open_slide, pictures_in
from napari_glands.slides.addresses import Address


@dataclass
class Served:
    """A folder that a server on this computer hands out, and what was asked of it."""

    folder: Path
    host: str = ""
    asked: list[str] = field(default_factory=list)
    login: str = ""
    status: int = 0
    bucket: bool = False

    @property
    def url(self) -> str:
        return f"http://{self.host}"


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, served: Served) -> None:
        self.served = served
        super().__init__(*args, directory=str(served.folder))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.served.asked.append(self.path)
        wanted = base64.b64encode(self.served.login.encode()).decode()
        if self.served.login and self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_error(401)
        elif self.served.status:
            self.send_error(self.served.status)
        elif "list-type=2" in self.path:
            self.answer(200, "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
        elif self.served.bucket and not Path(self.translate_path(self.path)).is_file():
            self.answer(404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
        else:
            super().do_GET()

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    served = Served(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, served=served))
    served.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def write(path: Path, levels: list[np.ndarray], version: int = 2) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=version)
    datasets = []
    for index, level in enumerate(levels):
        group.create_array(str(index), data=level, chunks=(64, 64, 3))
        scale = [0.5 * 2**index, 0.5 * 2**index, 1]
        transformations = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(index), "coordinateTransformations": transformations})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    image = {"axes": [*axes, {"name": "c", "type": "channel"}], "datasets": datasets}
    described = {"multiscales": [image]}
    group.attrs.put(described if version == 2 else {"ome": described})


@pytest.mark.parametrize("version", [2, 3])
def test_an_image_is_read_part_by_part(served: Served, large_rgb: np.ndarray, version: int) -> None:
    write(served.folder / "scan.zarr", [large_rgb, large_rgb[::2, ::2]], version)
    with open_slide(f"{served.url}/scan.zarr") as slide:
        assert (slide.kind, slide.name, slide.mpp, slide.path) == ("ome-zarr", "scan", 0.5, None)
        assert slide.address == f"{served.url}/scan.zarr"
        served.asked.clear()
        part = slide.read(region=Region(128, 192, 64, 64))
        np.testing.assert_array_equal(part, large_rgb[128:192, 192:256])
        assert 1 <= len(served.asked) < 20
        np.testing.assert_array_equal(slide.read(1.0), large_rgb[::2, ::2])
        copied = pickle.loads(pickle.dumps(slide))
        assert copied == slide
        np.testing.assert_array_equal(
            copied.read(region=Region(0, 0, 64, 64)), part * 0 + large_rgb[:64, :64]
        )
        copied.close()


def test_a_path_made_of_an_address_is_one_still(served: Served, rgb: np.ndarray) -> None:
    write(served.folder / "a.zarr", [rgb])
    for text in (Path(f"{served.url}/a.zarr"), f"{served.url}/a.zarr/", f"{served.url}/a.zarr"):
        with open_slide(text) as slide:
            assert slide.address == f"{served.url}/a.zarr"


def test_content_is_told_apart(served: Served, large_rgb: np.ndarray) -> None:
    write(served.folder / "a.zarr", [large_rgb])
    write(served.folder / "b.zarr", [large_rgb])
    changed = large_rgb.copy()
    changed[:3] = 0
    write(served.folder / "c.zarr", [changed])
    sums = []
    for name in "abc":
        with open_slide(f"{served.url}/{name}.zarr") as slide:
            served.asked.clear()
            sums.append(slide.checksum)
            assert len(served.asked) < 200
    assert sums[0] == sums[1] != sums[2]


def test_a_collection_at_an_address(served: Served, large_rgb: np.ndarray) -> None:
    zarr.open_group(served.folder / "two.zarr", mode="w", zarr_format=2)
    write(served.folder / "two.zarr" / "0", [large_rgb])
    write(served.folder / "two.zarr" / "1", [large_rgb[:300]])
    address = f"{served.url}/two.zarr"
    with pytest.raises(SeveralPictures, match=r"http://.*two\.zarr holds 2 pictures"):
        open_slide(address)
    assert [picture.shape for picture in pictures_in(address)] == [(700, 1000), (300, 1000)]
    with open_slide(address, picture=2) as slide:
        assert (slide.shape, slide.name) == ((300, 1000), "two picture 2")


def test_a_login_is_used_and_never_shown(served: Served, rgb: np.ndarray) -> None:
    write(served.folder / "a.zarr", [rgb])
    served.login = "me:s3cret/@"
    with open_slide(f"http://me:s3cret%2F%40@{served.host}/a.zarr") as slide:
        np.testing.assert_array_equal(slide.read(), rgb)
        assert slide.address == f"{served.url}/a.zarr"
        assert "s3cret" not in repr(slide) + repr(slide._source.place) + slide.name  # type: ignore[attr-defined]
    for wrong in ("", "me:wr0ng@"):
        with pytest.raises(GlandsError, match=r"cannot be read: it asks for a login") as caught:
            open_slide(f"http://{wrong}{served.host}/a.zarr")
        assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "word"), [("nowhere.zarr", "no OME-Zarr image at"), ("plain", "no OME-Zarr image at")]
)
def test_nothing_is_there(served: Served, name: str, word: str) -> None:
    (served.folder / "plain").mkdir()
    with pytest.raises(GlandsError, match=rf"{word} http://.*{name}: check the address"):
        open_slide(f"{served.url}/{name}")


def test_a_server_that_fails(served: Served, rgb: np.ndarray) -> None:
    write(served.folder / "a.zarr", [rgb])
    slide = open_slide(f"{served.url}/a.zarr")
    served.status = 500
    with pytest.raises(GlandsError, match=r"http://.*/a\.zarr.*error 500"):
        slide.read()
    slide.close()
    with pytest.raises(GlandsError, match=r"http://.*/a\.zarr cannot be read.*error 500"):
        open_slide(f"{served.url}/a.zarr")


def test_no_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(GlandsError, match=r"cannot be read: the server cannot be reached"):
        open_slide(f"http://127.0.0.1:{port}/a.zarr")


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(addresses, "_READ_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(GlandsError, match="does not answer in time"):
            open_slide(f"http://127.0.0.1:{silent.getsockname()[1]}/a.zarr")
    assert time.monotonic() - start < 10


def test_a_public_bucket(
    served: Served, large_rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.bucket = True
    write(served.folder / "bucket" / "Scan.zarr", [large_rgb])
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(served.folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(served.folder / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with open_slide("s3://bucket/Scan.zarr") as slide:
        assert (slide.name, slide.address) == ("Scan", "s3://bucket/Scan.zarr")
        region = Region(64, 64, 100, 100)
        np.testing.assert_array_equal(slide.read(region=region), large_rgb[64:164, 64:164])
    with pytest.raises(GlandsError, match="no OME-Zarr image at s3://bucket/none"):
        open_slide("s3://bucket/none.zarr")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ftp://a.org/x.zarr", "ftp://, and only OME-Zarr.*download"),
        ("gs://bucket/x.zarr", "gs://, and only OME-Zarr.*download"),
        ("http://a.org/x.svs", r"address of a \.svs file.*download"),
        ("https://a.org/case.ome.tif", r"address of a \.tif file.*download"),
        ("https://a.org/x.zarr?token=s3cret", "after a '\\?'"),
        ("http:///x.zarr", "without a server"),
        ("http://a:b/x.zarr", "not an address"),
        ("http://me:s3cret@[::1/x.zarr", "not an address"),
        ("ftp://me:s3cret@a.org/x.zarr", "ftp://, and only"),
    ],
)
def test_other_addresses_are_refused_as_addresses(text: str, word: str) -> None:
    for given in (text, Path(text)) if "///" not in text else (text,):
        with pytest.raises(GlandsError, match=word) as caught:
            open_slide(given)
        assert "s3cret" not in str(caught.value)
        assert str(Path.cwd()) not in str(caught.value)


def test_a_file_address_is_a_path(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "a b.zarr"
    write(path, [rgb])
    slide = open_slide(path.as_uri())
    assert (slide.path, slide.address) == (path, None)


def test_addresses_are_written_in_one_way() -> None:
    assert str(Address.parse("HTTPS://Me:x@Host.org:8080/A/b.zarr/")) == (
        "https://host.org:8080/A/b.zarr"
    )
    assert str(Address.parse("s3://Bucket/A/b.zarr")) == "s3://Bucket/A/b.zarr"
    assert str(Address.parse("http:/host/b.zarr")) == "http://host/b.zarr"
    assert "x" not in repr(Address.parse("https://me:x@host.org/b.zarr")).replace("https", "")
