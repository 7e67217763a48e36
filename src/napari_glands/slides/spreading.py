"""Choosing some of many windows, evenly over where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari_glands.slides.blocks import blocks
from napari_glands.slides.grid import Window

__all__ = ["cut", "spread"]


def cut(windows: Iterable[Window], side: int) -> list[Window]:
    """Cut windows into smaller ones of at most some side, row by row."""
    return [
        Window(window.y + block.core.y, window.x + block.core.x, *block.core.shape)
        for window in windows
        for block in blocks(window.shape, side, 0)
    ]


def spread(windows: Sequence[Window], most: int) -> list[Window]:
    """Choose at most so many of some windows, evenly over where they lie.

    They are taken at equal steps along a curve that fills the plane (Z-order, Morton 1966), so that
    neither rows nor columns are preferred, and the same windows give the same choice.
    """
    if len(windows) <= most:
        return list(windows)
    ordered = sorted(windows, key=_along_curve)
    return [ordered[(2 * i + 1) * len(ordered) // (2 * most)] for i in range(most)]


def _along_curve(window: Window) -> int:
    """Place of a window along the curve: the bits of row and column, interleaved."""
    bits = max(window.y, window.x).bit_length()
    return sum(
        ((window.y >> n & 1) << (2 * n + 1)) | ((window.x >> n & 1) << (2 * n)) for n in range(bits)
    )
