"""Predicting images that belong to no project: what is replaced, kept, and gone on with."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli import predicting
from napari_glands.cli.app import app
from napari_glands.sample_data import gland_field
from napari_glands.segmentation import Model, save_model
from napari_glands.segmentation.network import build_network
from napari_glands.settings import Settings

runner = CliRunner()
CANCELLED = (1, 130)
FAST = (
    Settings().updated("train", encoder="resnet18", weights="none").updated("predict", flips=False)
)


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    codes = code if isinstance(code, tuple) else (code,)
    assert result.exit_code in codes, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Two models of random weights."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("glands", "others"):
        network, _ = build_network(FAST.train.encoder, "none", FAST.train.depth)
        save_model(Model(name, FAST, dict(network.state_dict())), folder / name)
    return folder / "glands"


def save(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gland_field((200, 200), seed=seed).image).save(path)
    return path


@pytest.fixture
def predict(model, tmp_path):
    def run(*images, model=model, code=0, more=()):
        result = call("predict", *images, "--model", model, "--out", tmp_path / "res",
                      "--mpp", 0.62, "--device", "cpu", "--json", *more, code=code)  # fmt: skip
        return json.loads(result.stdout) if result.stdout else result.stderr

    return run


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


def test_results_of_another_image_of_that_name_are_not_replaced(predict, tmp_path, no_work_later):
    predict(save(tmp_path / "A" / "case.png", 1))
    before = content(tmp_path / "res")
    other = save(tmp_path / "B" / "case.png", 2)
    with no_work_later():
        told = predict(save(tmp_path / "B" / "new.png", 3), other, code=1)
    assert "case_labels.png" in told
    assert "--overwrite" in told
    assert content(tmp_path / "res") == before
    predict(other, more=["--overwrite"])
    after = content(tmp_path / "res")
    assert after.keys() == before.keys()
    assert (
        after["case.csv"] != before["case.csv"]
        or after["case_overlay.png"] != before["case_overlay.png"]
    )


@pytest.fixture
def no_work_later(monkeypatch):
    """Give a context in which anything that is predicted is a failure."""
    from contextlib import contextmanager

    @contextmanager
    def context():
        with monkeypatch.context() as patched:

            def never(*args, **kwargs):
                raise AssertionError("there was work")

            patched.setattr(predicting, "_predicted", never)
            yield

    return context


def test_what_is_finished_is_not_done_again(predict, tmp_path, no_work_later):
    first = predict(save(tmp_path / "in" / "a.png", 1), save(tmp_path / "in" / "b.png", 2))
    assert [row["left_out"] for row in first] == [None, None]
    with no_work_later():
        again = predict(tmp_path / "in")
        anew = predict(tmp_path / "in", more=["--overwrite"])
    assert [{**r, "files": sorted(r["files"])} for r in again] == [
        {**r, "files": sorted(r["files"])} for r in first
    ]
    assert anew == again


@pytest.mark.parametrize("change", ["model", "settings", "file cut", "file gone", "image"])
def test_what_another_model_would_find_otherwise_is_not_taken_for_finished(
    predict, tmp_path, model, change
):
    image = save(tmp_path / "a.png", 1)
    predict(image)
    more, other, csv = [], model, tmp_path / "res" / "a.csv"
    if change == "model":
        other = model.parent / "others"
    elif change == "settings":
        more = ["--threshold", 0.4]
    elif change == "file cut":
        csv.write_bytes(csv.read_bytes()[:-3])
    elif change == "file gone":
        csv.unlink()
    else:
        save(image, 5)
    assert "--overwrite" in predict(image, model=other, more=more, code=1)
    (row,) = predict(image, model=other, more=[*more, "--overwrite"])
    assert csv.stat().st_size > 3
    assert len(row["files"]) == 5


def test_a_run_that_was_cut_off_goes_on(predict, tmp_path, monkeypatch):
    for n in (1, 2, 3):
        save(tmp_path / "in" / f"{n}.png", n)
    calls = []
    real = predicting.export_all

    def cut(prediction, named, *args, **kwargs):
        calls.append(named.name)
        if len(calls) == 2:  # some of its files are written
            real(prediction, named, *args[:3], [predicting.Format.CSV], **kwargs)
            raise KeyboardInterrupt
        return real(prediction, named, *args, **kwargs)

    monkeypatch.setattr(predicting, "export_all", cut)
    assert "run the same command again" in predict(tmp_path / "in", code=CANCELLED)
    assert not list((tmp_path / "res").glob("2*")), "nothing half done stands in the way"
    rows = predict(tmp_path / "in")
    assert [row["image"] for row in rows] == ["1", "2", "3"]
    assert calls == ["1", "2", "2", "3"]


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_a_run_that_was_killed_while_writing_goes_on(predict, model, tmp_path):
    save(tmp_path / "in" / "a.png", 1)
    save(tmp_path / "in" / "b.png", 2)
    killed = (
        "import os, signal\nfrom napari_glands.cli import main, predicting\n"
        "real = predicting.export_all\n"
        "def dying(prediction, named, *args, **kwargs):\n"
        "    if named.name == 'b':\n"
        "        real(prediction, named, *args[:3], [predicting.Format.CSV], **kwargs)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(prediction, named, *args, **kwargs)\n"
        "predicting.export_all = dying\nmain()"
    )
    command = ["predict", tmp_path / "in", "--model", model, "--out", tmp_path / "res",
               "--mpp", 0.62, "--device", "cpu"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", killed, *map(str, command)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "res" / "b.csv").exists()
    assert [row["image"] for row in predict(tmp_path / "in")] == ["a", "b"]
    assert not [p.name for p in (tmp_path / "res").iterdir() if p.name.startswith(".")]


def test_damaged_images_are_left_out_and_told(predict, tmp_path):
    save(tmp_path / "in" / "a.png", 1)
    whole = save(tmp_path / "b.png", 2).read_bytes()
    (tmp_path / "in" / "b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "c.png").symlink_to("nowhere.png")
    rows = predict(tmp_path / "in", code=1)
    assert [Path(row["image"]).name for row in rows] == ["a", "b.png", "c.png"]
    assert rows[0]["left_out"] is None
    assert "link" in rows[2]["left_out"]
    assert rows[1]["glands"] is None
    assert not list((tmp_path / "res").glob("b*"))
    shutil.rmtree(tmp_path / "res")
    assert "c.png" in predict(tmp_path / "in" / "c.png", code=1)
    assert not (tmp_path / "res").exists()


def test_images_of_one_name_in_one_run_get_files_of_their_own(predict, tmp_path):
    save(tmp_path / "in" / "A" / "case.png", 1)
    save(tmp_path / "in" / "B" / "CASE.png", 2)
    shutil.copytree(tmp_path / "in" / "A", tmp_path / "in" / "C")
    rows = predict(tmp_path / "in", more=["-r"])
    files = [file for row in rows for file in row["files"]]
    assert len(rows) == 2, "a copy is the same image"
    assert len(set(files)) == len(files) == 10


def test_results_beside_the_images_are_no_images(predict, model, tmp_path):
    save(tmp_path / "res" / "a.png", 1)
    (row,) = predict(tmp_path / "res")
    assert len(row["files"]) == 5
    assert predict(tmp_path / "res") == predict(tmp_path / "res" / "a.png")


def test_what_files_were_made_of_is_written_beside_the_ome_zarr_image(predict, tmp_path):
    from ome_zarr_models.v04 import Image as OmeImage
    from zarr import open_group

    predict(save(tmp_path / "a.png", 1))
    group = open_group(str(tmp_path / "res" / "a.zarr"), mode="r")
    OmeImage.from_zarr(group)
    assert group.attrs["napari_glands"]["model"]
    labels = np.asarray(Image.open(tmp_path / "res" / "a_labels.png"))
    assert group.attrs["napari_glands"]["glands"] == len(np.unique(labels[labels > 0]))


def test_an_image_too_large_to_hold_at_once_grows_beside_its_results(
    predict, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules["napari_glands.slides.blocks"], "LARGEST_WHOLE", 5_000)
    assert len(predict(save(tmp_path / "large.png", 1))) == 1
    assert (tmp_path / "res" / "large.zarr").is_dir()
    assert not list((tmp_path / "res").glob(".*large*"))
