"""Tiled prediction of whole slides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from torch.nn import functional as F

from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.sampling import Stain, optical_density, stain_of
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.segmentation.data import network_input
from napari_glands.segmentation.instances import gland_instances
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import STRIDE, GlandPSPNet
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import PredictSettings, Settings
from napari_glands.slides import Slide

__all__ = ["gland_probability", "predict"]

_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


def predict(
    model: Model,
    slide: Slide,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> Prediction:
    """Predict the glands of a slide.

    Parameters
    ----------
    model
        A trained model.
    slide
        Any slide, whether it was trained on or not.
    settings
        Settings of all steps; those of the model, on any device, when not given. The working
        resolution is always the model's.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    Prediction
        Probability and instances at the model's working resolution.

    Raises
    ------
    Cancelled
        Within one batch of tiles of a cancel request.
    """
    settings = settings or model.settings.updated("general", device="auto")
    cancel = cancel or CancelToken()
    device = choose_device(settings.general.device)
    mpp = model.settings.general.working_mpp
    stain = stain_of(slide, mpp)
    density = torch.from_numpy(optical_density(slide.read(mpp)).transpose(2, 0, 1))
    network = model.network().to(device.torch).to(memory_format=torch.channels_last)

    def on_tiles(fraction: float) -> None:
        cancel.check()
        report(Event("predict", fraction, f"Predicting {slide.name}"))

    grid = slide.grid(mpp)
    probability = gland_probability(
        network, density, stain, settings.predict, mpp, device, on_tiles
    )
    glands = gland_instances(probability, grid, settings.predict)
    report(Event("predict", 1.0, f"{glands.max()} glands in {slide.name}"))
    name = f"{model.name}@{model.checksum}"
    return Prediction(slide.id, slide.name, grid, probability, glands, name, settings)


@torch.inference_mode()
def gland_probability(
    network: GlandPSPNet,
    density: torch.Tensor,
    stain: Stain,
    settings: PredictSettings,
    mpp: float,
    device: Device,
    on_tiles: Callable[[float], None],
) -> np.ndarray:
    """Blend the network's answers on overlapping tiles with Gaussian weights.

    Parameters
    ----------
    network
        In evaluation mode, on the device.
    density
        float (3, y, x) optical density at the working resolution.
    stain
        The slide's stain.
    settings
        Tile size, overlap, batch size and flips.
    mpp
        Pixel size of `density` in µm.
    device
        Where to run.
    on_tiles
        Called before each forward pass with the share that is done; it may raise to stop.

    Returns
    -------
    ndarray
        float32 (y, x) in [0, 1].
    """
    rows, columns = density.shape[1:]
    pixels = network_input(density.float(), stain)[None]
    pixels = F.pad(pixels, (0, -columns % STRIDE, 0, -rows % STRIDE), mode="replicate")
    tile = round(settings.tile_um / mpp / STRIDE) * STRIDE
    roi = [min(tile, n) for n in pixels.shape[2:]]
    inferer = SlidingWindowInferer(
        roi,
        sw_batch_size=settings.batch_size,
        overlap=settings.overlap,
        mode="gaussian",
        sw_device=device.torch,
        device=torch.device("cpu"),
    )
    views = _FLIPS if settings.flips else _FLIPS[:1]
    batches = len(views) * _batches(pixels.shape[2:], roi, settings)
    done = 0

    def forward(tiles: torch.Tensor) -> torch.Tensor:
        nonlocal done
        on_tiles(min(1.0, done / batches))
        done += 1
        with device.autocast():
            logits, _ = network(tiles.contiguous(memory_format=torch.channels_last))
        return logits.float().softmax(dim=1)[:, 1:]

    answers = [torch.as_tensor(inferer(pixels.flip(axes), forward)).flip(axes) for axes in views]
    return torch.stack(answers).mean(dim=0)[0, 0, :rows, :columns].cpu().numpy()


def _batches(shape: torch.Size, roi: list[int], settings: PredictSettings) -> int:
    """Number of forward passes over the tiles of one view."""
    tiles = 1
    for n, side in zip(shape, roi, strict=True):
        stride = max(1, int(side * (1 - settings.overlap)))
        tiles *= 1 + max(0, -(-(n - side) // stride))
    return -(-tiles // settings.batch_size)
