"""No other user of the machine gets at workers, and nothing waits for one to try."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from napari_glands.progress import CancelToken
from napari_glands.workers import chosen_workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user"
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """Look at two workers while they work; what was found, by the way of looking."""
    root = os.geteuid() == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(os.path.dirname(__file__))
        import doors
        from toy_work import BLOCKS, Toy

        toy, mine = Toy(tmp_path_factory.mktemp("toy")), os.getpid()
        of_the_tests, rows = doors.doors(mine), listening(doors.tree(mine))
        with doors.temporary_files_apart() as temporary, chosen_workers(workers=2) as workers:
            at_work = workers.map(toy, BLOCKS, CancelToken())
            next(at_work)
            assert set(workers.pids) < doors.tree(mine)
            found = {
                "doors": [door for door in doors.doors(mine) if door not in of_the_tests],
                "ss": [row for row in listening(doors.tree(mine)) if row not in rows],
                "readable": doors.readable_files(mine),
                "entered": doors.entered_by_nobody(mine, of_the_tests) if root else [],
            }
            assert len(list(at_work)) == len(BLOCKS) - 1
            found["left"] = list(temporary.iterdir())
        yield found


def listening(pids):
    """The rows of `ss` about listening sockets of these processes."""
    if shutil.which("ss") is None:
        return []
    rows = subprocess.run(["ss", "-ltunpxH"], capture_output=True, text=True, check=True).stdout
    return [row for row in rows.splitlines() if any(f"pid={pid}," in row for pid in pids)]


def test_nothing_waits_for_others(busy):
    assert busy["doors"] == []
    assert [row for row in busy["ss"] if "LISTEN" in row or not row.startswith("u_")] == []


def test_no_file_is_open_to_others_and_none_is_left(busy):
    assert busy["readable"] == []
    assert busy["left"] == []


@as_root
def test_another_user_gets_nowhere(busy):
    assert busy["entered"] == []


def test_the_look_finds_what_stands_open(tmp_path):
    """Else the tests above would say nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(os.path.dirname(__file__))
        import doors
    of_the_tests = doors.doors(os.getpid())
    opened = doors.a_door(tmp_path)
    with doors.temporary_files_apart() as temporary, open(temporary / "all", "w") as file:
        os.chmod(file.name, 0o666)
        found = [door for door in doors.doors(os.getpid()) if door not in of_the_tests]
        assert sorted(family for family, _ in found) == ["AF_INET", "AF_UNIX"]
        assert doors.readable_files(os.getpid()) == [temporary / "all"]
        if os.geteuid() == 0:
            entered = doors.entered_by_nobody(os.getpid())
            assert file.name in entered
            assert str(found[0][1]) in entered
    for line in opened:
        line.close()
