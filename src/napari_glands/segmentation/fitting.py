"""One round of training under Lightning: checkpoints, log, resume, cancel."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from torch.utils.data import DataLoader, Subset

from napari_glands.exterior.device import Device
from napari_glands.progress import CancelToken
from napari_glands.segmentation.data import GlandCrops, Lesson
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
) -> float:
    """Train the network in place for one round; return the last smoothed loss.

    The round's finished weights, or its last checkpoint, are taken up when they lie in `folder`.
    """
    finished = folder / "weights.safetensors"
    if finished.exists():
        load_model(network, finished)
        with safe_open(finished, "pt") as file:
            return float((file.metadata() or {}).get("loss", "nan"))
    watcher = _Watcher(settings.train.iterations, settings.train.patience, on_step, cancel)
    trainer = _trainer(settings, device, folder, watcher)
    start = settings.train.omission_start * settings.train.iterations
    omission_step = round(start) if settings.train.omission and number == 1 else None
    seed = (settings.general.seed, number)
    module = GlandModule(network.train(), settings.train, omission_step, seed)
    data = _RoundData(lessons, settings, number)
    # Torch's data loader draws from the global random state; the caller's is left alone.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # Few workers and no validation set are meant; Lightning advises against both.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*lr_scheduler.*")
        try:
            trainer.fit(module, data, ckpt_path=_checkpoint(folder), weights_only=True)
        except SIGTERMException as error:  # somebody ends the process: no defect
            raise KeyboardInterrupt from error
    network.eval().cpu()
    if not cancel.cancelled:
        metadata = {"loss": repr(watcher.smoothed)}
        save_model(network, str(finished.with_suffix(".part")), metadata)
        finished.with_suffix(".part").replace(finished)
    return watcher.smoothed


class _RoundData(L.LightningDataModule):
    """The crops of a round in one order, dealt out by the step, not by Lightning's epoch.

    Lightning counts epochs differently in a run that goes on from a checkpoint; its steps agree.
    """

    def __init__(self, lessons: Sequence[Lesson], settings: Settings, number: int) -> None:
        super().__init__()
        train, general = settings.train, settings.general
        self._batch_size = train.batch_size
        self._crops = GlandCrops(
            lessons,
            round(train.crop_um / general.working_mpp),
            (train.iterations + _STEPS_PER_EPOCH) * train.batch_size,
            train.stain_jitter,
            (general.seed, number),
        )

    def train_dataloader(self) -> DataLoader:
        """Crops of the next steps."""
        start = self._batch_size * (self.trainer.global_step if self.trainer else 0)
        stop = start + self._batch_size * _STEPS_PER_EPOCH
        return DataLoader(
            Subset(self._crops, range(start, stop)), batch_size=self._batch_size, num_workers=0
        )


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
        self._best, self._waited = np.inf, 0
        self.smoothed = float("nan")

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Pass the figures of this step on, and look at the cancel request."""
        values = {name: float(value) for name, value in trainer.logged_metrics.items()}
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


def _trainer(settings: Settings, device: Device, folder: Path, watcher: Callback) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    checkpoints = ModelCheckpoint(
        folder, "last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    return L.Trainer(
        accelerator="gpu" if device.name == "cuda" else device.name,
        devices=1,
        precision="bf16-mixed" if device.bf16 else "32-true",
        max_steps=settings.train.iterations,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[EMAWeightAveraging(decay=_AVERAGE_DECAY), watcher, checkpoints],
        logger=CSVLogger(folder, name=None, version=""),
        log_every_n_steps=1,
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
