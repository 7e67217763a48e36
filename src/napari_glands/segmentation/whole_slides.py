"""Prediction of slides that are too large to be held, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.glass import glass_of
from napari_glands.exterior.sampling import (
    LazyDensity,
    Stain,
    optical_density,
    stain_of,
    thumbnail,
)
from napari_glands.segmentation.adaptation import (
    Statistics,
    mix_in,
    own_statistics,
    sample_windows,
)
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import GlandPSPNet
from napari_glands.segmentation.prediction import Part, blended, views_of
from napari_glands.segmentation.tiles import Lattice
from napari_glands.settings import Settings
from napari_glands.slides import Slide, Window

__all__ = ["BlockPredictor"]

_GLASS_HALO_UM = 250.0  # a square of glass that is large enough to count has sides of 200 to 245 µm


@dataclass(frozen=True, eq=False)
class BlockPredictor:
    """Predicts any window of one slide, and always the same for a pixel.

    It can be pickled, and sent to where the work is done; the network is built there.

    Attributes
    ----------
    model
        The trained model.
    settings
        Settings of all steps.
    shape
        Rows and columns of the slide's grid at the model's working resolution.
    stain
        The slide's stain.
    statistics
        The slide's own statistics of the network's features; None where it is not adapted to.
    lattice
        The tiles of the slide.
    """

    model: Model
    settings: Settings
    shape: tuple[int, int]
    stain: Stain
    statistics: Statistics | None
    lattice: Lattice

    @classmethod
    def of(
        cls,
        model: Model,
        slide: Slide,
        settings: Settings | None = None,
        on_tiles: Callable[[float], None] = lambda fraction: None,
    ) -> BlockPredictor:
        """Measure, once, what all blocks of a slide must agree on.

        Parameters
        ----------
        model
            A trained model.
        slide
            The slide.
        settings
            As for `predict`.
        on_tiles
            Called before each sample tile with the share that is done; it may raise to stop.
        """
        settings = settings or model.settings.updated("general", device="auto")
        mpp = model.settings.general.working_mpp
        shape = slide.grid(mpp).shape
        lattice = Lattice.square(shape, settings.predict, mpp)
        stain = stain_of(slide, mpp)
        plain = cls(model, settings, shape, stain, None, lattice)
        if not settings.predict.adaptation:
            return plain
        statistics = plain._statistics(slide, on_tiles)
        return cls(model, settings, shape, stain, statistics, lattice)

    @property
    def mpp(self) -> float:
        """The working resolution in µm per pixel."""
        return self.model.settings.general.working_mpp

    @property
    def core_side(self) -> int:
        """Side in pixels of the blocks to predict the slide in."""
        return self.lattice.core_side

    def window(self, core: Window) -> Window:
        """Return what is read to predict a window."""
        return _around(
            self.lattice.extent(core, self.shape),
            core.widened(round(_GLASS_HALO_UM / self.mpp), self.shape),
        )

    def probability(
        self,
        read: Callable[[Window], np.ndarray],
        core: Window,
        on_tiles: Callable[[float], None] = lambda fraction: None,
    ) -> np.ndarray:
        """Predict a window of the slide.

        Parameters
        ----------
        read
            Gives the uint8 RGB (y, x, 3) of a window inside the slide, at the working resolution.
        core
            What to predict. Windows whose corners are multiples of `core_side`, or lie on the
            slide's edges, share the fewest tiles with each other.
        on_tiles
            Called before each batch of tiles with the share that is done; it may raise to stop.

        Returns
        -------
        ndarray
            float32 of the shape of `core`, in [0, 1]: the same, but for large bare glass that
            reaches beyond 250 µm around, as that part of a larger window.

        Raises
        ------
        GlandsError
            When the device's memory does not hold one tile.
        """
        window = self.window(core)
        rgb = read(window)
        part = Part(LazyDensity(rgb), window, self.stain, glass_of(rgb, self.mpp))
        settings = self.settings.predict
        return blended(self._network, part, core, self.lattice, settings, self._device, on_tiles)

    @cached_property
    def _device(self) -> Device:
        return choose_device(self.settings.general.device)

    @cached_property
    def _network(self) -> GlandPSPNet:
        network = self.model.network().to(self._device.torch)
        network = network.to(memory_format=torch.channels_last)
        if self.statistics is not None:
            mix_in(network, self.statistics, self.settings.predict.adaptation)
        return network

    def _statistics(self, slide: Slide, on_tiles: Callable[[float], None]) -> Statistics | None:
        """Look at sample tiles of the slide; None where there are none."""
        grid = slide.grid(self.mpp)
        coarse = optical_density(thumbnail(slide, self.mpp)).mean(axis=-1)
        windows = sample_windows(self.shape, self.lattice.tile, coarse)
        if not windows:
            return None

        def shown() -> Any:
            for i, window in enumerate(windows):
                on_tiles(i / len(windows))
                rgb = slide.read_window(grid, window)
                glass = np.zeros(window.shape, bool)
                pixels = Part(LazyDensity(rgb), window, self.stain, glass).pixels(window)[None]
                yield from (pixels.flip(axes) for axes in views_of(self.settings.predict))

        return own_statistics(shown(), self._network, self._device)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made where it is used."""
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}


def _around(a: Window, b: Window) -> Window:
    """Return the smallest window that holds two others."""
    top, left = min(a.y, b.y), min(a.x, b.x)
    return Window(top, left, max(a.bottom, b.bottom) - top, max(a.right, b.right) - left)
