"""Fitting a network's normalisation to one slide, without labels and without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from napari_glands.exterior.device import Device

__all__ = ["adapted_to"]

_Statistics = list[tuple[torch.Tensor, torch.Tensor]]


@contextmanager
def adapted_to(
    tiles: Iterable[torch.Tensor], network: nn.Module, share: float, device: Device
) -> Iterator[None]:
    """Mix a slide's feature statistics into the batch normalisation of a network for a while.

    A network whose running statistics come from slides where rings close calls too few glands in
    slides that look otherwise, such as malignant ones. Mean and variance of each normalised
    channel become ``(1 - share) · running + share · slide's``; the weights stay as they are, and
    the running statistics are put back at the end.

    Source: Schneider et al., "Improving robustness against common corruptions by covariate shift
    adaptation", NeurIPS 2020.

    Parameters
    ----------
    tiles
        Standardised pixels (1, 3, y, x) of the slide, looked at one after the other.
    network
        In evaluation mode, on the device.
    share
        Share of the slide's own statistics, 0 to 1; 0 changes nothing.
    device
        Where to run.
    """
    layers = [
        m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats
    ]
    if not (share and layers):
        yield
        return
    trained = _statistics(layers)
    try:
        _look_at(tiles, network, layers, device)
        own = _statistics(layers)
        mixed = [
            (torch.lerp(m0, m1, share), torch.lerp(v0, v1, share))
            for (m0, v0), (m1, v1) in zip(trained, own, strict=True)
        ]
        _set(layers, mixed)
        yield
    finally:
        _set(layers, trained)


@torch.no_grad()
def _look_at(
    tiles: Iterable[torch.Tensor],
    network: nn.Module,
    layers: list[nn.BatchNorm2d],
    device: Device,
) -> None:
    """Let the normalisation alone run in training mode: its statistics become the tiles' mean."""
    before = [(m.momentum, m.num_batches_tracked) for m in layers]
    try:
        for layer in layers:
            layer.train()
            layer.momentum = None  # the plain mean over all tiles
            layer.num_batches_tracked = torch.tensor(0, device=device.torch)
        for tile in tiles:
            with device.autocast():
                network(tile.to(device.torch).contiguous(memory_format=torch.channels_last))
    finally:
        for layer, (momentum, count) in zip(layers, before, strict=True):
            layer.eval()
            layer.momentum, layer.num_batches_tracked = momentum, count


def _statistics(layers: list[nn.BatchNorm2d]) -> _Statistics:
    return [(mean.clone(), variance.clone()) for mean, variance in map(_running, layers)]


@torch.no_grad()
def _set(layers: list[nn.BatchNorm2d], statistics: _Statistics) -> None:
    for layer, new in zip(layers, statistics, strict=True):
        for buffer, values in zip(_running(layer), new, strict=True):
            buffer.copy_(values)


def _running(layer: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None  # layers without statistics were left out
    assert variance is not None
    return mean, variance
