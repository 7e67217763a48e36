"""Tiled prediction of whole slides."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer
from torch import nn
from torch.nn import functional as F

from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.glass import bare_glass
from napari_glands.exterior.sampling import Stain, density_planes, stain_of
from napari_glands.live import LiveView, Wish
from napari_glands.progress import CancelToken, Event, Picture, Report, ignore
from napari_glands.segmentation.adaptation import adapted_to
from napari_glands.segmentation.data import network_input
from napari_glands.segmentation.instances import gland_instances
from napari_glands.segmentation.live import gland_picture, is_learning
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import STRIDE, GlandPSPNet
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import PredictSettings, Settings
from napari_glands.slides import Slide

__all__ = ["gland_probability", "predict"]

_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
_MOST_TILES = 16  # of a slide that its feature statistics are taken from
_FEWEST_PIXELS = 32 * 32  # a slide with fewer says too little about its own statistics
_TISSUE_SHARE = 0.5  # share of the slide's mean density that a tile must reach: glass says nothing


def predict(
    model: Model,
    slide: Slide,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
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
    live
        Tells which part of which slide somebody looks at while it is predicted.

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
    density = torch.from_numpy(density_planes(slide.read(mpp)))
    network = model.network().to(device.torch).to(memory_format=torch.channels_last)

    grid, live = slide.grid(mpp), live or LiveView()
    drawn: set[Wish] = set()  # what is predicted does not change any more: once is enough

    def draw(wish: Wish) -> Picture | None:
        if wish.slide_id != slide.id or wish in drawn or is_learning(network):
            return None
        drawn.add(wish)
        return gland_picture(network, wish, grid, density, stain, device)

    def on_tiles(fraction: float) -> None:
        cancel.check()
        picture = live.picture(draw)
        report(Event("predict", fraction, f"Predicting {slide.name}", picture=picture))

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
    """Blend the network's answers on overlapping tiles with Gaussian weights; glass is no gland.

    Before, the network's normalisation is fitted to the slide as far as the settings say; it is
    put back at the end.

    Parameters
    ----------
    network
        In evaluation mode, on the device.
    density
        float (3, y, x) optical density at the working resolution.
    stain
        The slide's stain.
    settings
        Tile size, overlap, batch size, flips and adaptation.
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
    density = density.float()
    pixels = _padded(network_input(density, stain)[None])
    roi = _tile_shape(pixels.shape[2:], settings, mpp)
    views = _FLIPS if settings.flips else _FLIPS[:1]
    samples = _samples(density, roi) if settings.adaptation else []
    share = settings.adaptation if samples else 0.0
    passes = len(views) * (_batches(pixels.shape[2:], roi, settings) + len(samples))
    shown = (pixels[(..., *place)].flip(axes) for axes in views for place in samples)
    with _counted(network, passes, on_tiles), adapted_to(shown, network, share, device):
        padded = _blended(network, pixels, views, roi, settings, device)
    probability = padded[:rows, :columns].cpu().numpy()
    probability[bare_glass(density.numpy(), mpp)] = 0
    return probability


def _padded(pixels: torch.Tensor) -> torch.Tensor:
    """Repeat the last row and column until the sides are multiples of the stride."""
    rows, columns = pixels.shape[2:]
    return F.pad(pixels, (0, -columns % STRIDE, 0, -rows % STRIDE), mode="replicate")


def _tile_shape(shape: torch.Size, settings: PredictSettings, mpp: float) -> list[int]:
    """Rows and columns of a tile: a multiple of the stride, and no more than there are."""
    side = round(settings.tile_um / mpp / STRIDE) * STRIDE
    return [min(side, n) for n in shape]


def _samples(density: torch.Tensor, roi: list[int]) -> list[tuple[slice, slice]]:
    """Choose evenly spread tiles, without overlap, that hold tissue; none of too few pixels."""
    shape = density.shape[1:]
    if shape.numel() < _FEWEST_PIXELS or min(roi) < 2 * STRIDE:
        return []
    corners = [range(0, max(1, n - side + 1), side) for n, side in zip(shape, roi, strict=True)]
    places = [(slice(y, y + roi[0]), slice(x, x + roi[1])) for y in corners[0] for x in corners[1]]
    thick = _TISSUE_SHARE * float(density.mean())
    tissue = [place for place in places if float(density[(..., *place)].mean()) >= thick]
    chosen = tissue or places
    return chosen[:: -(-len(chosen) // _MOST_TILES)]


@contextmanager
def _counted(network: nn.Module, passes: int, on_tiles: Callable[[float], None]) -> Iterator[None]:
    """Report the share that is done before each of a number of forward passes."""
    done = itertools.count()

    def report(*_: object) -> None:
        on_tiles(min(1.0, next(done) / passes))

    hook = network.register_forward_pre_hook(report)
    try:
        yield
    finally:
        hook.remove()


def _blended(
    network: nn.Module,
    pixels: torch.Tensor,
    views: Sequence[tuple[int, ...]],
    roi: list[int],
    settings: PredictSettings,
    device: Device,
) -> torch.Tensor:
    """Mean over the views of the tiles' answers, blended with Gaussian weights: (y, x)."""
    inferer = SlidingWindowInferer(
        roi,
        sw_batch_size=settings.batch_size,
        overlap=settings.overlap,
        mode="gaussian",
        sw_device=device.torch,
        device=torch.device("cpu"),
    )

    def gland(tiles: torch.Tensor) -> torch.Tensor:
        with device.autocast():
            logits, _ = network(tiles.contiguous(memory_format=torch.channels_last))
        return logits.float().softmax(dim=1)[:, 1:]

    answers = [torch.as_tensor(inferer(pixels.flip(axes), gland)).flip(axes) for axes in views]
    return torch.stack(answers).mean(dim=0)[0, 0]


def _batches(shape: torch.Size, roi: list[int], settings: PredictSettings) -> int:
    """Number of forward passes over the tiles of one view."""
    tiles = 1
    for n, side in zip(shape, roi, strict=True):
        stride = max(1, int(side * (1 - settings.overlap)))
        tiles *= 1 + max(0, -(-(n - side) // stride))
    return -(-tiles // settings.batch_size)
