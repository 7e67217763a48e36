"""Painting what lies between the glands."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_glands.sample_data.layout import Layout
from napari_glands.sample_data.noise import oriented_noise, smooth_noise, spaced_points
from napari_glands.sample_data.nuclei import Spots
from napari_glands.sample_data.stain import Tissue

__all__ = ["paint_stroma"]


def paint_stroma(rng: np.random.Generator, tissue: Tissue, layout: Layout) -> None:
    """Paint fibres, clefts, tears, vessels, blood and cells; glands are painted over later."""
    mpp = tissue.mpp
    outside, nearest = ndimage.distance_transform_edt(layout.labels == 0, return_indices=True)
    away = (outside * mpp).astype(np.float32)
    angle = _fibre_angle(rng, away, layout)
    looseness = smooth_noise(rng, away.shape, 55 / mpp)
    _fibres(rng, tissue, angle, looseness, away)
    _blood(rng, tissue, away)
    _vessels(rng, tissue, away)
    _cells(rng, tissue, away, angle)
    _tears(rng, tissue, angle)
    _halos(rng, tissue, away, layout, nearest)


def _fibre_angle(rng: np.random.Generator, away: np.ndarray, layout: Layout) -> np.ndarray:
    """Fibres sheathe the glands and run with the tissue, curling, between them."""
    mpp = layout.mpp
    smooth = ndimage.gaussian_filter(away, 6 / mpp)
    dy, dx = np.gradient(smooth)
    sheath = np.arctan2(dy, dx) + np.pi / 2
    course = layout.angle + 0.7 * smooth_noise(rng, away.shape, 60 / mpp)
    course += 0.35 * smooth_noise(rng, away.shape, 14 / mpp)
    near = np.exp(-away / 12)
    # Directions have no sign: mix them at twice the angle.
    sin = near * np.sin(2 * sheath) + (1 - near) * np.sin(2 * course)
    cos = near * np.cos(2 * sheath) + (1 - near) * np.cos(2 * course)
    return np.arctan2(sin, cos) / 2


def _fibres(
    rng: np.random.Generator,
    tissue: Tissue,
    angle: np.ndarray,
    looseness: np.ndarray,
    away: np.ndarray,
) -> None:
    mpp = tissue.mpp
    fine = oriented_noise(rng, angle, 9 / mpp, 0.8 / mpp)
    bundles = oriented_noise(rng, angle, 18 / mpp, 2.2 / mpp)
    mesh = smooth_noise(rng, angle.shape, 2.4 / mpp)
    eosin = 0.44 + 0.12 * fine + 0.13 * bundles + 0.06 * mesh - 0.09 * looseness
    eosin += 0.15 * np.exp(-((away - 1.5) ** 2) / 3)  # the basement membrane
    eosin *= 1 - 0.85 * np.clip(0.8 * looseness - bundles - fine - 2.0, 0, 1)  # clefts
    haematoxylin = 0.17 + 0.04 * bundles + 0.05 * mesh
    tissue.paint(..., 1.0, np.maximum(haematoxylin, 0.02), np.maximum(eosin, 0.03))


def _cells(rng: np.random.Generator, tissue: Tissue, away: np.ndarray, angle: np.ndarray) -> None:
    """Spindle nuclei along the fibres, and lymphocytes in crowds; as dark as any epithelium."""
    mpp = tissue.mpp
    spots = Spots(away.shape, mpp)
    for y, x in spaced_points(rng, away > 2.5, 13 / mpp, 3):
        spots.add(
            y,
            x,
            angle=angle[y, x] + rng.normal(0, 0.2),
            half_length=rng.uniform(3.5, 7.5),
            half_width=rng.uniform(1.2, 2.1),
            tone=rng.normal(1.15, 0.2),
        )
    crowd = smooth_noise(rng, away.shape, 40 / mpp) + rng.uniform(-0.9, 0.1)
    chance = np.clip(0.15 + 0.5 * crowd, 0.04, 0.85)
    for y, x in spaced_points(rng, away > 3.5, 6.6 / mpp, 6):
        if rng.random() > chance[y, x]:
            continue
        size = rng.uniform(2.4, 3.3)
        spots.add(
            y,
            x,
            angle=rng.uniform(0, np.pi),
            half_length=size * rng.uniform(1.0, 1.3),
            half_width=size,
            tone=rng.normal(1.45, 0.18),
            hollow=rng.uniform(0, 0.25),
        )
    chromatin = 1 + 0.1 * smooth_noise(rng, away.shape, 1.6 / mpp)
    tissue.paint(..., 0.95 * spots.cover, spots.tone * chromatin, 0.5)


def _blood(rng: np.random.Generator, tissue: Tissue, away: np.ndarray) -> None:
    """Extravasated erythrocytes in a few patches."""
    mpp = tissue.mpp
    patch = smooth_noise(rng, away.shape, 30 / mpp) > rng.uniform(1.6, 2.4)
    _erythrocytes(rng, tissue, patch & (away > 3))


def _erythrocytes(rng: np.random.Generator, tissue: Tissue, where: np.ndarray) -> None:
    spots = Spots(where.shape, tissue.mpp)
    for y, x in spaced_points(rng, where, 5.2 / tissue.mpp, 8):
        size = rng.uniform(2.2, 3.3)
        spots.add(
            y,
            x,
            angle=rng.uniform(0, np.pi),
            half_length=size * rng.uniform(1, 1.3),
            half_width=size,
            tone=rng.uniform(0.6, 1.0),
            hollow=0.25,
        )
    tissue.paint(..., 0.9 * spots.cover, 0.03, 0.55 * spots.tone, spots.tone)


def _vessels(rng: np.random.Generator, tissue: Tissue, away: np.ndarray) -> None:
    """Capillaries and venules: a pink wall with flat nuclei, white or filled with blood."""
    mpp = tissue.mpp
    places = spaced_points(rng, away > 11, 90 / mpp, 3)
    for y, x in places.tolist():
        radius = min(float(away[y, x]) - 3, rng.uniform(5, 14))
        if radius < 4.5:
            continue
        angle, aspect = rng.uniform(0, np.pi), rng.uniform(1, 1.5)
        wall = Spots(away.shape, mpp)
        wall.add(y, x, angle=angle, half_length=radius, half_width=radius / aspect, tone=1)
        bore = Spots(away.shape, mpp)
        inner = max(radius - 2.2, 2.0)
        bore.add(y, x, angle=angle, half_length=inner, half_width=inner / aspect, tone=1)
        tissue.paint(..., wall.cover, 0.22, 0.68)
        tissue.paint(..., bore.cover, 0.02, 0.04)
        if rng.random() < 0.5:
            _erythrocytes(rng, tissue, bore.cover > 0.9)


def _tears(rng: np.random.Generator, tissue: Tissue, angle: np.ndarray) -> None:
    """Slits where the section has torn, as white as any lumen."""
    mpp = tissue.mpp
    strain = oriented_noise(rng, angle, 30 / mpp, 3.5 / mpp)
    slit = np.clip((strain - rng.uniform(2.0, 2.6)) * 4, 0, 1)
    tissue.paint(..., slit, 0.02, 0.03)


def _halos(
    rng: np.random.Generator,
    tissue: Tissue,
    away: np.ndarray,
    layout: Layout,
    nearest: np.ndarray,
) -> None:
    """Some glands have shrunk away from the stroma around them."""
    owner = layout.labels[tuple(nearest)]
    common = rng.choice([0.05, 0.15, 0.5])
    width = np.where(
        rng.random(len(layout.shapes) + 1) < common, rng.uniform(3, 9, len(layout.shapes) + 1), 0
    ).astype(np.float32)
    edge = width[owner] * (1 + 0.5 * smooth_noise(rng, away.shape, 20 / tissue.mpp))
    tissue.paint(..., np.clip((edge - away) / 1.5, 0, 1), 0.03, 0.04)
