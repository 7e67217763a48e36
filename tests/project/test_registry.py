"""What a project remembers of a slide: which picture, which pixel size, which address."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_glands.errors import GlandsError
from napari_glands.project import registry
from napari_glands.settings import Settings
from napari_glands.slides import open_slide


def picture(height: int, width: int, seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 250, (height // 20, width // 20, 3))
    return np.kron(coarse, np.ones((20, 20, 1))).astype(np.uint8)


@pytest.fixture
def sections(tmp_path: Path) -> Path:
    path = tmp_path / "sections.tif"
    with tifffile.TiffWriter(path) as writer:
        for seed, size in enumerate([(200, 240), (160, 300)]):
            writer.write(picture(*size, seed), photometric="rgb", metadata=None)
    return path


def entered(tmp_path: Path, source: Any, **options: Any) -> tuple[Any, Path]:
    project = tmp_path / "study.glands"
    (project / "slides").mkdir(parents=True, exist_ok=True)
    slide = registry.opened(source, options.pop("mpp", None), Settings(), **options)
    return registry.enter(slide, project, project / ".staging"), project


def test_two_pictures_of_a_file_are_two_slides(tmp_path: Path, sections: Path) -> None:
    entries = [entered(tmp_path, sections, mpp=0.5, picture=n)[0] for n in (1, 2)]
    project = tmp_path / "study.glands"
    assert [entry.picture for entry in entries] == [1, 2]
    assert len({entry.id for entry in entries}) == len({entry.name for entry in entries}) == 2
    for entry, shape in zip(entries, [(200, 240), (160, 300)], strict=True):
        slide = registry.reopen(entry, project)
        assert (slide.shape, slide.id, slide.picture) == (shape, entry.id, entry.picture)


@pytest.mark.parametrize("origin", ["estimated", "default", "given"])
def test_the_origin_of_a_pixel_size_survives(tmp_path: Path, origin: str) -> None:
    path = tmp_path / "a.png"
    tifffile.imwrite(path, picture(200, 240, 0), photometric="rgb", metadata=None)
    slide = open_slide(path, mpp=0.5).with_mpp(0.25, origin)  # type: ignore[arg-type]
    entry, project = entered(tmp_path, slide)
    assert (entry.mpp, entry.mpp_source) == (0.25, origin)
    again = registry.reopen(entry, project)
    assert (again.mpp, again.mpp_source) == (0.25, origin)


def test_an_address_is_remembered_without_its_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    served = tmp_path / "served"
    zarr.create_array(served / "a.zarr", data=picture(200, 240, 0))
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        host = f"127.0.0.1:{server.server_port}"
        entry, project = entered(tmp_path, f"http://me:s3cret@{host}/a.zarr", mpp=0.5)
        assert entry.path == f"http://{host}/a.zarr"
        with registry.reopen(entry, project) as slide:
            assert (slide.id, slide.address) == (entry.id, None), "the project's own copy"
            np.testing.assert_array_equal(slide.read(), picture(200, 240, 0))
        shutil.rmtree(project / "slides" / f"{entry.id}.zarr" / "0")
        with registry.reopen(entry, project) as slide:
            assert (slide.id, slide.address) == (entry.id, entry.path)
        stored = b"".join(path.read_bytes() for path in project.rglob("*") if path.is_file())
        assert b"s3cret" not in stored
        zarr.create_array(served / "a.zarr", data=picture(200, 240, 1), overwrite=True)
        with pytest.raises(GlandsError, match="has changed since"):
            registry.reopen(entry, project)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
