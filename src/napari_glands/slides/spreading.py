"""Choosing some of many windows, evenly over where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari_glands.slides.blocks import Block, blocks
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.slide import Slide
from napari_glands.slides.tissue import tissue_mask, tissue_share

__all__ = ["cut", "spread", "tissue_windows", "with_tissue"]

_LEAST_TISSUE = 0.25  # share of a window


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
    side = max(max(window.shape) for window in windows)
    ordered = sorted(windows, key=lambda window: _along_curve(window.y // side, window.x // side))
    return [ordered[(2 * i + 1) * len(ordered) // (2 * most)] for i in range(most)]


def _along_curve(row: int, column: int) -> int:
    """Place of a cell along the curve: the bits of its row and column, interleaved."""
    bits = range(max(row, column).bit_length())
    return sum(((row >> n & 1) << (2 * n + 1)) | ((column >> n & 1) << (2 * n)) for n in bits)


def tissue_windows(
    slide: Slide, grid: Grid, side: int, least: float = _LEAST_TISSUE
) -> list[Window]:
    """Cut a slide into windows, and return those of which a share at least is tissue.

    Parameters
    ----------
    slide
        The slide.
    grid
        Of all of it; the windows are in its pixels.
    side
        Side of the windows in pixels.
    least
        The share.
    """
    windows = cut([Window(0, 0, *grid.shape)], side)
    shares = _tissue_shares(slide, grid, windows)
    return [window for window, share in zip(windows, shares, strict=True) if share >= least]


def with_tissue(slide: Slide, grid: Grid, parts: Sequence[Block]) -> list[Block]:
    """Leave out the blocks that show nothing but glass; none where all of the slide does.

    Parameters
    ----------
    slide
        The slide.
    grid
        Of all of it.
    parts
        Blocks of it; what surrounds them counts too.
    """
    shares = _tissue_shares(slide, grid, [block.padded for block in parts])
    return [block for block, share in zip(parts, shares, strict=True) if share > 0] or list(parts)


def _tissue_shares(slide: Slide, grid: Grid, windows: Iterable[Window]) -> list[float]:
    """Return the share of each window of a slide that is tissue."""
    mask, of_mask = tissue_mask(slide)
    regions = [_region(grid.window(window)) for window in windows]
    return [tissue_share(mask, of_mask, region) for region in regions]


def _region(grid: Grid) -> Region:
    """Return what a grid covers, in whole level-0 pixels."""
    return Region(*(round(n) for n in (*grid.origin, *grid.slide_shape)))
