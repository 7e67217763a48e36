"""Work that is asked of others, who answer by futures: the same wherever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import Block
from napari_glands.workers.contract import Facts, Made, Outcome, Work, done, read

__all__ = ["Ask", "Others"]

Ask = Callable[[Any], Future[Any]]
"""Asks others to call what they hold with an argument."""

_POLL_S = 0.5  # how often a cancel request is looked at while others are busy


class Others(ABC):
    """Those who work elsewhere, at several things at a time."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many things they can be at."""

    @abstractmethod
    def holding(self, function: Callable[[Any], Any]) -> AbstractContextManager[Ask]:
        """Send a function to each of them once, with all that it holds, for use in a ``with``.

        When the ``with`` statement is left, what was asked and not answered is dropped.
        """

    def answer(self, future: Future[Any]) -> Any:
        """Return what was answered.

        Raises
        ------
        GlandsError
            When nobody could be found who lived long enough to answer.
        """
        return future.result()

    def map(self, work: Work, blocks: Sequence[Block], cancel: CancelToken) -> Iterator[Outcome]:
        """Work on blocks, as many at a time as there are workers."""
        with self.holding(partial(_read_and_do, work)) as ask:
            futures = {ask(block): block for block in blocks}
            while futures:
                cancel.check()
                for future in wait(futures, _POLL_S, FIRST_COMPLETED).done:
                    yield futures.pop(future), self.answer(future)

    @contextmanager
    def ahead(
        self, make: Callable[[str], Any], names: Sequence[str], cancel: CancelToken
    ) -> Iterator[Made]:
        """Make things by their names; what is asked for is waited for.

        They are made a few ahead of the one that is asked for, because each may be large.
        """
        with self.holding(make) as ask:
            waiting = dict.fromkeys(names)
            begun: dict[str, Future[Any]] = {}

            def begin_some() -> None:
                while waiting and len(begun) < 2 * self.count:
                    name = next(iter(waiting))
                    del waiting[name]
                    begun[name] = ask(name)

            def made(name: str) -> Any:
                future = begun.get(name) or ask(name)
                waiting.pop(name, None)
                while not future.done():
                    cancel.check()
                    wait([future], _POLL_S)
                cancel.check()
                begun.pop(name, None)
                begin_some()
                return self.answer(future)

            begin_some()
            yield made


def _read_and_do(work: Work, block: Block) -> Facts | GlandsError:
    return done(work, block, read(work, block), lambda: None)
