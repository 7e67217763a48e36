"""From amounts of stain to the picture a scanner takes."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from scipy import ndimage

from napari_glands.sample_data.noise import smooth_noise

__all__ = ["Tissue", "photograph"]

# Optical density (natural log) per unit of stain in R, G, B.
_HAEMATOXYLIN = np.array([0.66, 0.72, 0.30])
_EOSIN = np.array([0.12, 0.94, 0.28])
_BLOOD = np.array([0.09, 0.95, 0.45])


@dataclass(frozen=True)
class Tissue:
    """Amounts of stain in a section, painted layer by layer; float32 (y, x) each.

    Attributes
    ----------
    haematoxylin, eosin, blood
        Optical density carried by each dye (blood: the red of erythrocytes).
    mpp
        µm per pixel.
    """

    haematoxylin: np.ndarray
    eosin: np.ndarray
    blood: np.ndarray
    mpp: float

    @classmethod
    def blank(cls, shape: tuple[int, int], mpp: float) -> Tissue:
        """Return bare glass."""
        haematoxylin, eosin, blood = np.zeros((3, *shape), np.float32)
        return cls(haematoxylin, eosin, blood, mpp)

    def paint(
        self,
        where: np.ndarray | tuple[slice, ...] | EllipsisType,
        cover: np.ndarray | float,
        haematoxylin: np.ndarray | float,
        eosin: np.ndarray | float,
        blood: np.ndarray | float = 0.0,
    ) -> None:
        """Lay stain amounts over what is there; `cover` in [0, 1] is how opaque the layer is."""
        layers = ((self.haematoxylin, haematoxylin), (self.eosin, eosin), (self.blood, blood))
        for plane, amount in layers:
            plane[where] += cover * (amount - plane[where])


def photograph(rng: np.random.Generator, tissue: Tissue, margin: int) -> np.ndarray:
    """Return the uint8 (y, x, 3) picture of a section, without its margin.

    Stain vectors and strengths vary from picture to picture, the lamp is uneven, the lens a
    little soft, the sensor a little noisy.
    """
    vectors = [v * rng.normal(1, 0.06, 3) for v in (_HAEMATOXYLIN, _EOSIN, _BLOOD)]
    strengths = rng.uniform([0.85, 0.8, 0.85], [1.15, 1.15, 1.1])
    shape = tissue.eosin.shape
    uneven = 1 + 0.06 * smooth_noise(rng, shape, 250 / tissue.mpp)
    planes = (tissue.haematoxylin, tissue.eosin * uneven, tissue.blood)
    lamp = _lamp(rng, shape)
    softness = rng.uniform(0.35, 0.5) / tissue.mpp
    inner = (slice(margin, shape[0] - margin), slice(margin, shape[1] - margin))
    channels = []
    for c, white in enumerate(rng.uniform([250, 243, 248], [257, 250, 255])):
        density = sum(s * v[c] * p for s, v, p in zip(strengths, vectors, planes, strict=True))
        light = ndimage.gaussian_filter(np.exp(-np.maximum(density, 0)), softness)
        light = (light * lamp)[inner] * white
        noise = rng.standard_normal(light.shape, dtype=np.float32)
        channels.append(light + noise * (0.6 + 1.4 * np.sqrt(light / 255)))
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


def _lamp(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Brightness over the field: brightest near the middle, a few percent darker at a corner."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    cy, cx = rng.uniform(-0.4, 0.4, 2)
    return 1.01 - 0.02 * ((y[:, None] - cy) ** 2 + (x[None, :] - cx) ** 2)
