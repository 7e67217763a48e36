"""Who works on blocks: this process, or the workers of a Dask cluster.

Work on a block depends on nothing but the block and on what the work was made with, and what it
makes is written by it; so it does not matter who does it, in which order, or whether it is done
twice because a worker was lost.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken, Report, part_of
from napari_glands.slides.blocks import Block

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = [
    "Check",
    "Cluster",
    "Crew",
    "Facts",
    "InProcess",
    "Made",
    "Outcome",
    "Work",
    "Workers",
    "chosen_workers",
]

Facts = Mapping[str, np.ndarray]
"""What is known of a finished block: small arrays by name."""

Outcome = tuple[Block, Facts | GlandsError]
"""A block with its facts, or with why it could not be worked on."""

Check = Callable[[], None]
Made = Callable[[str], Any]
"""Gives what was made under a name, as soon as it is there."""

_ANSWER_S = 10  # how long a scheduler is waited for
_POLL_S = 0.5  # how often a cancel request is looked at while workers are busy


class Work(Protocol):
    """What is done with every block; it can be pickled."""

    def read(self, block: Block) -> Any:
        """Read what the block needs."""

    def __call__(self, block: Block, data: Any, check: Check) -> Facts:
        """Work on what was read; write what is large, return what is small.

        `check` is called between tiles; it may raise `Cancelled`.
        """


class Workers(Protocol):
    """Those who work on blocks."""

    def map(self, work: Work, blocks: Sequence[Block], cancel: CancelToken) -> Iterator[Outcome]:
        """Work on blocks; give each as soon as it is finished, in any order.

        Raises
        ------
        Cancelled
            Within one block of a cancel request.
        """

    def ahead(
        self, make: Callable[[str], Any], names: Sequence[str], cancel: CancelToken
    ) -> AbstractContextManager[Made | None]:
        """Let others make things by their names, all at a time; None where there are no others."""


@dataclass(frozen=True)
class Crew:
    """Who makes a result, whom they tell how far they are, and who may stop them.

    Attributes
    ----------
    workers
        Who works on the blocks.
    report, cancel
        Progress and cancel request.
    """

    workers: Workers
    report: Report
    cancel: CancelToken

    def part(self, start: float, share: float) -> Crew:
        """Return the same for a part of the work, with its start and share on the progress bar."""
        return replace(self, report=part_of(self.report, start, share))


class InProcess:
    """Work in this process; the next block is read while one is worked on."""

    def ahead(
        self, make: Callable[[str], Any], names: Sequence[str], cancel: CancelToken
    ) -> AbstractContextManager[None]:
        """Leave it to the caller, who can show what happens."""
        return nullcontext()

    def map(self, work: Work, blocks: Sequence[Block], cancel: CancelToken) -> Iterator[Outcome]:
        """Work on blocks in their order."""
        with ThreadPoolExecutor(1, "reader") as reader:
            ahead = [reader.submit(_read, work, block) for block in blocks[:1]]
            for block, following in zip_longest(blocks, blocks[1:]):
                data = ahead.pop().result()
                cancel.check()
                if following is not None:
                    ahead.append(reader.submit(_read, work, following))
                yield block, _done(work, block, data, cancel.check)


class Cluster:
    """Work on the workers of a `distributed` cluster, which need to see the project's folder.

    A lost worker costs the blocks it was at: the scheduler gives them to another one.

    Parameters
    ----------
    client
        Connected to the cluster's scheduler.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def map(self, work: Work, blocks: Sequence[Block], cancel: CancelToken) -> Iterator[Outcome]:
        """Work on blocks, as many at a time as there are threads of workers."""
        from distributed import wait

        held = self._held(work)
        futures = {
            self._client.submit(_read_and_do, held, block, pure=False): block for block in blocks
        }
        try:
            while futures:
                cancel.check()
                try:
                    with self._client.as_current():
                        finished = wait(list(futures), _POLL_S, "FIRST_COMPLETED")
                except TimeoutError:
                    continue
                for future in finished.done:
                    yield futures.pop(future), future.result()
        finally:
            self._client.cancel(list(futures))

    @contextmanager
    def ahead(
        self, make: Callable[[str], Any], names: Sequence[str], cancel: CancelToken
    ) -> Iterator[Made]:
        """Make things by their names; what is asked for is waited for."""
        held = self._held(make)
        futures = {name: self._client.submit(_call, held, name, pure=False) for name in names}

        def made(name: str) -> Any:
            while True:
                cancel.check()
                try:
                    found = futures[name].result(timeout=_POLL_S)
                except TimeoutError:
                    if futures[name].done():  # raised by the work itself
                        raise
                else:
                    del futures[name]  # the workers need not keep it any longer
                    return found

        try:
            yield made
        finally:
            self._client.cancel(list(futures.values()))

    def _held(self, work: Any) -> Future:
        """Send work once, weights and all; a worker in place of a lost one gets it too."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self._client.submit(pickle.loads, pickle.dumps(work), pure=False)


def chosen_workers(
    scheduler: str | None = None, workers: int | None = None
) -> AbstractContextManager[Workers]:
    """Return those who work, for use in a ``with`` statement.

    Parameters
    ----------
    scheduler
        Address of the scheduler of a running Dask cluster, such as ``tcp://10.0.0.1:8786``.
    workers
        How many processes to start on this machine; without it one per GPU, which is this
        process itself where there is one GPU or none.

    Raises
    ------
    GlandsError
        When the scheduler does not answer.
    """
    if scheduler:
        return _connected(scheduler)
    count = workers or _devices()
    return nullcontext(InProcess()) if count <= 1 else _local(count)


@contextmanager
def _connected(address: str) -> Iterator[Workers]:
    from distributed import Client

    try:
        client = Client(address, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise GlandsError(
            f"No Dask scheduler answers at {address} ({error}): start one (`dask scheduler`), and "
            "give the address that it prints (--scheduler)."
        ) from error
    with client:
        yield Cluster(client)


@contextmanager
def _local(count: int) -> Iterator[Workers]:
    """Start worker processes, each with a share of the processors, and with a GPU of its own."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.register_plugin(_own_gpu())
        yield Cluster(client)


def _own_gpu() -> Any:
    from distributed import WorkerPlugin

    class OwnGpu(WorkerPlugin):
        """Give each worker of this machine its own GPU, by its number."""

        name = "napari-glands-gpu"

        def setup(self, worker: Any) -> None:
            import torch

            if torch.cuda.is_available() and str(worker.name).isdigit():
                torch.cuda.set_device(int(worker.name) % torch.cuda.device_count())

    return OwnGpu()


def _devices() -> int:
    """Return how many GPUs there are."""
    import torch

    return torch.cuda.device_count()


def _call(make: Callable[[str], Any], name: str) -> Any:
    return make(name)


def _read(work: Work, block: Block) -> Any:
    try:
        return work.read(block)
    except GlandsError as error:
        return error


def _done(work: Work, block: Block, data: Any, check: Check) -> Facts | GlandsError:
    return data if isinstance(data, GlandsError) else work(block, data, check)


def _read_and_do(work: Work, block: Block) -> Facts | GlandsError:
    return _done(work, block, _read(work, block), lambda: None)
