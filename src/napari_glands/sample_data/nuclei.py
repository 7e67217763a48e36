"""Stamping cells: nuclei, vacuoles and other small ellipses."""

from __future__ import annotations

import numpy as np

__all__ = ["Spots"]


class Spots:
    """A layer of soft-edged ellipses of different tone.

    Parameters
    ----------
    shape
        Rows and columns.
    mpp
        µm per pixel.

    Attributes
    ----------
    cover
        float32 (y, x) in [0, 1]: how much of a spot lies on the pixel.
    tone
        float32 (y, x): value of the spot that covers the pixel most.
    """

    def __init__(self, shape: tuple[int, int], mpp: float) -> None:
        self.cover = np.zeros(shape, np.float32)
        self.tone = np.zeros(shape, np.float32)
        self.mpp = mpp

    def add(
        self,
        y: int,
        x: int,
        *,
        angle: float,
        half_length: float,
        half_width: float,
        tone: float,
        hollow: float = 0.0,
    ) -> None:
        """Stamp one ellipse.

        Parameters
        ----------
        y, x
            Its centre in pixels.
        angle
            Direction of its long axis in radians, 0 along x, counted towards y.
        half_length, half_width
            Semi-axes in µm.
        tone
            Its value.
        hollow
            Share by which the tone drops towards the centre (vesicular nuclei).
        """
        reach = int((half_length + 1.0) / self.mpp) + 1
        rows, columns = self.cover.shape
        y0, y1 = max(0, y - reach), min(rows, y + reach + 1)
        x0, x1 = max(0, x - reach), min(columns, x + reach + 1)
        dy = (np.arange(y0, y1, dtype=np.float32) - y)[:, None] * self.mpp
        dx = (np.arange(x0, x1, dtype=np.float32) - x)[None, :] * self.mpp
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u = (dx * cos + dy * sin) / np.float32(half_length)
        v = (dy * cos - dx * sin) / np.float32(half_width)
        radius = np.sqrt(u * u + v * v)
        # The edge is about 0.8 µm soft across the short axis.
        cover = np.clip((1 - radius) * np.float32(half_width / 0.8) + 0.5, 0, 1)
        window = (slice(y0, y1), slice(x0, x1))
        stronger = cover > self.cover[window]
        value = np.float32(tone)
        if hollow:
            value = value * (1 - np.float32(hollow) * np.clip(1 - radius * radius, 0, 1))
        self.tone[window] = np.where(stronger, value, self.tone[window])
        self.cover[window] = np.maximum(self.cover[window], cover)
