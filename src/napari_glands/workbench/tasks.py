"""Work off the interface's thread, and its results back on it."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_glands.errors import GlandsError
from napari_glands.jobs import Job, JobHandle, JobRunner, Outcome, explain
from napari_glands.plain_text import shown
from napari_glands.progress import Event
from napari_glands.workbench.coexistence import load_triton_beside_mesa
from napari_glands.workbench.courtesy import courteous

__all__ = ["Tasks"]

logger = logging.getLogger(__name__)

# Events are handed over together: a GPU makes more of them than anybody can read.
_EVENTS_MILLISECONDS = 100
# How long a closed window's job may take to put away what it has.
_GRACE_SECONDS = 30.0


class Tasks(QObject):
    """One long job at a time, and a queue of short ones such as opening and saving files.

    The long ones go through `JobRunner`; the short ones run one after the other on a thread of
    their own, so that edits are saved while a training runs. All callbacks are called on the
    interface's thread. A result that a newer request has overtaken is dropped.

    Signals
    -------
    busy_changed
        Whether a long job runs.
    paused_changed
        Whether the long job waits.
    """

    busy_changed = Signal(bool)
    paused_changed = Signal(bool)
    _heard = Signal()
    _outcome = Signal(int, object)
    _call = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="napari-glands files")
        self._generation = 0
        self._listeners: tuple[Callable[[Event], None], Callable[[Outcome[Any]], None]] | None
        self._listeners = None
        self._latest: dict[str, int] = {}
        self._asides: list[threading.Thread] = []
        self._closed = False
        self._runner = JobRunner()
        queued = Qt.ConnectionType.QueuedConnection
        self._events: deque[tuple[int, Event]] = deque()
        self._hearing = QTimer(self)
        self._hearing.setSingleShot(True)
        self._hearing.setInterval(_EVENTS_MILLISECONDS)
        self._hearing.timeout.connect(self._hand_over)
        self._heard.connect(self._on_heard, queued)
        self._outcome.connect(self._on_outcome, queued)
        self._call.connect(self._on_call, queued)

    @property
    def busy(self) -> bool:
        """Whether a long job runs, or its outcome is still on the way."""
        return self._listeners is not None

    def start(
        self,
        job: Job[Any],
        heard: Callable[[Event], None],
        ended: Callable[[Outcome[Any]], None],
    ) -> JobHandle[Any]:
        """Start a long job, after all short ones that were asked for before.

        Raises
        ------
        GlandsError
            When one runs already.
        """
        if self.busy or self._closed:
            raise GlandsError("Another step is running: cancel it or wait for its end.")
        self._generation += 1
        generation = self._generation
        self._listeners = (heard, ended)
        # Edits that are on their way to the disk belong to the input of the job.
        saved = self._queue.submit(lambda: None)

        def work(report: Any, cancel: Any) -> Any:
            saved.result()
            with courteous():
                load_triton_beside_mesa()
                return job(report, cancel)

        def on_event(event: Event) -> None:
            if not self._closed:
                self._events.append((generation, event))
                if len(self._events) == 1:
                    self._heard.emit()

        def on_end(outcome: Outcome[Any]) -> None:
            if not self._closed:
                self._outcome.emit(generation, outcome)

        self._runner = JobRunner(on_event, on_end)
        handle = self._runner.start(work)
        self.busy_changed.emit(True)
        return handle

    def cancel(self) -> None:
        """Ask the long job to stop."""
        self._runner.cancel()

    def pause(self, paused: bool) -> None:
        """Ask the long job to wait after its batch or tile, or to go on."""
        if self.busy:
            (self._runner.pause if paused else self._runner.resume)()
            self.paused_changed.emit(paused)

    def later(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None] = lambda result: None,
        failed: Callable[[str], None] = lambda message: None,
        *,
        key: str = "",
    ) -> None:
        """Queue short work.

        Parameters
        ----------
        work
            Runs on the queue's thread.
        then, failed
            Called with the result, or with one sentence on what went wrong.
        key
            Of two requests with the same key only the later one's result is delivered.
        """
        if self._closed:
            return
        number = self._latest[key] = self._latest.get(key, 0) + 1

        def deliver(callback: Callable[[Any], None], value: Any) -> None:
            if not key or self._latest[key] == number:
                callback(value)

        self._queue.submit(self._deliver, work, partial(deliver, then), partial(deliver, failed))

    def aside(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Do work on a thread of its own, so that nothing waits for it but the end."""
        if self._closed:
            return
        thread = threading.Thread(
            target=self._deliver, args=(work, then, failed), name="napari-glands aside", daemon=True
        )
        self._asides = [known for known in self._asides if known.is_alive()] + [thread]
        thread.start()

    def _deliver(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """Do work on this thread, and tell the interface's what came of it."""
        try:
            load_triton_beside_mesa()
            result = work()
        except BaseException as error:
            message = explain(error)
            if not isinstance(error, GlandsError):
                details = "".join(traceback.format_exception(error))
                logger.error("Failure in the background:\n%s", shown(details, lines=True))
            self._emit(lambda: failed(message))
        else:
            self._emit(lambda: then(result))

    def close(self, after: Callable[[], None]) -> threading.Thread:
        """Cancel the long job, finish the queue, then call `after`; returns without waiting.

        Returns
        -------
        threading.Thread
            Ends when all is put away; a program that ends waits for it.
        """
        self._closed = True
        self._listeners = None
        self._runner.cancel()

        def finish() -> None:
            self._runner.wait(_GRACE_SECONDS)
            self._queue.shutdown(wait=True)
            for thread in self._asides:
                thread.join(_GRACE_SECONDS)
            after()

        thread = threading.Thread(target=finish, name="napari-glands closing", daemon=False)
        thread.start()
        return thread

    def _emit(self, call: Callable[[], None]) -> None:
        if not self._closed:
            self._call.emit(call)

    def _on_call(self, call: Callable[[], None]) -> None:
        if not self._closed:
            call()

    def _on_heard(self) -> None:
        if not self._hearing.isActive():
            self._hearing.start()

    def _hand_over(self) -> None:
        while self._events:
            generation, event = self._events.popleft()
            if self._listeners is not None and generation == self._generation:
                self._listeners[0](event)

    def _on_outcome(self, generation: int, outcome: Outcome[Any]) -> None:
        if self._listeners is None or generation != self._generation:
            return
        self._hand_over()
        if self._listeners is None:
            return
        on_outcome = self._listeners[1]
        self._listeners = None
        if outcome.details:
            logger.error("A step failed:\n%s", shown(outcome.details, lines=True))
        self.busy_changed.emit(False)
        on_outcome(outcome)
