"""How much of the network's bare speed is left when slides are predicted by tiles."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from napari_glands.exterior import choose_device
from napari_glands.exterior.device import Device
from napari_glands.exterior.glass import glass_of
from napari_glands.exterior.sampling import LazyDensity, stain_of
from napari_glands.segmentation.answering import batch_size
from napari_glands.segmentation.network import GlandPSPNet, build_network
from napari_glands.segmentation.prediction import gland_probability
from napari_glands.segmentation.tiles import Lattice
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["prediction_efficiency"]

_REPEATS = 5


def prediction_efficiency(slide: Slide, settings: Settings) -> dict[str, Any]:
    """Compare tiled prediction with forward passes over as many pixels that are ready for them.

    Tiled prediction goes from uint8 pixels in memory to the probability map, glass included. The
    bare passes are over tiles of the same size, in batches of the same size, without overlap, that
    lie on the device as the network's input. The two take turns; medians are compared.

    Parameters
    ----------
    slide
        A slide that is predicted in one piece; the larger, the steadier the figures.
    settings
        Settings of all steps.

    Returns
    -------
    dict
        Million pixels per second of both, their ratio, and the conditions.
    """
    device, mpp = choose_device(settings.general.device), settings.general.working_mpp
    network, _ = build_network(settings.train.encoder, "none", settings.train.depth)
    network = network.eval().to(device.torch).to(memory_format=torch.channels_last)
    rgb, stain = slide.read(mpp), stain_of(slide, mpp)
    shape = (rgb.shape[0], rgb.shape[1])
    tile = Lattice.over(shape, settings.predict, mpp).tile
    batch = batch_size(settings.predict.batch_size, device)
    pixels = torch.rand(batch, 3, *tile, device=device.torch)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    passes = max(1, round(shape[0] * shape[1] / (batch * tile[0] * tile[1])))

    def tiled() -> None:
        density, glass = LazyDensity(rgb), glass_of(rgb, mpp)
        gland_probability(
            network, density, stain, settings.predict, mpp, device, lambda _: None, glass
        )

    def bare() -> None:
        _forward(network, pixels, passes, device)

    tiled_seconds, bare_seconds = _medians(tiled, bare)
    tiled_speed = shape[0] * shape[1] / tiled_seconds / 1e6
    bare_speed = passes * batch * tile[0] * tile[1] / bare_seconds / 1e6
    return {
        "tiled_mpx_per_second": round(tiled_speed, 3),
        "bare_mpx_per_second": round(bare_speed, 3),
        "predict_efficiency": round(tiled_speed / bare_speed, 3),
        "predicted_shape": list(shape),
        "tile_shape": list(tile),
        "tiles_per_pass": batch,
        "prediction_device": device.reason,
        "prediction_repeats": _REPEATS,
    }


@torch.inference_mode()
def _forward(network: GlandPSPNet, pixels: torch.Tensor, passes: int, device: Device) -> None:
    for _ in range(passes):
        with device.autocast():
            network(pixels)
    if device.name == "cuda":
        torch.cuda.synchronize()


def _medians(*works: Callable[[], None]) -> list[float]:
    """Median seconds of some works that take turns, after one turn to warm up."""
    turns = [[_seconds(work) for work in works] for _ in range(1 + _REPEATS)]
    return [median(times) for times in zip(*turns[1:], strict=True)]


def _seconds(work: Callable[[], None]) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock
