"""Stain from pixels, and what the shallow network sees: crops drawn once, standardised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, Protocol

import numpy as np
import torch
from skimage import color

from napari_glands.slides import Grid, Region, Slide, is_large
from napari_glands.slides.tissue import tissue_mask, tissue_share

__all__ = [
    "Density",
    "LazyDensity",
    "Stain",
    "crop_pool",
    "density_planes",
    "haematoxylin",
    "optical_density",
    "stain_of",
    "standardise",
    "thumbnail",
]

_THUMBNAIL_PIXELS = 1_000_000
_MOST_DRAWS, _LEAST_TISSUE = 200, 0.5
# A channel has 256 values: looking their densities up is faster than a logarithm per pixel.
_DENSITY = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)
_TISSUE_DENSITY = 0.1  # optical density in any channel above which a single pixel is tissue


@dataclass(frozen=True, eq=False)
class Stain:
    """Mean and standard deviation of a slide's optical density over tissue, by channel."""

    mean: np.ndarray
    std: np.ndarray


def optical_density(rgb: np.ndarray) -> np.ndarray:
    """Convert uint8 RGB to float32 optical density ``-ln(I / I₀)`` (Beer–Lambert)."""
    return _DENSITY.take(rgb)


def density_planes(rgb: np.ndarray) -> np.ndarray:
    """Convert uint8 RGB (y, x, 3) to the planes of its optical density, float32 (3, y, x)."""
    return _DENSITY.take(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


class Density(Protocol):
    """Optical density (3, y, x): an array, a tensor, or what is made when it is cut out."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Three, rows and columns."""
        ...

    def __getitem__(self, place: Any) -> Any:
        """Cut out ``[..., rows, columns]``."""
        ...


class LazyDensity:
    """The planes of the optical density of uint8 RGB (y, x, 3), made of what is cut out.

    It is cut like the float32 array (3, y, x) that `density_planes` makes, by two slices.
    """

    def __init__(self, rgb: np.ndarray) -> None:
        self._rgb = rgb
        self.shape = (3, *rgb.shape[:2])

    def __getitem__(self, place: tuple[EllipsisType, slice, slice]) -> np.ndarray:
        return density_planes(self._rgb[place[1:]])


def haematoxylin(rgb: np.ndarray) -> np.ndarray:
    """Separate the haematoxylin, float64 (y, x), of uint8 RGB by colour deconvolution.

    Source: Ruifrok and Johnston, "Quantification of histochemical staining by color
    deconvolution", 2001.
    """
    return color.rgb2hed(rgb)[..., 0]


def thumbnail(slide: Slide, mpp: float) -> np.ndarray:
    """Read a slide, uint8 (y, x, 3), at some µm per pixel or, when large, so coarse as needed."""
    pixels = slide.shape[0] * slide.shape[1] * (slide.mpp / mpp) ** 2
    return slide.read(mpp * max(1.0, (pixels / _THUMBNAIL_PIXELS) ** 0.5))


def stain_of(slide: Slide, mpp: float) -> Stain:
    """Measure a slide's stain on a thumbnail, so that slides can be made alike.

    A crop has the stain of the whole slide.
    """
    slide = slide.whole
    density = optical_density(thumbnail(slide, mpp)).reshape(-1, 3)
    tissue = density[density.max(axis=1) > _TISSUE_DENSITY]
    if len(tissue) < 0.01 * len(density):
        tissue = density
    return Stain(tissue.mean(axis=0), tissue.std(axis=0) + 1e-3)


def standardise(rgb: np.ndarray, stain: Stain) -> torch.Tensor:
    """Turn uint8 (y, x, 3) into float32 (3, y, x) of zero mean and unit deviation per slide."""
    density = (optical_density(rgb) - stain.mean) / stain.std
    return torch.from_numpy(np.ascontiguousarray(density.transpose(2, 0, 1), dtype=np.float32))


def crop_pool(
    slides: Sequence[Slide], mpp: float, side: int, size: int, seed: int
) -> list[np.ndarray]:
    """Draw crops from random places of the slides, each slide in turn.

    Of slides too large to be held whole they are drawn where there is tissue.

    Parameters
    ----------
    slides
        Where to draw from.
    mpp
        Pixel size of the crops in µm.
    side
        Side of the square crops in pixels; a smaller slide gives its whole smaller side.
    size
        Number of crops.
    seed
        Start of the random places.

    Returns
    -------
    list of ndarray
        uint8 (y, x, 3) crops, all of one shape; crop ``i`` is of slide ``i % len(slides)``.
    """
    rng = np.random.default_rng(seed)
    side = min(side, *(min(slide.grid(mpp).shape) for slide in slides))
    tissues = [tissue_mask(slide) if is_large(slide.grid(mpp)) else None for slide in slides]
    crops = []
    for i in range(size):
        slide, tissue = slides[i % len(slides)], tissues[i % len(slides)]
        span = min(round(side * mpp / slide.mpp), *slide.shape)
        crop = slide.read(mpp, _place(slide, span, tissue, rng))
        crops.append(_fit(crop, side))
    return crops


def _place(
    slide: Slide, span: int, tissue: tuple[np.ndarray, Grid] | None, rng: np.random.Generator
) -> Region:
    """Draw a square; on a slide with much bare glass, one of at least half tissue if there is."""
    for _ in range(1 if tissue is None else _MOST_DRAWS):
        y, x = (int(rng.integers(n - span + 1)) for n in slide.shape)
        on_whole = Region(y + slide.origin[0], x + slide.origin[1], span, span)
        if tissue is None or tissue_share(*tissue, on_whole) >= _LEAST_TISSUE:
            break
    return Region(y, x, span, span)


def _fit(crop: np.ndarray, side: int) -> np.ndarray:
    """Cut or mirror off the pixel by which rounding made a crop too large or too small."""
    crop = crop[:side, :side]
    missing = [(0, side - n) for n in crop.shape[:2]]
    return np.pad(crop, (*missing, (0, 0)), mode="symmetric")
