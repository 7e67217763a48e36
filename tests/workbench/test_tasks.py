from __future__ import annotations

import threading
import time

import pytest
from qtpy.QtCore import QObject

from napari_glands.errors import GlandsError
from napari_glands.progress import Event
from napari_glands.workbench.tasks import Tasks


@pytest.fixture
def tasks(qtbot):
    owner = QObject()
    tasks = Tasks(owner)
    yield tasks
    tasks.close(lambda: None).join(10)
    owner.deleteLater()


def test_callbacks_come_on_the_interfaces_thread(tasks, qtbot):
    threads = []
    tasks.start(
        lambda report, cancel: report(Event("train", 0.5, "half")),
        lambda event: threads.append(threading.current_thread()),
        lambda outcome: threads.append(threading.current_thread()),
    )
    qtbot.waitUntil(lambda: len(threads) == 2)
    assert set(threads) == {threading.main_thread()}


def test_only_one_long_job_runs(tasks, qtbot):
    outcomes = []
    tasks.start(lambda report, cancel: time.sleep(0.2), lambda event: None, outcomes.append)
    with pytest.raises(GlandsError, match="Another step is running"):
        tasks.start(lambda report, cancel: None, lambda event: None, outcomes.append)
    qtbot.waitUntil(lambda: len(outcomes) == 1)
    assert not tasks.busy


def test_short_work_is_done_while_a_long_job_runs(tasks, qtbot):
    ended, results = [], []

    def job(report, cancel):
        while not cancel.cancelled:
            time.sleep(0.01)
        return "best so far"

    tasks.start(job, lambda event: None, ended.append)
    tasks.later(lambda: "saved", results.append)
    qtbot.waitUntil(lambda: results == ["saved"])
    assert tasks.busy
    tasks.cancel()
    qtbot.waitUntil(lambda: bool(ended))
    assert (ended[0].status, ended[0].result) == ("cancelled", "best so far")


def test_a_long_job_waits_for_the_edits_before_it(tasks, qtbot):
    order, ended = [], []

    def save():
        time.sleep(0.1)
        order.append("saved")

    tasks.later(save)
    tasks.start(lambda report, cancel: order.append("job"), lambda event: None, ended.append)
    qtbot.waitUntil(lambda: bool(ended))
    assert order == ["saved", "job"]


def test_a_result_that_was_overtaken_is_dropped(tasks, qtbot):
    results = []
    gate = threading.Event()
    tasks.later(lambda: gate.wait(5) and "old", results.append, key="show")
    tasks.later(lambda: "new", results.append, key="show")
    gate.set()
    qtbot.waitUntil(lambda: bool(results))
    qtbot.wait(50)
    assert results == ["new"]


def test_failures_arrive_as_one_sentence(tasks, qtbot, caplog):
    messages = []

    def fail():
        raise GlandsError("The file a.svs is empty.")

    def break_down():
        raise ZeroDivisionError("by zero\nsecond line")

    tasks.later(fail, failed=messages.append)
    tasks.later(break_down, failed=messages.append)
    qtbot.waitUntil(lambda: len(messages) == 2)
    assert messages[0] == "The file a.svs is empty."
    assert "\n" not in messages[1]


def test_running_out_of_memory_ends_the_job_and_the_next_can_start(tasks, qtbot):
    outcomes = []

    def job(report, cancel):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    tasks.start(job, lambda event: None, outcomes.append)
    qtbot.waitUntil(lambda: len(outcomes) == 1)
    assert outcomes[0].status == "failed"
    assert "memory" in outcomes[0].message
    tasks.start(lambda report, cancel: 1, lambda event: None, outcomes.append)
    qtbot.waitUntil(lambda: len(outcomes) == 2)


def test_closing_cancels_finishes_the_queue_and_leaves_no_thread(qtbot):
    owner = QObject()
    tasks = Tasks(owner)
    done = []

    def job(report, cancel):
        while not cancel.cancelled:
            time.sleep(0.01)
        done.append("job")

    tasks.start(job, lambda event: None, lambda outcome: done.append("told"))
    tasks.later(lambda: done.append("saved"))
    closing = tasks.close(lambda: done.append("after"))
    closing.join(10)
    assert not closing.is_alive()
    assert sorted(done) == ["after", "job", "saved"]
    assert done[-1] == "after"
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("napari-glands") for name in names)
    owner.deleteLater()
