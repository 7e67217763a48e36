"""Who works on blocks: this process, others of this machine, or the workers of a Dask cluster.

Work on a block depends on nothing but the block and on what the work was made with, and what it
makes is written by it; so it does not matter who does it, in which order, or whether it is done
twice because a worker was lost.
"""

from napari_glands.workers.choosing import chosen_workers
from napari_glands.workers.cluster import Cluster, TlsFiles
from napari_glands.workers.contract import (
    Check,
    Crew,
    Facts,
    Made,
    Outcome,
    Work,
    Workers,
)
from napari_glands.workers.in_process import InProcess
from napari_glands.workers.processes import Processes

__all__ = [
    "Check",
    "Cluster",
    "Crew",
    "Facts",
    "InProcess",
    "Made",
    "Outcome",
    "Processes",
    "TlsFiles",
    "Work",
    "Workers",
    "chosen_workers",
]
