"""Training on several devices of this machine: one process per device, for the fit alone.

Every process takes its part of each batch (crop i goes to process i % n), and the gradients are
averaged, so that a step learns from the same crops as on one device. It is not the same to the
last bit: the mean over the pixels that are not ignored, the exterior embedding K and the omissions
are those of a part of the batch, and dropout differs. On GPUs the batch norm sees the whole batch;
on CPUs, where torch has no such layer, each process normalises its own part.

The processes are Lightning's ("ddp_spawn"); what they say and whether they go on passes through
one pipe each. On CPUs gradients go through pipes too, so nothing listens on a port; on GPUs they
are NCCL's, which is kept to the machine's own loopback interface, and whose processes meet in a
folder that is the user's alone. The first process waits for an answer after every step, so a
cancel request ends the round within one step, and a pause holds all of them. They end when this
process is gone.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.multiprocessing import ProcessExitedException

from napari_glands.child import begin_child, portable
from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.segmentation.network import GlandPSPNet
from napari_glands.segmentation.pipe_group import Lines, pipe_backend
from napari_glands.segmentation.watching import OnStep, Watcher
from napari_glands.settings import Settings

__all__ = ["DevicesTrainer", "DevicesWatcher", "check_devices", "quiet"]

_LONGEST_PAUSE = timedelta(days=30)  # the processes wait for each other while they are paused
_LAST_WORDS = 10.0  # seconds that are waited for what a process said before it ended


def check_devices(settings: Settings, device: Device) -> None:
    """Refuse more devices than there are, and batches that they cannot share.

    Raises
    ------
    GlandsError
        When it is so.
    """
    wished, batch = settings.general.devices, settings.train.batch_size
    there = {"cuda": torch.cuda.device_count, "cpu": lambda: os.cpu_count() or 1}
    count = there.get(device.name, lambda: 1)()
    if wished > count:
        raise GlandsError(
            f"{wished} devices were asked for (devices), but there is only {count} of the kind "
            f"{device.name!r}: set devices to {count} or less."
        )
    if wished > 1 and (batch % wished or batch < 2 * wished):
        raise GlandsError(
            f"A batch of {batch} crops cannot be shared by {wished} devices: set the batch size "
            f"to a multiple of {wished}, at least {2 * wished}, or use another number of devices."
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's advice from the user.

    It advises against few workers and no validation set, and both are meant.
    """
    for room in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(room).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*lr_scheduler.*")
        yield


class DevicesWatcher(Watcher):
    """A watcher whose copies in the processes speak to the one in this process.

    Parameters
    ----------
    iterations, patience, steps_per_check, on_step, cancel
        As for `Watcher`; `on_step` is called on a thread of this process.
    count
        Number of processes.
    network
        The network in this process: it is given the present weights at every check, so that
        who looks at it meanwhile sees what has been learned.
    """

    def __init__(
        self,
        iterations: int,
        patience: int,
        steps_per_check: int,
        on_step: OnStep,
        cancel: CancelToken,
        count: int,
        network: GlandPSPNet,
    ) -> None:
        super().__init__(iterations, patience, steps_per_check, on_step, cancel)
        pipes = [Pipe() for _ in range(count)]
        self._here = [here for here, _ in pipes]
        self._there = [there for _, there in pipes]
        self._network = network
        self._shown: dict[str, torch.Tensor] = {}
        self._failure: Exception | None = None

    @property
    def count(self) -> int:
        """Number of processes."""
        return len(self._there)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what has no meaning in another process; torch shares memory of tensors."""
        here: dict[str, Any] = {"_on_step": None, "_cancel": None, "_here": [], "_network": None}
        return {**self.__dict__, **here, "_shown": self._network.state_dict()}

    # ---- in this process

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Answer the processes while they train.

        Raises
        ------
        Exception
            What the first process that failed raised; what `on_step` raised.
        Cancelled
            When the processes failed after a cancel request.
        GlandsError
            When a process was ended from outside, or could not be started.
        """
        over, ended = Pipe(duplex=False)
        attendant = threading.Thread(target=self._attend, args=(over,), daemon=True)
        attendant.start()
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            failed = error
        finally:
            ended.send(None)
            attendant.join(_LAST_WORDS)
            for end in (*self._here, *self._there, ended):
                end.close()
        if failed is not None and self._cancel.cancelled:
            raise Cancelled from failed
        if isinstance(failed, ProcessExitedException) and failed.exit_code < 0:
            raise GlandsError(
                f"A training process was ended from outside ({failed}): the computer may have run "
                "out of memory. Train again, with fewer devices; it goes on from its checkpoint."
            ) from failed
        if self._failure is not None:
            raise self._failure from failed
        if isinstance(failed, ProcessExitedException):
            raise GlandsError(
                f"The training processes could not be started ({failed}): a Python script that "
                'trains on several devices needs its calls under `if __name__ == "__main__":`.'
            ) from failed
        if failed is not None:
            raise failed

    def _attend(self, over: Connection) -> None:
        ready: list[Any] = []
        while ready != [over]:
            ready = wait([*self._here, over])
            for line in (line for line in self._here if line in ready):
                kind, what = line.recv()
                if kind == "failed":
                    self._failure = self._failure or what
                elif kind == "smoothed":
                    self.smoothed = what
                else:
                    line.send(self._answer(*what))

    def _answer(self, share: float, values: dict[str, float]) -> bool:
        """Pass a step on; return whether to stop after it."""
        try:
            self._on_step(share, values)
            self._cancel.wait()
        except Exception as error:
            self._failure = error
        return self._failure is not None or self._cancel.cancelled

    # ---- in the processes

    def say_failed(self, rank: int, error: Exception) -> None:
        """Tell what a process raised."""
        self._there[rank].send(("failed", portable(error)))

    def on_train_start(self, trainer, pl_module) -> None:
        """Begin; end at once when told to, also while waiting for a process that is gone."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        super().on_train_start(trainer, pl_module)

    def on_train_end(self, trainer, pl_module) -> None:
        """Tell the smoothed loss."""
        super().on_train_end(trainer, pl_module)
        if trainer.is_global_zero:
            self._there[0].send(("smoothed", self.smoothed))

    def _figures(self, pl_module) -> dict[str, float]:
        """Return the means over the processes; of a term, over those whose crops have it."""
        every: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(every, super()._figures(pl_module))
        names = max(every, key=len)
        return {n: float(np.mean([one[n] for one in every if n in one])) for n in names}

    def _told_to_stop(self, trainer, pl_module, values: dict[str, float]) -> bool:
        stop = False
        if trainer.is_global_zero:
            if trainer.global_step % self._steps_per_check == 0:
                now = pl_module.network.state_dict()
                for name, tensor in self._shown.items():
                    tensor.copy_(now[name])
            self._there[0].send(("step", (trainer.global_step / self._iterations, values)))
            stop = self._there[0].recv()
        return trainer.strategy.reduce_boolean_decision(stop, all=False)


class _PrivateStrategy(DDPStrategy):
    """Lets the processes find each other where nobody else can find them.

    Parameters
    ----------
    count
        Number of processes.
    """

    def __init__(self, count: int) -> None:
        # Not every stage of an encoder takes part where it is cut short.
        super().__init__(start_method="spawn", timeout=_LONGEST_PAUSE, find_unused_parameters=True)
        self._lines = Lines(count)
        self._meeting = Path()

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """Hold a folder of this user's alone in which the processes meet, and their lines."""
        former = tempfile.tempdir
        with tempfile.TemporaryDirectory(prefix="napari-glands-") as folder:
            self._meeting = Path(folder)
            # Torch unpickles why a process failed from a file whose name everybody can see before
            # it exists: among the temporary files of all users, others could make it.
            tempfile.tempdir = folder
            try:
                yield
            finally:
                tempfile.tempdir = former
                self._lines.close()

    def setup_distributed(self) -> None:
        """Join the other processes, instead of over a port as Lightning would."""
        self.set_world_ranks()
        on_gpu = self.root_device.type == "cuda"
        if on_gpu:
            os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
            atexit.register(torch.distributed.destroy_process_group)  # or it complains
        store = torch.distributed.FileStore(str(self._meeting / "processes"), self.world_size)
        torch.distributed.init_process_group(
            self._get_process_group_backend() if on_gpu else pipe_backend(self._lines),
            store=store,
            rank=self.global_rank,
            world_size=self.world_size,
            timeout=_LONGEST_PAUSE,
            device_id=self.root_device if on_gpu else None,
        )
        super().setup_distributed()


class DevicesTrainer(L.Trainer):
    """A trainer that starts one process per device for the time of the fit.

    Parameters
    ----------
    watcher
        One of the callbacks; it says how many devices there are.
    **options
        As for Lightning's trainer.
    """

    def __init__(self, watcher: DevicesWatcher, **options: Any) -> None:
        self._watcher, self._private = watcher, _PrivateStrategy(watcher.count)
        # The environment also where a scheduler like SLURM started us.
        plugins = [*options.pop("plugins", ()), LightningEnvironment()]
        try:
            super().__init__(
                devices=watcher.count,
                strategy=self._private,
                plugins=plugins,
                sync_batchnorm=options["accelerator"] == "gpu",
                use_distributed_sampler=False,
                **options,
            )
        except MisconfigurationException as error:  # Lightning's check for notebooks and consoles
            raise GlandsError(
                "Several devices cannot be used from a notebook or a Python console: train with "
                f"`napari-glands train`, or set devices to 1 ({error})."
            ) from error

    def fit(self, *args: Any, **options: Any) -> None:
        """Train; raise what a process raised, and leave none behind."""
        port = os.environ.get("MASTER_PORT")  # the launcher sets it
        try:
            with self._watcher.attending(), self._private.meeting():
                super().fit(*args, **options)
        except SystemExit as error:  # how Lightning passes on a keyboard interrupt
            raise KeyboardInterrupt from error
        finally:
            for process in getattr(self.strategy.launcher, "procs", ()):
                process.kill()
                process.join()
            if port is None:  # or the next training would take the same
                os.environ.pop("MASTER_PORT", None)

    def _fit_impl(self, *args: Any, **options: Any) -> None:
        """Train: what each of the processes does."""
        begin_child()
        try:
            with quiet():
                super()._fit_impl(*args, **options)
        except Exception as error:
            self._watcher.say_failed(self.local_rank, error)
            raise
