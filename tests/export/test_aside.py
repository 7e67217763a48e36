"""Writing aside: a target is whole or absent, and errors name it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from napari_glands.errors import GlandsError
from napari_glands.export import export_csv, export_geojson, export_ome_zarr, written_aside


def test_nothing_is_seen_until_all_is_written(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with written_aside(target) as aside:
        aside.write_text("whole")
        assert not target.exists()
        assert aside.suffix == target.suffix
    assert target.read_text() == "whole"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with written_aside(target, overwrite=True) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises((GlandsError, KeyboardInterrupt)) as caught:
        fail()
    if isinstance(error, OSError):
        assert f"Cannot write {target}: No space left on device" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "old"


def test_left_overs_of_a_killed_run_do_not_matter(tmp_path):
    (tmp_path / ".new-a.txt").mkdir()
    with written_aside(tmp_path / "a.txt") as aside:
        aside.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / ".zgroup").write_text("{}")
    with (
        pytest.raises(GlandsError, match=r"a\.zarr"),
        written_aside(tmp_path / "a.zarr", overwrite=True) as aside,
    ):
        aside.write_text("x")
    assert (tmp_path / "a.zarr" / ".zgroup").exists()


@pytest.mark.parametrize("export", [export_csv, export_geojson, export_ome_zarr])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, prediction, export):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(GlandsError, match=r"Cannot write .*out"):
        export(prediction, tmp_path / "file" / "out")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
@pytest.mark.parametrize("export", [export_csv, export_geojson, export_ome_zarr])
def test_a_folder_without_permission_is_named(tmp_path, prediction, export):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(GlandsError, match="Permission denied"):
            export(prediction, tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_exporting_needs_no_torch_and_no_window():
    code = (
        "import sys, napari_glands.export, napari_glands.evaluation, napari_glands.measurement;"
        "print(sorted({'torch', 'napari', 'qtpy', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_what_is_still_written_after_a_failure_is_removed_too(tmp_path):
    def late(folder):
        time.sleep(0.15)
        folder.mkdir()
        (folder / "chunk").write_text("late")

    def fail():
        with written_aside(tmp_path / "a") as aside:
            aside.mkdir()
            threading.Thread(target=late, args=(aside,)).start()
            raise OSError(28, "No space left on device")

    with pytest.raises(GlandsError, match="No space left"):
        fail()
    assert list(tmp_path.iterdir()) == []
