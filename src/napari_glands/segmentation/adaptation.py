"""Fitting a network's normalisation to one slide, without labels and without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil

import numpy as np
import torch
from torch import nn

from napari_glands.exterior.device import Device
from napari_glands.segmentation.network import STRIDE
from napari_glands.slides import Window

__all__ = ["Statistics", "adapted_to", "mix_in", "own_statistics", "sample_windows"]

Statistics = list[tuple[torch.Tensor, torch.Tensor]]
"""Mean and variance of each normalised layer, in the order of the network's modules."""

_MOST_TILES = 16  # of a slide that its feature statistics are taken from
_FEWEST_PIXELS = 32 * 32  # a slide with fewer says too little about its own statistics
_TISSUE_SHARE = 0.5  # share of the slide's mean density that a tile must reach: glass says nothing


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
    layers = _layers(network)
    if not (share and layers):
        yield
        return
    trained = _statistics(layers)
    try:
        mix_in(network, own_statistics(tiles, network, device), share)
        yield
    finally:
        _set(layers, trained)


def own_statistics(tiles: Iterable[torch.Tensor], network: nn.Module, device: Device) -> Statistics:
    """Measure a slide's statistics of the features of a network, which stays as it is.

    Parameters
    ----------
    tiles
        Standardised pixels (1, 3, y, x) of the slide, looked at one after the other.
    network
        In evaluation mode, on the device.
    device
        Where to run.
    """
    layers = _layers(network)
    trained = _statistics(layers)
    try:
        _look_at(tiles, network, layers, device)
        return _statistics(layers)
    finally:
        _set(layers, trained)


def mix_in(network: nn.Module, own: Statistics, share: float) -> None:
    """Mix a share of a slide's own statistics into the normalisation of a network, for good."""
    layers = _layers(network)
    mixed = [
        (torch.lerp(m0, m1.to(m0.device), share), torch.lerp(v0, v1.to(v0.device), share))
        for (m0, v0), (m1, v1) in zip(_statistics(layers), own, strict=True)
    ]
    _set(layers, mixed)


def sample_windows(
    shape: tuple[int, int], tile: tuple[int, int], density: np.ndarray
) -> list[Window]:
    """Choose evenly spread tiles, without overlap, that hold tissue; none of too few pixels.

    Parameters
    ----------
    shape
        Rows and columns of the slide.
    tile
        Rows and columns of a tile.
    density
        float (y, x): optical density of the whole slide, at any resolution.
    """
    sides = [min(n, side) for n, side in zip(shape, tile, strict=True)]
    if shape[0] * shape[1] < _FEWEST_PIXELS or min(sides) < 2 * STRIDE:
        return []
    corners = [range(0, max(1, n - side + 1), side) for n, side in zip(shape, sides, strict=True)]
    windows = [Window(y, x, *sides) for y in corners[0] for x in corners[1]]
    scale = [m / n for m, n in zip(density.shape, shape, strict=True)]

    def thickness(window: Window) -> float:
        top, left = int(window.y * scale[0]), int(window.x * scale[1])
        bottom, right = (ceil(window.bottom * scale[0]), ceil(window.right * scale[1]))
        return float(density[top:bottom, left:right].mean())

    enough = _TISSUE_SHARE * float(density.mean())
    chosen = [window for window in windows if thickness(window) >= enough] or windows
    return chosen[:: -(-len(chosen) // _MOST_TILES)]


def _layers(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the layers that normalise by running statistics."""
    batch_norms = (m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    return [layer for layer in batch_norms if layer.track_running_stats]


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


def _statistics(layers: list[nn.BatchNorm2d]) -> Statistics:
    return [(mean.clone(), variance.clone()) for mean, variance in map(_running, layers)]


@torch.no_grad()
def _set(layers: list[nn.BatchNorm2d], statistics: Statistics) -> None:
    for layer, new in zip(layers, statistics, strict=True):
        for buffer, values in zip(_running(layer), new, strict=True):
            buffer.copy_(values)


def _running(layer: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None  # layers without statistics were left out
    assert variance is not None
    return mean, variance
