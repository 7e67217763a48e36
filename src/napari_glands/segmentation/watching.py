"""What looks on while a round of training runs: figures, patience, the cancel request."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from lightning.pytorch.callbacks import Callback

from napari_glands.progress import CancelToken

__all__ = ["OnStep", "Watcher"]

OnStep = Callable[[float, dict[str, float]], None]

_SMOOTHING = 0.9  # of the training loss that the patience looks at, per check


class Watcher(Callback):
    """Reports every step, stops on a cancel request or when the training loss stands still.

    Parameters
    ----------
    iterations
        Steps of the round.
    patience
        After how many checks without a lower smoothed loss the round ends; 0 for never.
    steps_per_check
        How many steps are averaged for a check.
    on_step
        Told the share of the round that is done, and the figures of the step.
    cancel
        Looked at after every step.
    """

    def __init__(
        self,
        iterations: int,
        patience: int,
        steps_per_check: int,
        on_step: OnStep,
        cancel: CancelToken,
    ) -> None:
        self._iterations = iterations
        self._patience = patience
        self._steps_per_check = steps_per_check
        self._on_step = on_step
        self._cancel = cancel
        self._recent: list[float] = []
        self._seen = 0  # steps
        self._best, self._waited = np.inf, 0
        self.smoothed = float("nan")

    @property
    def state_key(self) -> str:
        """Name of its state in checkpoints, the same whatever the number of devices."""
        return "_Watcher"

    def on_train_start(self, trainer, pl_module) -> None:
        """Begin at the step of the checkpoint."""
        self._seen = trainer.global_step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        """Pass the figures of a step on when it is done, and look at the cancel request."""
        if trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        values = self._figures(pl_module)
        trainer.logger.log_metrics(values, self._seen - 1)
        self._recent.append(values["loss"])
        if len(self._recent) == self._steps_per_check:
            self._look_back(trainer)
        if self._told_to_stop(trainer, pl_module, values):
            trainer.should_stop = True

    def on_train_end(self, trainer, pl_module) -> None:
        """Take the last steps into the smoothed loss."""
        if self._recent:
            self._look_back(trainer)

    def _figures(self, pl_module) -> dict[str, float]:
        """Return the loss of the step and its terms."""
        return {name: float(value) for name, value in pl_module.figures.items()}

    def _told_to_stop(self, trainer, pl_module, values: dict[str, float]) -> bool:
        """Pass the figures on, wait as long as the round is paused; whether it was cancelled."""
        self._on_step(trainer.global_step / self._iterations, values)
        self._cancel.wait()
        return self._cancel.cancelled

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
