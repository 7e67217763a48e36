"""One round of training under Lightning: checkpoints, log, resume, cancel."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from napari_glands.exterior.device import Device
from napari_glands.progress import CancelToken
from napari_glands.segmentation.ahead import MadeAhead
from napari_glands.segmentation.checkpoints import (
    SealedCheckpoints,
    cannot_go_on,
    keep_finished,
    take_finished,
)
from napari_glands.segmentation.data import Batch, GlandCrops, Lesson
from napari_glands.segmentation.devices import DevicesTrainer, DevicesWatcher, quiet
from napari_glands.segmentation.module import GlandModule
from napari_glands.segmentation.network import GlandPSPNet
from napari_glands.segmentation.watching import OnStep, Watcher
from napari_glands.settings import Settings

__all__ = ["fit_round"]

_log = logging.getLogger(__name__)

_STEPS_PER_EPOCH = 50  # how often a checkpoint is written and the patience is looked at
_CHECKPOINT = "last.ckpt"
_AVERAGE_DECAY = 0.98  # the running average of the weights spans about 50 steps


def fit_round(
    network: GlandPSPNet,
    lessons: Sequence[Lesson],
    settings: Settings,
    device: Device,
    number: int,
    folder: Path,
    on_step: OnStep,
    cancel: CancelToken,
    tell: Callable[[str], None] = _log.warning,
) -> float:
    """Train the network in place for one round; return the last smoothed loss.

    The round's finished weights, or its last checkpoint, are taken up when they lie in `folder`.
    Where a batch does not fit into the device's memory, the round goes on from its last checkpoint
    with smaller batches, of which as many make one step as make up the batch size; `tell` is given
    a sentence about it. On several devices, each takes an equal part of every batch; how that
    differs from one device is said in `napari_glands.segmentation.devices`.

    Raises
    ------
    torch.OutOfMemoryError
        When not even the smallest part of a batch fits.
    Cancelled
        When several devices were asked to stop before the first step.
    """
    finished = folder / "weights.safetensors"
    loss = take_finished(network, finished)
    if loss is not None:
        return loss
    start = {name: tensor.cpu().clone() for name, tensor in network.state_dict().items()}
    crops = _crops(lessons, settings, number)
    for parts in _partitions(settings):
        if parts > 1:
            network.load_state_dict(start)
            tell(_smaller(settings, parts))
        watcher = _watcher(network, settings, on_step, cancel)
        if _fits(network, crops, settings, device, number, folder, watcher, parts):
            break
    network.eval().cpu().to(memory_format=torch.contiguous_format)
    if not cancel.cancelled:
        keep_finished(network, finished, watcher.smoothed)
    return watcher.smoothed


def _partitions(settings: Settings) -> list[int]:
    """Into how many equal parts a batch can be cut: the batch norm needs two crops in each."""
    share = settings.train.batch_size // settings.general.devices
    return [n for n in range(1, share // 2 + 1) if share % n == 0]


def _smaller(settings: Settings, parts: int) -> str:
    share, where = settings.train.batch_size // settings.general.devices, "The device has"
    if settings.general.devices > 1:
        where = "A device has"
    return (
        f"{where} too little memory for {share} crops at once: going on with "
        f"{share // parts} at once, {parts} times per step."
    )


def _watcher(
    network: GlandPSPNet, settings: Settings, on_step: OnStep, cancel: CancelToken
) -> Watcher:
    train, devices = settings.train, settings.general.devices
    rhythm = (train.iterations, train.patience, _STEPS_PER_EPOCH)
    if devices == 1:
        return Watcher(*rhythm, on_step, cancel)
    return DevicesWatcher(*rhythm, on_step, cancel, devices, network)


def _fits(
    network: GlandPSPNet,
    crops: GlandCrops,
    settings: Settings,
    device: Device,
    number: int,
    folder: Path,
    watcher: Watcher,
    parts: int,
) -> bool:
    """Train with batches cut into parts; return whether memory was enough.

    Raises
    ------
    torch.OutOfMemoryError
        When it was not, and the parts cannot be smaller.
    """
    start = settings.train.omission_start * settings.train.iterations
    omission_step = round(start) if settings.train.omission and number == 1 else None
    seed = (settings.general.seed, number)
    network.train().to(memory_format=torch.channels_last)
    module = GlandModule(network, settings.train, omission_step, seed)
    data = _RoundData(
        crops, settings.train.batch_size, parts, _STEPS_PER_EPOCH, ahead=device.name == "cuda"
    )
    # Torch's data loader draws from the global random state; the caller's is left alone.
    with quiet(), torch.random.fork_rng(devices=[]):
        trainer = _trainer(settings, device, folder, watcher, parts)
        try:
            trainer.fit(module, data, ckpt_path=_checkpoint(folder, module), weights_only=True)
        except SIGTERMException as error:  # somebody ends the process: no defect
            raise KeyboardInterrupt from error
        except torch.OutOfMemoryError:
            if parts == _partitions(settings)[-1]:
                raise
        else:
            return True
    network.cpu()
    del module, trainer  # they hold gradients, averages and the optimiser's state
    gc.collect()
    if device.name == "cuda":
        torch.cuda.empty_cache()
    return False


def _crops(lessons: Sequence[Lesson], settings: Settings, number: int) -> GlandCrops:
    """Prepare the crops of a round, and of what Lightning looks ahead at its end."""
    train, general = settings.train, settings.general
    return GlandCrops(
        lessons,
        round(train.crop_um / general.working_mpp),
        (train.iterations + _STEPS_PER_EPOCH) * train.batch_size,
        train.stain_jitter,
        (general.seed, number),
    )


class _RoundData(L.LightningDataModule):
    """The crops of a round in one order, dealt out by the step, not by Lightning's epoch.

    Lightning counts epochs differently in a run that goes on from a checkpoint; its steps agree.
    """

    def __init__(
        self, crops: GlandCrops, batch_size: int, parts: int, steps: int, ahead: bool
    ) -> None:
        super().__init__()
        self._crops = crops
        self._batch_size, self._parts = batch_size, parts
        self._steps = steps
        self._ahead = ahead

    def train_dataloader(self) -> Iterable[Batch]:
        """Crops of the next steps; of several devices, each takes every so-manyth crop."""
        step, rank, devices = 0, 0, 1
        if self.trainer:
            step, rank = self.trainer.global_step, self.trainer.global_rank
            devices = self.trainer.world_size
        start = self._batch_size * step
        stop = start + self._batch_size * self._steps
        loader = DataLoader(
            Subset(self._crops, range(start + rank, stop, devices)),
            batch_size=self._batch_size // devices // self._parts,
            collate_fn=_as_made,
            pin_memory=self._ahead,
        )
        return MadeAhead(loader) if self._ahead else loader


def _as_made(crops: Any) -> Any:
    """Take a batch as the data set made it; torch would take it for a list of crops."""
    return crops


def _averaged(averages: Any, weights: Any, count: Any) -> None:
    """Take weights into their running average; unlike torch's closure, it can be pickled."""
    get_ema_multi_avg_fn(_AVERAGE_DECAY)(averages, weights, count)


def _trainer(
    settings: Settings, device: Device, folder: Path, watcher: Watcher, parts: int
) -> L.Trainer:
    checkpoints = ModelCheckpoint(
        folder, Path(_CHECKPOINT).stem, save_on_train_epoch_end=True, enable_version_counter=False
    )
    options: dict[str, Any] = {
        "accelerator": "gpu" if device.name == "cuda" else device.name,
        "precision": "bf16-mixed" if device.bf16 else "32-true",
        "max_steps": settings.train.iterations,
        "accumulate_grad_batches": parts,
        "reload_dataloaders_every_n_epochs": 1,
        "callbacks": [WeightAveraging(multi_avg_fn=_averaged), watcher, checkpoints],
        "plugins": [SealedCheckpoints()],
        "logger": CSVLogger(folder, name=None, version=""),
        "num_sanity_val_steps": 0,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    if isinstance(watcher, DevicesWatcher):
        return DevicesTrainer(watcher, **options)
    return L.Trainer(devices=1, **options)


def _checkpoint(folder: Path, module: GlandModule) -> Path | None:
    """Return the checkpoint of a round that was cut off, if it is one of this network."""
    path = folder / _CHECKPOINT
    if not path.exists():
        return None
    why = cannot_go_on(path, module.state_dict())
    if why:
        _log.warning("The checkpoint %s cannot be read: it %s. The round starts over", path, why)
        return None
    return path
