"""Random fields with a given grain: the raw material of synthetic tissue."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

__all__ = ["oriented_noise", "smooth_noise", "spaced_points"]

_DIRECTIONS = 8


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Return smooth Gaussian noise of mean 0 and variance 1.

    Parameters
    ----------
    rng
        Source of the randomness.
    shape
        Rows and columns.
    grain
        Typical size of a bump in pixels.

    Returns
    -------
    float32 array of that shape.
    """
    if grain < 3:
        white = rng.standard_normal(shape, dtype=np.float32)
        sigma = max(grain / 2, 0.3)
        smooth = ndimage.gaussian_filter(white, sigma)
        return smooth / max(float(smooth.std()), 1e-6)
    rows, columns = (_bumps(n, grain) for n in shape)
    heights = rng.standard_normal((rows.shape[1], columns.shape[1]))
    return (rows @ heights @ columns.T).astype(np.float32)


def _bumps(n: int, grain: float) -> np.ndarray:
    """Gaussian bumps one grain apart, one per column; the rows have unit length."""
    centres = np.arange(-2, n / grain + 3) * grain
    bumps = np.exp(-(((np.arange(n)[:, None] - centres) / (0.8 * grain)) ** 2) / 2)
    return bumps / np.linalg.norm(bumps, axis=1, keepdims=True)


def oriented_noise(
    rng: np.random.Generator, angle: np.ndarray, length: float, width: float
) -> np.ndarray:
    """Return noise drawn out into streaks along a direction that varies over the field.

    White noise is smoothed along a few fixed directions, and every pixel takes the two directions
    next to its own.

    Parameters
    ----------
    rng
        Source of the randomness.
    angle
        float (y, x): direction of the streaks in radians, 0 along x, counted towards y.
    length, width
        Gaussian widths of a streak along and across its direction, in pixels.

    Returns
    -------
    float32 array like `angle`, of variance about 1.
    """
    shape = angle.shape
    spectrum = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    fy = fft.fftfreq(shape[0])[:, None].astype(np.float32)
    fx = fft.rfftfreq(shape[1])[None, :].astype(np.float32)
    step = np.pi / _DIRECTIONS
    total = np.zeros(shape, np.float32)
    power = np.zeros(shape, np.float32)
    for k in range(_DIRECTIONS):
        along = fx * np.cos(k * step) + fy * np.sin(k * step)
        across = fy * np.cos(k * step) - fx * np.sin(k * step)
        damping = np.exp(-2 * np.pi**2 * ((length * along) ** 2 + (width * across) ** 2))
        streaks = fft.irfft2(spectrum * damping.astype(np.float32), s=shape)
        streaks /= max(float(streaks.std()), 1e-6)
        away = np.abs((angle - k * step + np.pi / 2) % np.pi - np.pi / 2)
        weight = np.maximum(0, 1 - away / step)
        total += weight * streaks
        power += weight**2
    return (total / np.sqrt(power)).astype(np.float32)


def spaced_points(
    rng: np.random.Generator, allowed: np.ndarray, spacing: float, attempts: float = 6.0
) -> np.ndarray:
    """Return random points of a mask, no two nearer than `spacing`.

    Parameters
    ----------
    rng
        Source of the randomness.
    allowed
        bool (y, x): where points may lie.
    spacing
        Smallest distance in pixels.
    attempts
        Candidates per point that would fit; more packs denser.

    Returns
    -------
    int array (n, 2) of rows and columns.
    """
    candidates = np.argwhere(allowed)
    wanted = int(attempts * len(candidates) / max(spacing, 1.0) ** 2) + 1
    candidates = rng.permutation(candidates)[:wanted]
    reach = max(int(np.ceil(spacing)), 1)
    around = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) < spacing
    taken = np.zeros(np.add(allowed.shape, 2 * reach), bool)
    points = []
    for y, x in candidates.tolist():
        if not taken[y + reach, x + reach]:
            taken[y : y + 2 * reach + 1, x : x + 2 * reach + 1] |= around
            points.append((y, x))
    return np.array(points, int).reshape(-1, 2)
