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
    away, owner = _nearest_gland(layout)
    angle = _fibre_angle(rng, away, layout)
    looseness = smooth_noise(rng, away.shape, 55 / mpp)
    _fibres(rng, tissue, angle, looseness, away)
    _blood(rng, tissue, away)
    _vessels(rng, tissue, away)
    _cells(rng, tissue, away, angle)
    _tears(rng, tissue, angle)
    _halos(rng, tissue, away, owner, len(layout.shapes))


def _nearest_gland(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest gland in µm, and its label."""
    if not layout.shapes:
        return np.full(layout.labels.shape, 1e3, np.float32), layout.labels
    away, nearest = ndimage.distance_transform_edt(layout.labels == 0, return_indices=True)
    return (away * layout.mpp).astype(np.float32), layout.labels[tuple(nearest)]


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
    mesh = smooth_noise(rng, angle.shape, 1.6 / mpp)
    strength = rng.uniform(0.05, 0.13)
    eosin = 0.42 + strength * (fine + bundles) + 0.1 * mesh - 0.1 * looseness
    eosin += 0.15 * np.exp(-((away - 1.5) ** 2) / 3)  # the basement membrane
    eosin *= 1 - 0.85 * np.clip(0.8 * looseness - bundles - fine - 2.0, 0, 1)  # clefts
    haematoxylin = 0.16 + 0.04 * bundles + 0.07 * mesh
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
            tone=rng.normal(1.25, 0.22),
        )
    crowd = smooth_noise(rng, away.shape, 40 / mpp) + rng.uniform(-0.8, 0.7)
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
            tone=rng.normal(1.55, 0.2),
            hollow=rng.uniform(0, 0.25),
        )
    chromatin = 1 + 0.14 * smooth_noise(rng, away.shape, 1.6 / mpp)
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
    dent = smooth_noise(rng, away.shape, 7 / mpp)
    bores = np.zeros(away.shape, bool)
    nuclei = Spots(away.shape, mpp)
    for y, x in spaced_points(rng, away > 10, 80 / mpp, 3).tolist():
        radius = min(float(away[y, x]) - 2.5, rng.uniform(5, 15))
        aspect, angle = rng.uniform(1.1, 2.2), rng.uniform(0, np.pi)
        reach = int(radius / mpp) + 2
        window = tuple(
            slice(max(0, c - reach), min(n, c + reach + 1))
            for c, n in zip((y, x), away.shape, strict=True)
        )
        dy, dx = np.mgrid[window] - np.array([y, x])[:, None, None]
        u = (dx * np.cos(angle) + dy * np.sin(angle)) * mpp
        v = (dy * np.cos(angle) - dx * np.sin(angle)) * mpp * aspect
        depth = radius - np.hypot(u, v) + 0.9 * dent[window]
        wall = rng.uniform(1.8, 3.5)
        tissue.paint(window, np.clip(depth, 0, 1), 0.25, 0.66)
        tissue.paint(window, np.clip(depth - wall, 0, 1), 0.02, 0.03)
        if rng.random() < 0.5:
            bores[window] |= depth > wall + 1
        _endothelium(rng, nuclei, (y, x), radius - wall / 2, aspect, angle)
    tissue.paint(..., 0.9 * nuclei.cover, nuclei.tone, 0.5)
    _erythrocytes(rng, tissue, bores)


def _endothelium(
    rng: np.random.Generator,
    nuclei: Spots,
    centre: tuple[int, int],
    radius: float,
    aspect: float,
    angle: float,
) -> None:
    """Two to four flat nuclei on the wall of a vessel."""
    for theta in rng.uniform(0, 2 * np.pi, rng.integers(2, 5)):
        u, v = radius * np.cos(theta), radius / aspect * np.sin(theta)
        along = np.arctan2(np.cos(theta) / aspect, -np.sin(theta)) + angle
        y = centre[0] + (u * np.sin(angle) + v * np.cos(angle)) / nuclei.mpp
        x = centre[1] + (u * np.cos(angle) - v * np.sin(angle)) / nuclei.mpp
        if 0 <= y < nuclei.cover.shape[0] and 0 <= x < nuclei.cover.shape[1]:
            nuclei.add(int(y), int(x), angle=along, half_length=4, half_width=1.3, tone=1.3)


def _tears(rng: np.random.Generator, tissue: Tissue, angle: np.ndarray) -> None:
    """Slits where the section has torn, as white as any lumen."""
    mpp = tissue.mpp
    strain = oriented_noise(rng, angle, 30 / mpp, 3.5 / mpp)
    slit = np.clip((strain - rng.uniform(2.0, 2.6)) * 4, 0, 1)
    tissue.paint(..., slit, 0.0, 0.01)


def _halos(
    rng: np.random.Generator,
    tissue: Tissue,
    away: np.ndarray,
    owner: np.ndarray,
    glands: int,
) -> None:
    """Some glands have shrunk away from the stroma around them."""
    common = rng.choice([0.05, 0.15, 0.5])
    width = np.where(rng.random(glands + 1) < common, rng.uniform(3, 9, glands + 1), 0).astype(
        np.float32
    )
    edge = width[owner] * (1 + 0.5 * smooth_noise(rng, away.shape, 20 / tissue.mpp))
    tissue.paint(..., np.clip((edge - away) / 1.5, 0, 1), 0.01, 0.02)
