"""Batches of tiles through the network, as many at a time as the device's memory holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device
from napari_glands.segmentation.network import GlandPSPNet

__all__ = ["answers", "batch_size"]

_log = logging.getLogger(__name__)


def batch_size(wish: int, device: Device) -> int:
    """Tiles per forward pass: one on a CPU, where more only crowd each other out of its caches."""
    return 1 if device.name == "cpu" else wish


def answers(
    network: GlandPSPNet,
    tiles: Sequence[Callable[[], torch.Tensor]],
    views: Sequence[tuple[int, ...]],
    size: int,
    device: Device,
    before: Callable[[int], None],
) -> Iterator[torch.Tensor]:
    """Ask the network about tiles of one shape.

    Where the device's memory does not hold a batch, it is halved, and stays so.

    Parameters
    ----------
    network
        In evaluation mode, on the device.
    tiles
        Each makes the standardised pixels (3, y, x) of one tile.
    views
        Axes along which the tiles are mirrored; the answer is the mean over the views.
    size
        Tiles per forward pass.
    device
        Where to run.
    before
        Called before each batch with the number of tiles that are done; it may raise to stop.

    Yields
    ------
    Tensor
        float32 (y, x), probability of gland, on the device; one per tile, in their order.

    Raises
    ------
    GlandsError
        When the memory does not hold a single tile.
    """
    done = 0
    while done < len(tiles):
        before(done)
        pixels = torch.stack([make() for make in tiles[done : done + size]])
        try:
            found = _mean_over(views, network, pixels, device)
        except torch.OutOfMemoryError as error:
            if size == 1:
                raise GlandsError(
                    f"The memory of the device {device.name} does not hold one tile of "
                    f"{pixels.shape[2]} × {pixels.shape[3]} pixels: lower the tile size, or use "
                    "the device 'cpu'."
                ) from error
            found = None
        if found is None:  # outside of the handler, which would keep the batch's tensors alive
            size = min(size, len(pixels)) // 2 or 1
            _log.warning("Out of memory: going on with %d tiles at a time", size)
            if device.name == "cuda":
                torch.cuda.empty_cache()
            continue
        done += len(found)
        yield from found


def _mean_over(
    views: Sequence[tuple[int, ...]],
    network: GlandPSPNet,
    pixels: torch.Tensor,
    device: Device,
) -> torch.Tensor:
    """Mean of the network's answers to mirrored tiles: (n, y, x)."""
    if device.name == "cuda":
        pixels = pixels.pin_memory()
    pixels = pixels.to(device.torch, non_blocking=True)
    if len(views) == 1:
        return _gland(network, pixels, device)
    found = [_gland(network, pixels.flip(axes), device).flip(axes) for axes in views]
    return torch.stack(found).mean(dim=0)


def _gland(network: GlandPSPNet, pixels: torch.Tensor, device: Device) -> torch.Tensor:
    with device.autocast():
        logits = network.in_context(pixels.contiguous(memory_format=torch.channels_last))
    background, gland = logits.unbind(dim=1)
    return (gland - background).sigmoid_()
