"""Where the synthetic glands lie: shapes, packing and the exact instance truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_glands.sample_data.noise import smooth_noise

__all__ = ["GlandShape", "Layout", "lay_out"]

# Sizes in µm, areas in µm². Colon crypts cut across are 60 to 150 µm wide.
_RADIUS = (30.0, 75.0)
_SMALLEST_VISIBLE = 600.0
_MAX_OFFSET = 12.0
_FAR = 1e3


@dataclass(frozen=True)
class GlandShape:
    """An ellipse with a wavy outline, in µm and radians."""

    y: float
    x: float
    radius: float
    aspect: float
    angle: float
    waves: np.ndarray  # (k, 2): amplitude and phase of the 2nd, 3rd, ... harmonic
    gap: float  # free space kept to neighbours
    malignant: bool

    def distance(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Approximate signed distance of points to the outline in µm, negative inside."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        dy, dx = y - self.y, x - self.x
        u = (dx * cos + dy * sin) / np.sqrt(self.aspect)
        v = (dy * cos - dx * sin) * np.sqrt(self.aspect)
        theta = np.arctan2(v, u)
        outline = np.ones_like(theta)
        for k, (amplitude, phase) in enumerate(self.waves, start=2):
            outline += amplitude * np.cos(k * theta + phase)
        return np.hypot(u, v) - self.radius * outline


@dataclass(frozen=True)
class Layout:
    """The glands of a field with a margin around it.

    Attributes
    ----------
    labels
        int32 (y, x): 0, or the gland's number from 1.
    shapes
        The shape behind label i is ``shapes[i - 1]``.
    angle
        Direction in which the tissue runs, in radians.
    mpp
        µm per pixel.
    """

    labels: np.ndarray
    shapes: tuple[GlandShape, ...]
    angle: float
    mpp: float


def lay_out(
    rng: np.random.Generator,
    shape: tuple[int, int],
    margin: int,
    mpp: float,
    malignant: float,
    glands: int | None,
) -> Layout:
    """Pack glands into a field, and give each pixel its gland.

    Parameters
    ----------
    rng
        Source of the randomness.
    shape
        Rows and columns of the field that will be seen.
    margin
        Pixels around it that are laid out too, so that glands are cut by the field's border.
    mpp
        µm per pixel.
    malignant
        Share of the glands that are malignant-like; they lie together.
    glands
        Keep at most this many, or None to fill about half of the field.
    """
    canvas = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    extent = (canvas[0] * mpp, canvas[1] * mpp)
    angle = rng.uniform(0, np.pi)
    target = rng.uniform(0.47, 0.53)
    shapes = _scatter(rng, extent, angle, malignant)
    if glands is not None:
        inside = [s for s in shapes if _inside(s, extent, margin * mpp)]
        shapes = [inside[i] for i in rng.permutation(len(inside))[:glands]]
    best, second, owner = _compete(rng, canvas, mpp, shapes)
    gaps = np.array([s.gap for s in shapes] + [0.0], np.float32)
    free = second - best > gaps[owner]
    offset = 0.0 if glands is not None else _offset(best, free, margin, target)
    labels = np.where((best < offset) & free, owner + 1, 0).astype(np.int32)
    labels, kept = _tidy(labels, len(shapes), margin, mpp)
    return Layout(labels, tuple(shapes[i] for i in kept), angle, mpp)


def _inside(shape: GlandShape, extent: tuple[float, float], margin: float) -> bool:
    return margin <= shape.y < extent[0] - margin and margin <= shape.x < extent[1] - margin


def _scatter(
    rng: np.random.Generator, extent: tuple[float, float], angle: float, malignant: float
) -> list[GlandShape]:
    """Shapes on a jittered hexagonal lattice that is stretched along the tissue's direction."""
    radius = rng.uniform(38, 48)
    stretch = rng.uniform(1.0, 1.5)
    spacing = 2.55 * radius
    centres = _lattice(rng, extent, angle, stretch, spacing)
    # Malignant glands lie together on one side, with a frayed front.
    front = rng.uniform(0, 2 * np.pi)
    rank = centres @ [np.sin(front), np.cos(front)] + rng.normal(0, spacing / 2, len(centres))
    seen = ((centres > 0) & (centres < extent)).all(axis=1)
    bad = np.full(len(centres), malignant >= 1)
    if 0 < malignant < 1 and seen.any():
        bad = rank < np.quantile(rank[seen], malignant)
    return [
        _shape(rng, y, x, radius, stretch, angle, bool(m))
        for (y, x), m in zip(centres.tolist(), bad, strict=True)
    ]


def _lattice(
    rng: np.random.Generator,
    extent: tuple[float, float],
    angle: float,
    stretch: float,
    spacing: float,
) -> np.ndarray:
    reach = np.hypot(*extent) / 2 + 2 * spacing
    n = int(np.ceil(reach * 1.3 / spacing)) + 1
    j, i = np.mgrid[-n : n + 1, -n : n + 1]
    v = (j * np.sqrt(3) / 2 * spacing).ravel()
    u = ((i + 0.5 * (j % 2)) * spacing).ravel()
    u, v = (
        w + rng.uniform(-0.5, 0.5) * spacing + rng.normal(0, 0.11 * spacing, w.shape)
        for w in (u, v)
    )
    u, v = u * np.sqrt(stretch), v / np.sqrt(stretch)
    cos, sin = np.cos(angle), np.sin(angle)
    y = extent[0] / 2 + u * sin + v * cos
    x = extent[1] / 2 + u * cos - v * sin
    near = (y > -spacing) & (y < extent[0] + spacing) & (x > -spacing) & (x < extent[1] + spacing)
    return np.stack([y[near], x[near]], axis=1)


def _shape(
    rng: np.random.Generator,
    y: float,
    x: float,
    radius: float,
    stretch: float,
    angle: float,
    malignant: bool,
) -> GlandShape:
    wild = 2.2 if malignant else 1.0
    amplitudes = rng.normal(0, 1, 4) * np.array([0.04, 0.035, 0.02, 0.015]) * wild
    return GlandShape(
        y=y,
        x=x,
        radius=float(np.clip(radius * np.exp(rng.normal(0.08 * malignant, 0.13 * wild)), *_RADIUS)),
        aspect=float(np.clip(stretch * np.exp(rng.normal(0, 0.1 * wild)), 0.7, 2.4)),
        angle=angle + rng.normal(0, 0.2 * wild),
        waves=np.stack([amplitudes, rng.uniform(0, 2 * np.pi, 4)], axis=1),
        gap=float(rng.choice([0.0, 0.0, 8.0])) if malignant else rng.uniform(5, 16),
        malignant=malignant,
    )


def _compete(
    rng: np.random.Generator, canvas: tuple[int, int], mpp: float, shapes: list[GlandShape]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the nearest and second nearest gland in µm, and which one is nearest."""
    best = np.full(canvas, _FAR, np.float32)
    second = np.full(canvas, _FAR, np.float32)
    owner = np.full(canvas, -1, np.int32)
    warp = {
        False: [3.0 * smooth_noise(rng, canvas, 22 / mpp) for _ in "yx"],
        True: [11.0 * smooth_noise(rng, canvas, 24 / mpp) for _ in "yx"],
    }
    for i, shape in enumerate(shapes):
        reach = shape.radius * max(shape.aspect, 1 / shape.aspect) ** 0.5 * 1.25 + 45
        low = [max(0, int((c - reach) / mpp)) for c in (shape.y, shape.x)]
        high = [
            min(n, int((c + reach) / mpp)) for c, n in zip((shape.y, shape.x), canvas, strict=True)
        ]
        if high[0] <= low[0] or high[1] <= low[1]:
            continue
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        wy, wx = (w[window] for w in warp[shape.malignant])
        y = (np.arange(low[0], high[0], dtype=np.float32) * mpp)[:, None] + wy
        x = (np.arange(low[1], high[1], dtype=np.float32) * mpp)[None, :] + wx
        distance = shape.distance(y, x).astype(np.float32)
        nearer = distance < best[window]
        second[window] = np.where(nearer, best[window], np.minimum(second[window], distance))
        best[window] = np.where(nearer, distance, best[window])
        owner[window] = np.where(nearer, i, owner[window])
    return best, second, owner


def _offset(best: np.ndarray, free: np.ndarray, margin: int, target: float) -> float:
    """How far (µm) all glands must swell or shrink to cover the target share of the field."""
    seen = (slice(margin, best.shape[0] - margin), slice(margin, best.shape[1] - margin))
    distances = np.where(free[seen], best[seen], _FAR)
    return float(np.clip(np.quantile(distances, target), -_MAX_OFFSET, _MAX_OFFSET))


def _tidy(labels: np.ndarray, n: int, margin: int, mpp: float) -> tuple[np.ndarray, list[int]]:
    """Round the glands, make each one piece without holes, drop those hardly seen."""
    tidy = np.zeros_like(labels)
    seen = np.zeros(labels.shape, bool)
    seen[margin : labels.shape[0] - margin, margin : labels.shape[1] - margin] = True
    pad = int(6 / mpp) + 1
    kept: list[int] = []
    for i, window in enumerate(ndimage.find_objects(labels, max_label=n)):
        if window is None:
            continue
        window = tuple(
            slice(max(0, w.start - pad), min(size, w.stop + pad))
            for w, size in zip(window, labels.shape, strict=True)
        )
        mask = labels[window] == i + 1
        mask = ndimage.gaussian_filter(mask.astype(np.float32), 2.5 / mpp, mode="nearest") > 0.5
        mask = ndimage.binary_fill_holes(_largest_piece(mask))
        mask &= tidy[window] == 0
        mask = _largest_piece(mask)
        visible = (mask & seen[window]).sum() * mpp**2
        if not mask.any() or 0 < visible < _SMALLEST_VISIBLE:
            continue
        kept.append(i)
        tidy[window][mask] = len(kept)
    return tidy, kept


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    pieces, n = ndimage.label(mask)
    if n <= 1:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
