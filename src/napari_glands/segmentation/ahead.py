"""Making the next batch while the network learns from the one before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from torch.utils.data import DataLoader

from napari_glands.segmentation.data import Batch

__all__ = ["MadeAhead"]


class MadeAhead:
    """The batches of a loader, in its order, each made on a thread while its forerunner is used.

    It pays where the network runs on another device than the one that makes the batches.

    Parameters
    ----------
    loader
        Makes the batches; it must use no shared random state.
    """

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self._loader)
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as maker:
            coming = maker.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = maker.submit(next, batches, None)
                yield batch
