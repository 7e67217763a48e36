"""What work is, and what is expected of those who work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken, Report, part_of
from napari_glands.slides.blocks import Block

__all__ = ["Check", "Crew", "Facts", "Made", "Outcome", "Work", "Workers", "done", "read"]

Facts = Mapping[str, np.ndarray]
"""What is known of a finished block: small arrays by name."""

Outcome = tuple[Block, Facts | GlandsError]
"""A block with its facts, or with why it could not be worked on."""

Check = Callable[[], None]
Made = Callable[[str], Any]
"""Gives what was made under a name, as soon as it is there."""


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


def read(work: Work, block: Block) -> Any:
    """Read what a block needs; what the user can put right is returned, not raised."""
    try:
        return work.read(block)
    except GlandsError as error:
        return error


def done(work: Work, block: Block, data: Any, check: Check) -> Facts | GlandsError:
    """Work on what was read."""
    return data if isinstance(data, GlandsError) else work(block, data, check)
