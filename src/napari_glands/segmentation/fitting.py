"""One round of training under Lightning: checkpoints, log, resume, cancel."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from napari_glands.exterior.device import Device
from napari_glands.progress import CancelToken
from napari_glands.segmentation.ahead import MadeAhead
from napari_glands.segmentation.data import Batch, GlandCrops, Lesson
from napari_glands.segmentation.module import GlandModule
from napari_glands.segmentation.network import GlandPSPNet
from napari_glands.settings import Settings

__all__ = ["OnStep", "fit_round"]

_log = logging.getLogger(__name__)

OnStep = Callable[[float, dict[str, float]], None]

_STEPS_PER_EPOCH = 25  # how often a checkpoint is written and the patience is looked at
_AVERAGE_DECAY = 0.98  # the running average of the weights spans about 50 steps
_SMOOTHING = 0.9  # of the training loss that the patience looks at, per check


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
    a sentence about it.

    Raises
    ------
    torch.OutOfMemoryError
        When not even the smallest part of a batch fits.
    """
    finished = folder / "weights.safetensors"
    if finished.exists():
        load_model(network, finished)
        with safe_open(finished, "pt") as file:
            return float((file.metadata() or {}).get("loss", "nan"))
    start = {name: tensor.cpu().clone() for name, tensor in network.state_dict().items()}
    crops = _crops(lessons, settings, number)
    for parts in _partitions(settings.train.batch_size):
        if parts > 1:
            network.load_state_dict(start)
            tell(_smaller(settings.train.batch_size, parts))
        watcher = _Watcher(settings.train.iterations, settings.train.patience, on_step, cancel)
        if _fits(network, crops, settings, device, number, folder, watcher, parts):
            break
    network.eval().cpu().to(memory_format=torch.contiguous_format)
    if not cancel.cancelled:
        metadata = {"loss": repr(watcher.smoothed)}
        save_model(network, str(finished.with_suffix(".part")), metadata)
        finished.with_suffix(".part").replace(finished)
    return watcher.smoothed


def _partitions(batch_size: int) -> list[int]:
    """Into how many equal parts a batch can be cut: the batch norm needs two crops in each."""
    return [n for n in range(1, batch_size // 2 + 1) if batch_size % n == 0]


def _smaller(batch_size: int, parts: int) -> str:
    return (
        f"The device has too little memory for {batch_size} crops at once: going on with "
        f"{batch_size // parts} at once, {parts} times per step."
    )


def _fits(
    network: GlandPSPNet,
    crops: GlandCrops,
    settings: Settings,
    device: Device,
    number: int,
    folder: Path,
    watcher: _Watcher,
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
    data = _RoundData(crops, settings.train.batch_size, parts, ahead=device.name == "cuda")
    trainer = _trainer(settings, device, folder, watcher, parts)
    # Torch's data loader draws from the global random state; the caller's is left alone.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # Few workers and no validation set are meant; Lightning advises against both.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*lr_scheduler.*")
        try:
            trainer.fit(module, data, ckpt_path=_checkpoint(folder), weights_only=True)
        except SIGTERMException as error:  # somebody ends the process: no defect
            raise KeyboardInterrupt from error
        except torch.OutOfMemoryError:
            if parts == _partitions(settings.train.batch_size)[-1]:
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

    def __init__(self, crops: GlandCrops, batch_size: int, parts: int, ahead: bool) -> None:
        super().__init__()
        self._crops = crops
        self._batch_size, self._parts = batch_size, parts
        self._ahead = ahead

    def train_dataloader(self) -> Iterable[Batch]:
        """Crops of the next steps."""
        start = self._batch_size * (self.trainer.global_step if self.trainer else 0)
        stop = start + self._batch_size * _STEPS_PER_EPOCH
        loader = DataLoader(
            Subset(self._crops, range(start, stop)),
            batch_size=self._batch_size // self._parts,
            collate_fn=_as_made,
            pin_memory=self._ahead,
        )
        return MadeAhead(loader) if self._ahead else loader


def _as_made(crops: Any) -> Any:
    """Take a batch as the data set made it; torch would take it for a list of crops."""
    return crops


class _Watcher(Callback):
    """Reports every step, stops on a cancel request or when the training loss stands still."""

    def __init__(
        self, iterations: int, patience: int, on_step: OnStep, cancel: CancelToken
    ) -> None:
        self._iterations = iterations
        self._patience = patience
        self._on_step = on_step
        self._cancel = cancel
        self._recent: list[float] = []
        self._seen = 0  # steps
        self._best, self._waited = np.inf, 0
        self.smoothed = float("nan")

    def on_train_start(self, trainer, pl_module) -> None:
        """Begin at the step of the checkpoint."""
        self._seen = trainer.global_step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Pass the figures of a step on when it is done, and look at the cancel request."""
        if trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        values = {name: float(value) for name, value in pl_module.figures.items()}
        trainer.logger.log_metrics(values, self._seen - 1)
        self._recent.append(values["loss"])
        if len(self._recent) == _STEPS_PER_EPOCH:
            self._look_back(trainer)
        self._on_step(trainer.global_step / self._iterations, values)
        self._cancel.wait()
        if self._cancel.cancelled:
            trainer.should_stop = True

    def on_train_end(self, trainer, pl_module) -> None:
        """Take the last steps into the smoothed loss."""
        if self._recent:
            self._look_back(trainer)

    def _look_back(self, trainer) -> None:
        """Look at the smoothed loss; it is the training's own, never a score."""
        mean, self._recent = float(np.mean(self._recent)), []
        known = not np.isnan(self.smoothed)
        self.smoothed = _SMOOTHING * self.smoothed + (1 - _SMOOTHING) * mean if known else mean
        self._waited = 0 if self.smoothed < self._best else self._waited + 1
        self._best = min(self._best, self.smoothed)
        if self._patience and self._waited >= self._patience:
            trainer.should_stop = True

    def state_dict(self) -> dict:
        """What a resumed round needs to go on as if it had not been cut off."""
        return {
            "best": self._best,
            "waited": self._waited,
            "smoothed": self.smoothed,
            "recent": list(self._recent),
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Take up where the checkpoint was written."""
        self._best, self._waited = state_dict["best"], state_dict["waited"]
        self.smoothed, self._recent = state_dict["smoothed"], list(state_dict["recent"])


def _trainer(
    settings: Settings, device: Device, folder: Path, watcher: Callback, parts: int
) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    checkpoints = ModelCheckpoint(
        folder, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    average = WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(_AVERAGE_DECAY))
    return L.Trainer(
        accelerator="gpu" if device.name == "cuda" else device.name,
        devices=1,
        precision="bf16-mixed" if device.bf16 else "32-true",
        max_steps=settings.train.iterations,
        accumulate_grad_batches=parts,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[average, watcher, checkpoints],
        logger=CSVLogger(folder, name=None, version=""),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of a round that was cut off, if it can be read."""
    path = folder / "last.ckpt"
    if not path.exists():
        return None
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # a kill while it was written; torch raises many types
        _log.warning("The checkpoint %s cannot be read: the round starts over", path)
        return None
    return path
