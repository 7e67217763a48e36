"""One training step of stage 2, as Lightning runs it."""

from __future__ import annotations

import lightning as L
import numpy as np
import torch
from torch.nn import functional as F

from napari_glands.segmentation.data import Batch
from napari_glands.segmentation.losses import (
    background_push,
    cross_entropy_with_ignore,
    exterior_embedding,
    knowledge_diffusion,
    relabel_omissions,
)
from napari_glands.segmentation.network import STRIDE, GlandPSPNet
from napari_glands.segmentation.targets import GLAND
from napari_glands.settings import TrainSettings

__all__ = ["GlandModule", "training_loss"]


class GlandModule(L.LightningModule):
    """Cross-entropy on the pseudo masks plus the knowledge diffusion terms.

    Parameters
    ----------
    network
        The PSPNet.
    settings
        Weights of the terms, learning rate and iterations.
    omission_step
        Step of this round from which omissions are relabelled; None for never.
    seed
        Start of what is random in the network (dropout), as a tuple of integers.
    """

    def __init__(
        self,
        network: GlandPSPNet,
        settings: TrainSettings,
        omission_step: int | None,
        seed: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.omission_step = omission_step
        self.seed = seed
        self.figures: dict[str, torch.Tensor] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Compute the loss of a batch; it and its terms are kept in `figures`."""
        logits, embedding = self._seeded_forward(batch[0])
        omit = self.omission_step is not None and self.global_step >= self.omission_step
        loss, terms = training_loss(logits, embedding, batch, self.settings, omissions=omit)
        self.figures = {"loss": loss.detach(), **{n: t.detach() for n, t in terms.items()}}
        return loss

    def _seeded_forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the network with a dropout that depends on the seed and the step alone.

        So a run is a function of its input, settings and seed, and a resumed one goes on the same.
        Each of several devices has its own dropout; the first has that of a single one.
        """
        start = (*self.seed, self.global_step, *([self.global_rank] if self.global_rank else []))
        seed = np.random.SeedSequence(start).generate_state(1)[0]
        with torch.random.fork_rng(devices=[pixels.device] if pixels.is_cuda else []):
            # torch.manual_seed seeds every kind of device there could be, which takes its time.
            torch.default_generator.manual_seed(int(seed))
            if pixels.is_cuda:
                torch.cuda.manual_seed(int(seed))
            return self.network(pixels.contiguous(memory_format=torch.channels_last))

    def configure_optimizers(self):
        """AdamW with a one-cycle learning rate over the round."""
        fused = self.device.type == "cuda"  # on a CPU it takes no less time
        optimiser = torch.optim.AdamW(
            self.parameters(), lr=self.settings.learning_rate, fused=fused
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.settings.learning_rate, total_steps=self.settings.iterations + 1
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def training_loss(
    logits: torch.Tensor,
    embedding: torch.Tensor,
    batch: Batch,
    settings: TrainSettings,
    *,
    omissions: bool = False,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Compute the weighted sum of the losses of a batch, and each of them.

    Parameters
    ----------
    logits, embedding
        What the network made of the batch.
    batch
        Pixels, pseudo mask, proposal and curated.
    settings
        Weights of the terms.
    omissions
        Whether background that looks like gland counts as gland.
    """
    _, target, proposal, curated = batch
    embedding = F.normalize(embedding.float(), dim=1)
    proposal = proposal[:, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    k = exterior_embedding(embedding, proposal)
    terms = {}
    if k is not None:
        terms["diffusion"] = knowledge_diffusion(embedding, proposal, k)
        terms["push"] = background_push(embedding, proposal, k, settings.push_margin)
        if omissions:
            target = _relabelled(target, relabel_omissions(embedding, proposal, k), curated)
    weight = _curated_weight(curated, settings.curated_weight)
    terms["cross_entropy"] = cross_entropy_with_ignore(logits.float(), target, weight)
    weights = {
        "diffusion": settings.diffusion_weight,
        "push": settings.push_weight,
        "cross_entropy": 1.0,
    }
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return loss, terms


def _relabelled(
    target: torch.Tensor, omissions: torch.Tensor, curated: torch.Tensor
) -> torch.Tensor:
    """Set the omissions, found at the embedding's resolution, to gland at full resolution.

    Background that the user decided on is none.
    """
    full = F.interpolate(omissions[:, None].float(), size=target.shape[-2:])[:, 0] > 0
    return torch.where(full & (target == 0) & ~curated, GLAND, target)


def _curated_weight(curated: torch.Tensor, weight: float) -> torch.Tensor | None:
    """How much every pixel counts; None where the user decided on none, or all count alike."""
    if weight == 1 or not curated.any():
        return None
    return torch.where(curated, weight, 1.0)
