"""Processes of this machine: nothing is lost with one of them, and none is left behind."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from napari_glands.errors import GlandsError
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.workers import InProcess, Processes, chosen_workers

SQUARES = [0, 1, 4, 9, 16, 25, 36, 49]


@pytest.fixture(scope="module")
def two():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        with chosen_workers(workers=2) as workers:
            assert isinstance(workers, Processes)
            yield workers
    assert not multiprocessing.active_children()


@pytest.fixture
def toy(tmp_path):
    from toy_work import Toy

    return lambda fate="none": Toy(tmp_path, fate)


def outcomes(workers, work, cancel=None):
    from toy_work import BLOCKS

    found = list(workers.map(work, BLOCKS, cancel or CancelToken()))
    assert sorted(block.index for block, _ in found) == [block.index for block in BLOCKS]
    return [facts for _, facts in sorted(found, key=lambda pair: pair[0].index)]


def squares(facts):
    return [int(known["square"]) for known in facts]


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_both_work_and_what_they_need_is_sent_once_to_each(two, toy, tmp_path):
    facts = outcomes(two, toy())
    assert squares(facts) == SQUARES == squares(outcomes(InProcess(), toy()))
    assert {int(known["pid"]) for known in facts} == set(two.pids)
    received = [path.name.split("-")[1] for path in tmp_path.glob("received-*")]
    assert sorted(received) == sorted(map(str, two.pids))


def test_a_killed_one_costs_nothing_but_the_time(two, toy):
    before = set(two.pids)
    assert squares(outcomes(two, toy("killed once"))) == SQUARES
    assert len(set(two.pids) - before) == 1
    assert len(two.pids) == 2


def test_work_that_kills_who_does_it_ends_with_a_sentence(two, toy):
    with pytest.raises(GlandsError, match=r"ended from outside 3 times .*code -9.*fewer workers"):
        outcomes(two, toy("killed"))
    with pytest.raises(GlandsError, match=r"end by themselves .*exit code 3"):
        outcomes(two, toy("leaves"))
    assert squares(outcomes(two, toy())) == SQUARES, "they are as good as before"


def test_what_goes_wrong_with_a_block_comes_back_as_in_this_process(two, toy):
    for workers in (two, InProcess()):
        facts = outcomes(workers, toy("unreadable"))
        assert isinstance(facts[1], GlandsError)
        assert squares(facts[:1] + facts[2:]) == SQUARES[:1] + SQUARES[2:]
        with pytest.raises(OSError, match="No space") as caught:
            outcomes(workers, toy("full disk"))
        assert caught.value.errno == errno.ENOSPC
    with pytest.raises(RuntimeError, match="OddError: what happened"):
        outcomes(two, toy("odd"))


def test_a_cancel_request_ends_who_is_busy_at_once(two, toy, tmp_path):
    token = CancelToken()
    busy = threading.Thread(
        target=lambda: (wait_for(lambda: len([*tmp_path.glob("busy-*")]) == 2), token.cancel())
    )
    busy.start()
    with pytest.raises(Cancelled):
        outcomes(two, toy("slow"), token)
    busy.join()
    began = time.monotonic()
    assert not [path for path in tmp_path.glob("busy-*") if lives(path.name.split("-")[1])]
    assert squares(outcomes(two, toy())) == SQUARES
    assert time.monotonic() - began < 30


def test_leaving_does_not_wait_for_what_was_asked_and_not_taken(toy, tmp_path):
    from toy_work import BLOCKS

    with chosen_workers(workers=2) as workers:
        asked = workers.map(toy("slow but first"), BLOCKS, CancelToken())
        next(asked)
        pids, began = workers.pids, time.monotonic()
    assert time.monotonic() - began < 20
    assert not any(map(lives, pids))


def test_what_is_made_ahead_is_a_few_and_not_all(two, toy, tmp_path):
    work, names = toy(), [f"{'n' * count}" for count in range(1, 13)]
    with two.ahead(work.made, names, CancelToken()) as made:
        wait_for(lambda: len([*tmp_path.glob("made-*")]) == 4)
        time.sleep(0.2)
        assert len([*tmp_path.glob("made-*")]) == 4
        assert [int(made(name)[0]) for name in names] == list(range(1, 13))
        with pytest.raises(GlandsError, match="no nobody"):
            made("nobody")
    token = CancelToken()
    with two.ahead(work.made, names, token) as made:
        token.cancel()
        with pytest.raises(Cancelled):
            made("n")


SCRIPT = """
import sys
from pathlib import Path
import typer
sys.path.insert(0, {beside!r})
from napari_glands.jobs import CancelToken
from napari_glands.workers import chosen_workers
from napari_glands.cli.terminal import work
from toy_work import BLOCKS, Toy

def job(report, cancel):
    with chosen_workers(workers=2) as workers:
        print(*workers.pids, flush=True)
        return [facts for _, facts in workers.map(Toy(Path({folder!r}), {fate!r}), BLOCKS, cancel)]
{guard}
    try:
        print(len(work(job)), sys.modules.get("distributed"), flush=True)
    except typer.Exit as end:
        sys.exit(end.exit_code)
"""
GUARDED, UNGUARDED = 'if __name__ == "__main__":', "if True:"


def started(folder, fate, guard=GUARDED, before=""):
    """Start a program of its own with two workers."""
    script = folder / "script.py"
    beside = str(Path(__file__).parent)
    text = SCRIPT.format(beside=beside, folder=str(folder), fate=fate, guard=guard)
    script.write_text(before + text)
    return subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_it_works_where_dask_distributed_is_not_installed(tmp_path):
    blocked = "import sys; sys.modules['distributed'] = None\n"
    with started(tmp_path, "none", before=blocked) as program:
        output, errors = program.communicate(timeout=120)
    assert output.splitlines()[-1] == "8 None", errors


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_program_that_is_killed(tmp_path):
    with started(tmp_path, "slow") as program:
        pids = program.stdout.readline().split()
        wait_for(lambda: len([*tmp_path.glob("busy-*")]) == 2, 60)
        assert all(map(lives, pids))
        program.kill()
        wait_for(lambda: not any(map(lives, pids)))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("when", ["at work", "at the start"])
def test_ctrl_c_ends_all_with_one_line(tmp_path, when):
    with started(tmp_path, "slow") as program:
        pids = program.stdout.readline().split()
        if when == "at work":
            wait_for(lambda: len([*tmp_path.glob("busy-*")]) == 2, 60)
        os.killpg(program.pid, signal.SIGINT)
        _, errors = program.communicate(timeout=60)
        assert program.returncode != 0
    assert "Traceback" not in errors
    assert "what is finished is kept" in errors
    wait_for(lambda: not any(map(lives, pids)))


def test_a_script_without_its_guard_is_told_so(tmp_path):
    with started(tmp_path, "none", UNGUARDED) as program:
        _, errors = program.communicate(timeout=120)
    assert program.returncode == 1
    assert 'needs its calls under `if __name__ == "__main__":`' in errors
