"""Training of the shallow network without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from napari_glands.exterior.device import Device
from napari_glands.exterior.losses import iic_loss, self_label_loss, spatial_loss
from napari_glands.exterior.network import ShallowCNN
from napari_glands.settings import ExteriorSettings

__all__ = ["fit_network"]

Step = Callable[[int, float, ShallowCNN], None]

_MOMENTUM = 0.9  # as published
_PHOTOMETRIC_JITTER = 0.1  # in standard deviations of the optical density


def fit_network(
    crops: Sequence[torch.Tensor],
    settings: ExteriorSettings,
    device: Device,
    seed: int,
    on_step: Step,
) -> ShallowCNN:
    """Train a network on standardised crops.

    Parameters
    ----------
    crops
        float32 (3, y, x) tensors of one shape.
    settings
        Loss, width, depth, iterations and learning rate.
    device
        Where to train.
    seed
        Start of the weights, the order of the crops and the views.
    on_step
        Called after each step with its number, its loss and the network, which it must not
        change; it may raise to stop.

    Returns
    -------
    ShallowCNN
        The trained network, in evaluation mode.
    """
    rng = np.random.default_rng(seed)
    views = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ShallowCNN(settings.channels, settings.layers)
    network.to(device.torch).to(memory_format=torch.channels_last)  # the losses go by the pixel
    optimiser = torch.optim.SGD(network.parameters(), lr=settings.learning_rate, momentum=_MOMENTUM)
    batch_size = min(settings.batch_size, len(crops))
    for step in range(settings.iterations):
        chosen = rng.choice(len(crops), batch_size, replace=False)
        batch = torch.stack([crops[i] for i in chosen]).to(memory_format=torch.channels_last)
        loss = _loss(network, batch, settings, device, views)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        on_step(step, loss.detach().item(), network)
    return network.eval().to(memory_format=torch.contiguous_format)


def _loss(
    network: ShallowCNN,
    batch: torch.Tensor,
    settings: ExteriorSettings,
    device: Device,
    views: torch.Generator,
) -> torch.Tensor:
    """Compute the chosen self-supervised loss plus the spatial loss of one batch."""
    response = _response(network, batch, device)
    if settings.loss == "self_label":
        return self_label_loss(response) + settings.spatial_weight * spatial_loss(response)
    axes = [axis for axis in (-2, -1) if torch.rand((), generator=views) < 0.5]
    view = _recolour(batch, views).flip(axes)
    other = _response(network, view, device).flip(axes)
    return iic_loss(response, other) + settings.spatial_weight * spatial_loss(response)


def _response(network: ShallowCNN, batch: torch.Tensor, device: Device) -> torch.Tensor:
    """Responses in full precision, as the losses need them, of a pass in mixed precision."""
    with device.autocast():
        return network(batch.to(device.torch, non_blocking=True)).float()


def _recolour(batch: torch.Tensor, views: torch.Generator) -> torch.Tensor:
    """Scale and shift each channel of each crop a little, as staining and light do."""
    shape = (*batch.shape[:2], 1, 1)
    gain = 1 + _PHOTOMETRIC_JITTER * torch.randn(shape, generator=views)
    offset = _PHOTOMETRIC_JITTER * torch.randn(shape, generator=views)
    return batch * gain + offset
