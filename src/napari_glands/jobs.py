"""Background jobs: long work off the caller's thread, with one certain end.

A job is a plain function ``job(report, cancel) -> result``. Whatever it does, its runner ends in
exactly one `Outcome`: nothing that a job raises, out-of-memory and keyboard interrupts included,
is lost or reaches the thread that started it, and device memory is freed before the outcome is
handed over. This module knows no Qt: a user interface passes callbacks that post to its own
thread.
"""

from __future__ import annotations

import errno
import gc
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from napari_glands.errors import GlandsError
from napari_glands.progress import Cancelled, CancelToken, Event, Report, ignore
from napari_glands.system_errors import explain_system_error, system_error_behind

__all__ = [
    "CancelToken",
    "Cancelled",
    "Event",
    "Job",
    "JobHandle",
    "JobRunner",
    "Outcome",
    "Report",
    "explain",
    "free_device_memory",
    "perform",
    "run_job",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[Report, CancelToken], T]
Status = Literal["done", "cancelled", "failed"]

# What the device backends say when memory runs out under a plain RuntimeError.
_OUT_OF_MEMORY_PHRASES = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "not enough memory",
)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The one end of a job.

    Attributes
    ----------
    status
        ``"done"``, ``"cancelled"`` or ``"failed"``.
    result
        What the job returned; after a cancel, what it had until then, or None.
    message
        One plain sentence for the user; empty when done.
    error
        What the job raised, without its traceback (which would keep arrays alive), or None.
    details
        The traceback as text, for a log; empty when the job raised nothing unexpected.
    """

    status: Status
    result: T | None = None
    message: str = ""
    error: BaseException | None = None
    details: str = ""

    @property
    def defect(self) -> bool:
        """Whether the program failed, and not its memory, its disk or what it was given."""
        return self.error is not None and self.status == "failed" and not _is_known(self.error)


def perform(
    job: Job[T], on_event: Report = ignore, *, cancel: CancelToken | None = None
) -> Outcome[T]:
    """Run a job on this thread and return its outcome; nothing is raised.

    Parameters
    ----------
    job
        The work.
    on_event
        Called with each event of the job, on this thread. What it raises is logged, no more.
    cancel
        The token by which others stop the job.

    Returns
    -------
    Outcome
        ``"cancelled"`` when the job raised `Cancelled`, or returned after a cancel request
        (then with its result); ``"failed"`` when it raised anything else.
    """
    token = cancel or CancelToken()
    try:
        try:
            result = job(_guarded(on_event), token)
        except Cancelled:
            outcome: Outcome[T] = Outcome("cancelled", message="Cancelled.")
        except KeyboardInterrupt as error:
            outcome = Outcome("cancelled", message="Interrupted.", error=error)
        except BaseException as error:
            outcome = _failed(error)
        else:
            if token.cancelled:
                outcome = Outcome("cancelled", result, "Cancelled; what was finished is kept.")
            else:
                outcome = Outcome("done", result)
        if outcome.error is not None:
            _drop_frames(outcome.error)
        free_device_memory()
    except BaseException as error:  # the bookkeeping itself ran out of memory or was interrupted
        outcome = Outcome("failed", message=explain(error), error=error.with_traceback(None))
    return outcome


class JobHandle(Generic[T]):
    """A job on its own thread.

    Attributes
    ----------
    cancel_token
        The token that the job looks at.
    outcome
        The end of the job; None while it runs.
    """

    def __init__(
        self, job: Job[T], on_event: Report, on_outcome: Callable[[Outcome[T]], None]
    ) -> None:
        self.cancel_token = CancelToken()
        self.outcome: Outcome[T] | None = None
        self._job = job
        self._on_event = on_event
        self._on_outcome = on_outcome
        self._ended = threading.Event()
        # A daemon, so that closing the program is never held up by a batch; files are written
        # aside and renamed, so being cut off harms none.
        self._thread = threading.Thread(target=self._work, name="napari-glands job", daemon=True)

    def cancel(self) -> None:
        """Ask the job to stop; its outcome follows within a batch or a tile."""
        self.cancel_token.cancel()

    def pause(self) -> None:
        """Ask the job to wait after its batch or tile."""
        self.cancel_token.pause()

    def resume(self) -> None:
        """Let a paused job go on."""
        self.cancel_token.resume()

    @property
    def running(self) -> bool:
        """Whether the outcome is still to come."""
        return not self._ended.is_set()

    def wait(self, timeout: float | None = None) -> Outcome[T] | None:
        """Wait for the end, its callback included; return the outcome, or None at the timeout.

        Parameters
        ----------
        timeout
            Longest wait in seconds; None waits for ever.
        """
        self._thread.join(timeout)
        return None if self._thread.is_alive() else self.outcome

    def _start(self) -> None:
        self._thread.start()

    def _work(self) -> None:
        def on_event(event: Event) -> None:
            # Threads that the job left behind must not speak after its end.
            if self.running:
                self._on_event(event)

        self.outcome = perform(self._job, on_event, cancel=self.cancel_token)
        del self._job  # its closure may hold images and networks
        self._ended.set()
        try:
            self._on_outcome(self.outcome)
        except BaseException:
            logger.exception("The callback for the end of a job failed")


def run_job(
    job: Job[T],
    on_event: Report = ignore,
    on_outcome: Callable[[Outcome[T]], None] = lambda outcome: None,
) -> JobHandle[T]:
    """Start a job on a background thread.

    Parameters
    ----------
    job
        The work.
    on_event
        Called with each event, on the background thread.
    on_outcome
        Called exactly once with the outcome, on the background thread, after the last event.

    Returns
    -------
    JobHandle
        To cancel it and to wait for it.
    """
    handle = JobHandle(job, on_event, on_outcome)
    handle._start()
    return handle


class JobRunner:
    """Runs one job at a time in the background.

    Parameters
    ----------
    on_event
        Called with each event of each job, on the background thread.
    on_outcome
        Called exactly once per job, on the background thread; the runner is free again then, so
        that the callback may start the next job.
    """

    def __init__(
        self,
        on_event: Report = ignore,
        on_outcome: Callable[[Outcome[Any]], None] = lambda outcome: None,
    ) -> None:
        self._on_event = on_event
        self._on_outcome = on_outcome
        self._lock = threading.Lock()
        self._current: JobHandle[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        current = self._current
        return current is not None and current.running

    def start(self, job: Job[Any]) -> JobHandle[Any]:
        """Start a job.

        Raises
        ------
        GlandsError
            When one runs already.
        """
        with self._lock:
            if self.busy:
                raise GlandsError("Another step is running: cancel it or wait for its end.")
            self._current = handle = run_job(job, self._on_event, self._on_outcome)
        return handle

    def cancel(self) -> None:
        """Ask the running job, if any, to stop."""
        current = self._current
        if current is not None:
            current.cancel()

    def pause(self) -> None:
        """Ask the running job, if any, to wait after its batch or tile."""
        current = self._current
        if current is not None:
            current.pause()

    def resume(self) -> None:
        """Let the running job, if it is paused, go on."""
        current = self._current
        if current is not None:
            current.resume()

    def wait(self, timeout: float | None = None) -> Outcome[Any] | None:
        """Wait for the running job; return its outcome, or None when none ends in time."""
        current = self._current
        return None if current is None else current.wait(timeout)


def explain(error: BaseException) -> str:
    """Say in plain language what went wrong and what to try."""
    text = str(error).strip()
    if isinstance(error, GlandsError):
        return text
    if _is_out_of_memory(error):
        where = "the computer" if isinstance(error, MemoryError | OSError) else "the device"
        return (
            f"There was not enough memory on {where}. Try a smaller batch size, a smaller crop or "
            "tile size, a coarser working resolution, or the device cpu; other programs that use "
            "the GPU may also be in the way."
        )
    refused = explain_system_error(error)
    if refused is not None:
        return refused
    first_line = text.splitlines()[0] if text else "no message"
    return f"Unexpected {type(error).__name__}: {first_line}"


def free_device_memory() -> None:
    """Give unused memory of GPUs back; torch is not imported for it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    try:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
    except Exception:  # after a device fault even this fails; the job's outcome matters more
        logger.exception("Could not free device memory")


def _failed(error: BaseException) -> Outcome[Any]:
    expected = isinstance(error, GlandsError)
    details = "" if expected else "".join(traceback.format_exception(error))
    return Outcome("failed", message=explain(error), error=error, details=details)


def _is_known(error: BaseException) -> bool:
    """Tell what the user can put right from defects of the program."""
    known = isinstance(error, GlandsError) or _is_out_of_memory(error)
    return known or system_error_behind(error) is not None


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell memory errors of Python, numpy and the device backends from others."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(p in text for p in _OUT_OF_MEMORY_PHRASES)


def _drop_frames(error: BaseException) -> None:
    """Let go of the frames of an error and its causes: they hold batches and networks."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        traceback.clear_frames(current.__traceback__)
        current.__traceback__ = None
        pending += [current.__cause__, current.__context__]


def _guarded(on_event: Report) -> Report:
    """Keep what a listener raises out of the job."""

    def report(event: Event) -> None:
        try:
            on_event(event)
        except Exception:
            logger.exception("A listener for progress failed")

    return report
