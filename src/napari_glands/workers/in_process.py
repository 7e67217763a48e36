"""Work in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import zip_longest
from typing import Any

from napari_glands.progress import CancelToken
from napari_glands.slides.blocks import Block
from napari_glands.workers.contract import Outcome, Work, done, read

__all__ = ["InProcess"]


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
            ahead = [reader.submit(read, work, block) for block in blocks[:1]]
            for block, following in zip_longest(blocks, blocks[1:]):
                data = ahead.pop().result()
                cancel.check()
                if following is not None:
                    ahead.append(reader.submit(read, work, following))
                yield block, done(work, block, data, cancel.check)
