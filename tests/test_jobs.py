import errno
import subprocess
import sys
import threading
import time
import weakref

import pytest

from napari_glands.errors import GlandsError
from napari_glands.jobs import Cancelled, CancelToken, Event, JobRunner, explain, perform, run_job


def ended(job, **kwargs):
    outcomes = []
    handle = run_job(job, on_outcome=outcomes.append, **kwargs)
    handle.wait(10)
    assert len(outcomes) == 1
    return outcomes[0]


def test_job_runs_elsewhere_reports_and_ends_once():
    events, threads = [], []

    def job(report, cancel):
        threads.append(threading.current_thread())
        report(Event("train", 0.5, "half"))
        return 42

    outcome = ended(job, on_event=events.append)
    assert (outcome.status, outcome.result, outcome.message) == ("done", 42, "")
    assert [e.message for e in events] == ["half"]
    assert threads[0] is not threading.current_thread()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("boom"), MemoryError(), SystemExit(1), ValueError(), StopIteration()],
    ids=lambda e: type(e).__name__,
)
def test_everything_a_job_raises_becomes_failed(error):
    def job(report, cancel):
        raise error

    outcome = ended(job)
    assert outcome.status == "failed"
    assert outcome.error is error
    assert outcome.message
    assert "Traceback" in outcome.details


def test_keyboard_interrupt_counts_as_cancel():
    def job(report, cancel):
        raise KeyboardInterrupt

    assert ended(job).status == "cancelled"


def test_glands_error_is_passed_on_word_for_word():
    def job(report, cancel):
        raise GlandsError("No such slide: a.png.")

    outcome = ended(job)
    assert (outcome.status, outcome.message, outcome.details) == (
        "failed",
        "No such slide: a.png.",
        "",
    )


def test_cancel_by_raising_has_no_result():
    def job(report, cancel):
        while True:
            cancel.check()
            time.sleep(0.001)

    outcomes = []
    handle = run_job(job, on_outcome=outcomes.append)
    handle.cancel()
    handle.wait(10)
    assert [(o.status, o.result) for o in outcomes] == [("cancelled", None)]


def test_cancel_by_returning_keeps_the_partial_result():
    def job(report, cancel):
        cancel.cancel()
        return "best weights"

    outcome = ended(job)
    assert (outcome.status, outcome.result) == ("cancelled", "best weights")


def test_failing_listeners_harm_neither_job_nor_runner():
    def bad(_):
        raise RuntimeError("listener")

    def job(report, cancel):
        report(Event("x", 0))
        return 1

    handle = run_job(job, on_event=bad, on_outcome=bad)
    assert handle.wait(10).status == "done"


def test_runner_takes_one_job_at_a_time_and_frees_itself_before_the_callback():
    gate = threading.Event()
    outcomes = []

    def on_outcome(outcome):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            runner.start(lambda report, cancel: "second")

    runner = JobRunner(on_outcome=on_outcome)
    first = runner.start(lambda report, cancel: gate.wait(10))
    assert runner.busy
    with pytest.raises(GlandsError, match="running"):
        runner.start(lambda report, cancel: None)
    gate.set()
    first.wait(10)
    runner.wait(10)
    assert [o.result for o in outcomes] == [True, "second"]
    assert not runner.busy


def test_runner_cancels_what_runs():
    runner = JobRunner()
    runner.cancel()  # nothing to cancel is fine

    def job(report, cancel):
        while not cancel.cancelled:
            time.sleep(0.001)
        raise Cancelled

    runner.start(job)
    runner.cancel()
    assert runner.wait(10).status == "cancelled"


def test_a_paused_job_waits_goes_on_and_can_be_cancelled():
    ticks = []

    def job(report, cancel):
        while True:
            cancel.check()
            ticks.append(1)
            time.sleep(0.001)

    def still():
        time.sleep(0.05)  # the tick under way
        before = len(ticks)
        time.sleep(0.05)
        return len(ticks) == before

    runner = JobRunner()
    runner.pause()  # nothing to pause is fine
    runner.start(job)
    assert not still()
    runner.pause()
    assert still()
    runner.resume()
    assert not still()
    runner.pause()
    runner.cancel()
    assert runner.wait(10).status == "cancelled"


def test_a_cancelled_job_cannot_be_paused():
    token = CancelToken()
    token.cancel()
    token.pause()
    assert not token.paused
    token.wait()


def test_events_of_left_behind_threads_are_dropped():
    events, late = [], threading.Event()
    leftover = []

    def job(report, cancel):
        def speak():
            late.wait(10)
            report(Event("x", 1, "late"))

        leftover.append(threading.Thread(target=speak))
        leftover[0].start()

    handle = run_job(job, on_event=events.append)
    handle.wait(10)
    late.set()
    leftover[0].join(10)
    assert events == []


def test_arrays_of_a_failed_job_are_let_go():
    class Big:
        pass

    refs = []

    def job(report, cancel):
        big = Big()
        refs.append(weakref.ref(big))
        try:
            raise ValueError("inner")
        except ValueError as inner:
            raise RuntimeError("CUDA out of memory") from inner

    outcome = perform(job)
    assert refs[0]() is None
    assert outcome.error is not None


def test_out_of_memory_says_what_to_try():
    torch_like = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried …")
    for error in (torch_like, MemoryError(), RuntimeError("MPS backend out of memory (…)")):
        assert "smaller batch size" in explain(error)
    assert "disk is full" in explain(OSError(errno.ENOSPC, "No space left"))
    assert "KeyError" in explain(KeyError("x"))


def test_perform_uses_the_given_token():
    token = CancelToken()
    token.cancel()
    assert perform(lambda report, cancel: cancel.cancelled, cancel=token).result is True


def test_importing_jobs_loads_no_torch_and_no_qt():
    code = (
        "import sys, napari_glands.jobs as j; j.free_device_memory();"
        "assert not {'torch', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
