"""Work in other processes of this machine.

Each is tied to this one by a pipe that has no name and no address: there is no port, no socket
and no file by which anybody else could speak to it.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from napari_glands.child import begin_child, portable
from napari_glands.errors import GlandsError
from napari_glands.progress import Cancelled
from napari_glands.workers.asking import Ask, Others

__all__ = ["Processes"]

_MOST_LOSSES = 3  # processes that one piece of work may cost
_LAST_WORDS_S = 5.0  # how long a process that is told to end may take for it

# A forked copy of a process that has used torch would hang; spawned ones know only their pipe.
_spawning = multiprocessing.get_context("spawn")


@dataclass(eq=False)
class _Held:
    """A function as it is sent, what was asked of it, and whether that is still wanted."""

    key: int
    content: bytes
    over: bool = False
    asked: set[Future[Any]] = field(default_factory=set)


@dataclass(frozen=True)
class _Place:
    """What a process has of the machine: a share of the processors, and one of the GPUs."""

    number: int
    threads: int
    gpus: int

    def take(self) -> None:
        """Let libraries, also those that are loaded later, use no more than this."""
        for library in ("OMP", "MKL", "OPENBLAS"):
            os.environ[f"{library}_NUM_THREADS"] = str(self.threads)
        if self.gpus:
            named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
            those = named if named != [""] else [str(n) for n in range(self.gpus)]
            os.environ["CUDA_VISIBLE_DEVICES"] = those[self.number % self.gpus]
        import torch
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(self.threads)
        threadpool_limits(self.threads)


class Processes(Others):
    """Work in processes that are started for it, for use in a ``with`` statement.

    A lost process costs what it was at: another one is started in its place, and does that again.

    Parameters
    ----------
    count
        How many; they share the processors and the GPUs.
    """

    def __init__(self, count: int) -> None:
        import torch

        threads, gpus = max(1, torch.get_num_threads() // count), torch.cuda.device_count()
        self._workers = [_Worker(_Place(number, threads, gpus)) for number in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._keys = itertools.count()
        self._wanted: dict[int, _Held] = {}
        self._threads = ThreadPoolExecutor(count, "asking a worker")

    def __enter__(self) -> Processes:
        """Start the processes."""
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *raised: Any) -> None:
        """End the processes, also where somebody has not said that he wants no more of them."""
        for held in tuple(self._wanted.values()):
            self._drop(held)
        self._threads.shutdown()
        for worker in self._workers:
            worker.tell_to_end()
        for worker in self._workers:
            worker.end()

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self._workers)

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of the processes that live."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    @contextmanager
    def holding(self, function: Callable[[Any], Any]) -> Iterator[Ask]:
        """Send a function to each process once; one that is at it in the end is ended itself."""
        held = _Held(next(self._keys), pickle.dumps(function))
        self._wanted[held.key] = held

        def ask(argument: Any) -> Future[Any]:
            future = self._threads.submit(self._ask, held, argument)
            held.asked.add(future)
            future.add_done_callback(held.asked.discard)
            return future

        try:
            yield ask
        finally:
            self._drop(held)

    def _drop(self, held: _Held) -> None:
        """See that nobody is at a function any longer, nor will be."""
        self._wanted.pop(held.key, None)
        held.over = True
        rest = tuple(held.asked)
        for future in rest:
            future.cancel()
        for worker in self._workers:
            worker.leave(held)
        wait(rest)

    def _ask(self, held: _Held, argument: Any) -> Any:
        worker = self._idle.get()
        try:
            return worker.ask(held, argument, frozenset(self._wanted))
        finally:
            self._idle.put(worker)


@dataclass
class _Worker:
    """A process as this one sees it; it is asked one thing at a time."""

    place: _Place
    _process: Any = None
    _line: Connection | None = None
    _knows: set[int] = field(default_factory=set)
    _at: _Held | None = None
    _answered: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        self._line, there = _spawning.Pipe()
        self._knows.clear()
        name = f"napari-glands worker {self.place.number + 1}"
        process = _spawning.Process(target=_serve, args=(there, self.place), name=name, daemon=True)
        with there, _interrupts_held_back():
            process.start()
        self._process = process

    def ask(self, held: _Held, argument: Any, wanted: frozenset[int]) -> Any:
        """Call what is held with an argument, in as many processes as it may cost.

        Raises
        ------
        Exception
            What the call raised.
        Cancelled
            When the answer is not wanted any longer.
        GlandsError
            When too many processes ended over it.
        """
        code = None
        for _ in range(_MOST_LOSSES):
            self._begin(held)
            try:
                well, answer = self._asked(held, argument, wanted)
            except (EOFError, OSError):  # of the pipe: the process is gone
                code = self.end()
                if not self._answered and not _killed(code):
                    break  # it could not even begin, nor will the next
                continue
            finally:
                with self._lock:
                    self._at = None
            self._answered = True
            if well:
                return answer
            raise answer
        raise _too_many_lost(code)

    def leave(self, held: _Held) -> None:
        """End the process if it is at something that is not wanted any longer."""
        with self._lock:
            if self._at is held and self._process is not None:
                self._process.kill()

    def tell_to_end(self) -> None:
        """Hang up: the process ends when it notices."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def end(self) -> int | None:
        """See that the process is gone; return how it ended."""
        self.tell_to_end()
        process, self._process = self._process, None
        if process is None:
            return None
        process.join(_LAST_WORDS_S)
        process.kill()
        process.join()
        return process.exitcode

    def _begin(self, held: _Held) -> None:
        with self._lock:
            if held.over:
                raise Cancelled
            if self._process is None:
                self.start()
            self._at = held

    def _asked(self, held: _Held, argument: Any, wanted: frozenset[int]) -> tuple[bool, Any]:
        assert self._line is not None
        self._knows &= wanted
        content = None if held.key in self._knows else held.content
        self._line.send_bytes(pickle.dumps((held.key, content, wanted, argument)))
        self._knows.add(held.key)
        return pickle.loads(self._line.recv_bytes())


def _serve(line: Connection, place: _Place) -> None:
    """Answer what is asked; what another process does from its start to its end."""
    begin_child()
    place.take()
    functions: dict[int, Callable[[Any], Any]] = {}
    while True:
        try:
            key, content, wanted, argument = pickle.loads(line.recv_bytes())
        except (EOFError, OSError):
            return
        functions = {k: known for k, known in functions.items() if k in wanted}
        line.send_bytes(_answer(functions, key, content, argument))


def _answer(
    functions: dict[int, Callable[[Any], Any]], key: int, content: bytes | None, argument: Any
) -> bytes:
    try:
        if content is not None:
            functions[key] = pickle.loads(content)
        return pickle.dumps((True, functions[key](argument)))
    except Exception as error:
        return pickle.dumps((False, portable(error)))


def _killed(code: int | None) -> bool:
    """Whether an exit code is that of a process that a signal ended."""
    return code is not None and code < 0


def _too_many_lost(code: int | None) -> GlandsError:
    if _killed(code):
        return GlandsError(
            f"Worker processes were ended from outside {_MOST_LOSSES} times at the same work (exit "
            f"code {code}): the computer may have run out of memory. What is finished is kept: run "
            "the step again, with fewer workers (--workers)."
        )
    return GlandsError(
        f"The worker processes end by themselves (exit code {code}): a Python script that uses "
        'them needs its calls under `if __name__ == "__main__":`; else work without them '
        "(--workers 1)."
    )


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, from their first moment on."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # or it would let interrupts through when it starts
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
