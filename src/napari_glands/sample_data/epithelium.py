"""Painting the glands: nuclei, goblet vacuoles, cytoplasm and lumen."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_glands.sample_data.layout import Layout
from napari_glands.sample_data.noise import smooth_noise, spaced_points
from napari_glands.sample_data.nuclei import Spots
from napari_glands.sample_data.stain import Tissue

__all__ = ["paint_glands"]


def paint_glands(rng: np.random.Generator, tissue: Tissue, layout: Layout) -> None:
    """Paint every gland of a layout; nothing is painted outside its label."""
    ripple = smooth_noise(rng, layout.labels.shape, 7 / tissue.mpp)
    grain = smooth_noise(rng, layout.labels.shape, 1.5 / tissue.mpp)
    windows = ndimage.find_objects(layout.labels)
    for i, (window, shape) in enumerate(zip(windows, layout.shapes, strict=True), start=1):
        gland = _Gland(rng, tissue, window, layout.labels, i, ripple, grain)
        if shape.malignant:
            gland.paint_malignant()
        else:
            gland.paint_benign()


class _Gland:
    """One gland in its bounding box; depths in µm from the outer border."""

    def __init__(
        self,
        rng: np.random.Generator,
        tissue: Tissue,
        window: tuple[slice, slice],
        labels: np.ndarray,
        label: int,
        ripple: np.ndarray,
        grain: np.ndarray,
    ) -> None:
        self.rng, self.tissue, self.window = rng, tissue, window
        self.mpp = tissue.mpp
        self.mask = labels[window] == label
        self.ripple, self.grain = ripple[window], grain[window]
        depth = ndimage.distance_transform_edt(np.pad(self.mask, 1))[1:-1, 1:-1]
        self.depth = (depth * self.mpp).astype(np.float32)
        self.thickness = float(self.depth.max())
        smooth = ndimage.gaussian_filter(self.depth, 3 / self.mpp)
        dy, dx = np.gradient(smooth) if min(smooth.shape) > 1 else (smooth * 0, smooth * 0)
        self.inward = np.arctan2(dy, dx)

    def paint_benign(self) -> None:
        rng = self.rng
        self._cytoplasm(rng.normal(0.30, 0.05), rng.normal(0.36, 0.05), basal=0.35)
        apex = max(self.thickness * rng.uniform(0.7, 0.98), 20.0)
        self._goblets((self.depth > 11) & (self.depth + 1.5 * self.ripple < apex - 1))
        self._lumen(apex, ragged=2.5, debris=rng.random() < 0.15)
        self._nuclei(4.2, 3.0, 6.0, half_length=(3.6, 5.2), half_width=(2.2, 3.0), jitter=0.25)
        self._nuclei(6.5, 6.0, 11.0, half_length=(3.0, 4.2), half_width=(2.1, 2.7), jitter=0.5)

    def paint_malignant(self) -> None:
        rng = self.rng
        self._cytoplasm(rng.normal(0.33, 0.06), rng.normal(0.5, 0.07), basal=0.25)
        strata = min(rng.uniform(12, 26), self.thickness * 0.75)
        if rng.random() < 0.75:
            apex = max(self.thickness * rng.uniform(0.55, 0.85), 16.0)
            self._lumen(apex, ragged=5.0, debris=rng.random() < 0.6)
        else:
            strata = self.thickness  # solid growth
        gaps = self._gaps()
        self.tissue.paint(self.window, 0.6 * gaps * (self.depth < strata), 0.22, 0.5)
        self._nuclei(
            5.4,
            3.0,
            strata,
            half_length=(4.4, 7.0),
            half_width=(2.4, 3.5),
            jitter=0.35,
            tone=1.3,
            hollow=0.35,
            skip=gaps,
        )

    def _cytoplasm(self, haematoxylin: float, eosin: float, basal: float) -> None:
        """Cytoplasm, bluer between the basal nuclei than towards the lumen."""
        tone = 1 + 0.08 * self.ripple + 0.1 * self.grain
        blue = haematoxylin + basal * np.clip((13 - self.depth) / 5, 0, 1)
        self.tissue.paint(self.window, self.mask, blue * tone, eosin * tone)

    def _lumen(self, apex: float, *, ragged: float, debris: bool) -> None:
        """Empty what lies deeper than `apex`; leave a brush border, perhaps debris."""
        beyond = self.depth + ragged * self.ripple + 0.8 * self.grain - apex
        border = np.clip(1 - np.abs(beyond + 1) / 1.5, 0, 1) * self.mask
        self.tissue.paint(self.window, 0.8 * border, 0.3, 0.6)
        lumen = beyond > 0
        lumen &= self.mask
        self.tissue.paint(self.window, np.clip(beyond / 1.2, 0, 1) * self.mask, 0.0, 0.01)
        if not debris or not lumen.any():
            return
        clumps = lumen * np.clip(0.7 * self.grain + 0.6 * self.ripple - 0.2, 0, 1)
        self.tissue.paint(self.window, clumps, 0.12, 0.5)
        spots = Spots(self.mask.shape, self.mpp)
        for y, x in spaced_points(self.rng, lumen & (self.ripple > 0), 9 / self.mpp, 2):
            size = self.rng.uniform(1.0, 2.6)
            spots.add(y, x, angle=0, half_length=size * 1.2, half_width=size, tone=1.5)
        self.tissue.paint(self.window, spots.cover * lumen, spots.tone, 0.5)

    def _goblets(self, where: np.ndarray) -> None:
        """Mucin vacuoles: pale, drawn out towards the lumen, with thin walls of cytoplasm."""
        rng = self.rng
        size = rng.uniform(3.8, 6.4)
        full = rng.uniform(0.7, 1.0)
        spots = Spots(self.mask.shape, self.mpp)
        for y, x in spaced_points(rng, where & self.mask, 1.9 * size / self.mpp, 16):
            if rng.random() > full:
                continue
            half = size * rng.uniform(0.75, 1.1)
            spots.add(
                y,
                x,
                angle=self.inward[y, x],
                half_length=half * rng.uniform(1.0, 1.4),
                half_width=half,
                tone=rng.uniform(-0.03, 0.09),
            )
        cover = spots.cover * self.mask * (self.depth > 8)
        self.tissue.paint(self.window, 0.92 * cover, 0.04 + spots.tone, 0.05 + 0.6 * spots.tone)

    def _nuclei(
        self,
        spacing: float,
        shallow: float,
        deep: float,
        *,
        half_length: tuple[float, float],
        half_width: tuple[float, float],
        jitter: float,
        tone: float = 1.45,
        hollow: float = 0.15,
        skip: np.ndarray | None = None,
    ) -> None:
        """Nuclei between two depths, upright on the border."""
        rng = self.rng
        band = self.mask & (self.depth > shallow) & (self.depth < deep)
        if skip is not None:
            band &= skip < 0.4
        spots = Spots(self.mask.shape, self.mpp)
        for y, x in spaced_points(rng, band, spacing / self.mpp, 8):
            spots.add(
                y,
                x,
                angle=self.inward[y, x] + rng.normal(0, jitter),
                half_length=rng.uniform(*half_length),
                half_width=rng.uniform(*half_width),
                tone=rng.normal(tone, 0.2),
                hollow=hollow * rng.uniform(0, 2),
            )
        # Nuclei do not pierce the basement membrane.
        cover = 0.95 * spots.cover * self.mask * np.clip(self.depth - 0.6, 0, 1)
        self.tissue.paint(self.window, cover, spots.tone * (1 + 0.16 * self.grain), 0.6)

    def _gaps(self) -> np.ndarray:
        """float32 in [0, 1]: sectors of the ring that have lost their nuclei."""
        y, x = np.indices(self.mask.shape)
        cy, cx = ndimage.center_of_mass(self.mask)
        theta = np.arctan2(y - cy, x - cx)
        gaps = np.zeros(self.mask.shape, np.float32)
        for _ in range(self.rng.integers(0, 4)):
            middle, half = self.rng.uniform(-np.pi, np.pi), self.rng.uniform(0.15, 0.4)
            away = np.abs((theta - middle + np.pi) % (2 * np.pi) - np.pi)
            gaps = np.maximum(gaps, np.clip((half - away) / 0.1 + 0.25 * self.ripple, 0, 1))
        return (gaps * self.mask).astype(np.float32)
