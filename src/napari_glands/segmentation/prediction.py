"""Prediction of slides in one piece, by overlapping tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.glass import bare_glass, glass_of
from napari_glands.exterior.sampling import Density, LazyDensity, Stain, stain_of
from napari_glands.live import LiveView, Wish
from napari_glands.progress import CancelToken, Event, Picture, Report, ignore
from napari_glands.segmentation.adaptation import adapted_to, sample_windows
from napari_glands.segmentation.answering import answers, batch_size
from napari_glands.segmentation.data import network_input
from napari_glands.segmentation.instances import gland_instances
from napari_glands.segmentation.live import gland_picture, is_learning
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import GlandPSPNet
from napari_glands.segmentation.result import Prediction
from napari_glands.segmentation.tiles import Lattice, Tile
from napari_glands.settings import PredictSettings, Settings
from napari_glands.slides import Slide, Window

__all__ = ["Part", "blended", "gland_probability", "predict", "views_of"]

_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a slide as the network is shown it.

    Attributes
    ----------
    density
        Optical density (3, y, x) of the part.
    window
        Where the part lies on the slide.
    stain
        The slide's stain.
    glass
        bool (y, x): bare glass, which is no gland.
    """

    density: Density
    window: Window
    stain: Stain
    glass: np.ndarray

    def pixels(self, window: Window) -> torch.Tensor:
        """Standardise a window of the slide, float32 (3, y, x); beyond the edge repeat the last."""
        inner = window.common(self.window)
        crop = self.density[(..., *inner.within(self.window).slices)]
        pixels = network_input(torch.as_tensor(crop).float().contiguous(), self.stain)
        missing = (0, window.right - inner.right, 0, window.bottom - inner.bottom)
        return F.pad(pixels, missing, mode="replicate") if any(missing) else pixels

    def is_glass(self, window: Window) -> bool:
        """Whether a window of the slide is nothing but glass."""
        return bool(self.glass[window.common(self.window).within(self.window).slices].all())


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
    GlandsError
        When the device's memory does not hold one tile.
    """
    settings = settings or model.settings.updated("general", device="auto")
    cancel = cancel or CancelToken()
    device = choose_device(settings.general.device)
    mpp = model.settings.general.working_mpp
    stain = stain_of(slide, mpp)
    rgb = slide.read(mpp)
    density, glass = LazyDensity(rgb), glass_of(rgb, mpp)
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
        network, density, stain, settings.predict, mpp, device, on_tiles, glass
    )
    glands = gland_instances(probability, grid, settings.predict)
    report(Event("predict", 1.0, f"{glands.max()} glands in {slide.name}"))
    name = f"{model.name}@{model.checksum}"
    return Prediction(
        slide.id, slide.name, grid, probability, glands, name, settings, slide.mpp_source
    )


def gland_probability(
    network: GlandPSPNet,
    density: Density,
    stain: Stain,
    settings: PredictSettings,
    mpp: float,
    device: Device,
    on_tiles: Callable[[float], None],
    glass: np.ndarray | None = None,
) -> np.ndarray:
    """Blend the network's answers on overlapping tiles; glass is no gland.

    Before, the network's normalisation is fitted to the slide as far as the settings say; it is
    put back at the end.

    Parameters
    ----------
    network
        In evaluation mode, on the device.
    density
        Optical density (3, y, x) at the working resolution.
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
    glass
        bool (y, x): the bare glass, where it is known already.

    Returns
    -------
    ndarray
        float32 (y, x) in [0, 1].
    """
    shape = density.shape[1], density.shape[2]
    if glass is None:
        glass = bare_glass(np.asarray(density[..., :, :]), mpp)
    lattice = Lattice.over(shape, settings, mpp)
    whole = Window(0, 0, *shape)
    part = Part(density, whole, stain, glass)
    if not settings.adaptation:
        return blended(network, part, whole, lattice, settings, device, on_tiles)

    samples = sample_windows(shape, lattice.tile, np.asarray(density[..., :, :]).mean(axis=0))
    done, passes = itertools.count(), len(views_of(settings)) * len(samples)
    share = passes / (passes + len(lattice.tiles(whole))) if passes else 0.0

    def shown() -> Any:
        for axes, window in itertools.product(views_of(settings), samples):
            on_tiles(share * next(done) / passes)
            yield part.pixels(window)[None].flip(axes)

    def on_rest(fraction: float) -> None:
        on_tiles(share + (1 - share) * fraction)

    fitted = adapted_to(shown(), network, settings.adaptation, device) if samples else nullcontext()
    with fitted:
        return blended(network, part, whole, lattice, settings, device, on_rest)


@torch.inference_mode()
def blended(
    network: GlandPSPNet,
    part: Part,
    core: Window,
    lattice: Lattice,
    settings: PredictSettings,
    device: Device,
    on_tiles: Callable[[float], None],
) -> np.ndarray:
    """Answer for a window of a slide from all tiles that reach into it.

    MONAI's sliding windows take any overlap and mode of blending, but keep a map of the weights
    beside the answer, multiply each tile by a map of its own, and place tiles by the array that
    they are given: that is twice the work around the network, and blocks of one slide would not
    fit together.

    Parameters
    ----------
    network
        In evaluation mode, on the device.
    part
        What `Lattice.extent` says that the tiles look at, or more.
    core
        The window to answer for.
    lattice
        The tiles of the whole slide.
    settings
        Batch size and flips.
    device
        Where to run.
    on_tiles
        Called before each batch of tiles with the share that is done; it may raise to stop.

    Returns
    -------
    ndarray
        float32, of the shape of `core`, in [0, 1].
    """
    tiles = [tile for tile in lattice.tiles(core) if not part.is_glass(tile.window)]
    makers = [partial(part.pixels, tile.window) for tile in tiles]
    found = torch.zeros(core.shape, device=device.torch)
    size = batch_size(settings.batch_size, device)

    def before(done: int) -> None:
        on_tiles(done / len(tiles))

    answered = answers(network, makers, views_of(settings), size, device, before)
    for tile, gland in zip(tiles, answered, strict=True):
        _add(found, core, tile, gland, lattice)
    probability = found.clamp_(max=1).cpu().numpy()
    probability[part.glass[core.within(part.window).slices]] = 0
    return probability


def views_of(settings: PredictSettings) -> tuple[tuple[int, ...], ...]:
    """Axes along which tiles are mirrored, one after the other."""
    return _FLIPS if settings.flips else _FLIPS[:1]


def _add(
    found: torch.Tensor, core: Window, tile: Tile, gland: torch.Tensor, lattice: Lattice
) -> None:
    """Add a tile's share of the answer; the order of the tiles, and so the sum, is always one."""
    common = core.common(tile.window)
    rows, columns = common.within(tile.window).slices
    down = torch.from_numpy(lattice.rows.weights(tile.index[0])[rows]).to(gland.device)
    across = torch.from_numpy(lattice.columns.weights(tile.index[1])[columns]).to(gland.device)
    share = gland[rows, columns].mul_(down[:, None]).mul_(across)
    found[common.within(core).slices] += share
