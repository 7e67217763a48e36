"""Stain from pixels, and what the shallow network sees: crops drawn once, standardised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from skimage import color

from napari_glands.slides import Region, Slide

__all__ = [
    "Stain",
    "crop_pool",
    "density_planes",
    "haematoxylin",
    "optical_density",
    "stain_of",
    "standardise",
]

_THUMBNAIL_PIXELS = 1_000_000
_TISSUE_DENSITY = 0.1  # optical density in any channel above which a single pixel is tissue


@dataclass(frozen=True, eq=False)
class Stain:
    """Mean and standard deviation of a slide's optical density over tissue, by channel."""

    mean: np.ndarray
    std: np.ndarray


def optical_density(rgb: np.ndarray) -> np.ndarray:
    """Convert uint8 RGB to float32 optical density ``-ln(I / I₀)`` (Beer–Lambert)."""
    return -np.log((rgb.astype(np.float32) + 1) / 256)


def density_planes(rgb: np.ndarray) -> np.ndarray:
    """Convert uint8 RGB (y, x, 3) to the planes of its optical density, float32 (3, y, x)."""
    return optical_density(rgb).transpose(2, 0, 1)


def haematoxylin(rgb: np.ndarray) -> np.ndarray:
    """Separate the haematoxylin, float64 (y, x), of uint8 RGB by colour deconvolution.

    Source: Ruifrok and Johnston, "Quantification of histochemical staining by color
    deconvolution", 2001.
    """
    return color.rgb2hed(rgb)[..., 0]


def stain_of(slide: Slide, mpp: float) -> Stain:
    """Measure a slide's stain on a thumbnail, so that slides can be made alike."""
    pixels = slide.shape[0] * slide.shape[1] * (slide.mpp / mpp) ** 2
    coarse = mpp * max(1.0, (pixels / _THUMBNAIL_PIXELS) ** 0.5)
    density = optical_density(slide.read(coarse)).reshape(-1, 3)
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
    crops = []
    for i in range(size):
        slide = slides[i % len(slides)]
        span = min(round(side * mpp / slide.mpp), *slide.shape)
        y, x = (int(rng.integers(n - span + 1)) for n in slide.shape)
        crop = slide.read(mpp, Region(y, x, span, span))
        crops.append(_fit(crop, side))
    return crops


def _fit(crop: np.ndarray, side: int) -> np.ndarray:
    """Cut or mirror off the pixel by which rounding made a crop too large or too small."""
    crop = crop[:side, :side]
    missing = [(0, side - n) for n in crop.shape[:2]]
    return np.pad(crop, (*missing, (0, 0)), mode="symmetric")
