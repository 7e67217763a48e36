"""Choose who works."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from napari_glands.errors import GlandsError
from napari_glands.workers.cluster import TlsFiles, connected
from napari_glands.workers.contract import Workers
from napari_glands.workers.in_process import InProcess
from napari_glands.workers.processes import Processes

__all__ = ["chosen_workers"]


def chosen_workers(
    scheduler: str | None = None, workers: int | None = None, tls: TlsFiles | None = None
) -> AbstractContextManager[Workers]:
    """Return those who work, for use in a ``with`` statement.

    Parameters
    ----------
    scheduler
        Address of the scheduler of a running Dask cluster, such as ``tls://10.0.0.1:8786``.
    workers
        How many processes to start on this machine; without it one per GPU, which is this
        process itself where there is one GPU or none.
    tls
        Files that prove to a scheduler who asks; without them Dask's own configuration is used.

    Raises
    ------
    GlandsError
        When the scheduler does not answer, or cannot be asked with these files.
    """
    if scheduler:
        return connected(scheduler, tls)
    if tls is not None:
        raise GlandsError(
            "The TLS files are for a scheduler: give its address too (--scheduler tls://HOST:PORT)."
        )
    count = workers or _devices()
    return nullcontext(InProcess()) if count <= 1 else Processes(count)


def _devices() -> int:
    """Return how many GPUs there are."""
    import torch

    return torch.cuda.device_count()
