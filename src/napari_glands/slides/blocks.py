"""Cutting what is too large to hold at once into blocks that are worked on one by one."""

from __future__ import annotations

from dataclasses import dataclass

from napari_glands.slides.grid import Grid, Window

__all__ = ["LARGEST_WHOLE", "Block", "blocks", "is_large"]

LARGEST_WHOLE = 4096 * 4096
"""Pixels at the working resolution up to which a slide is worked on in one piece."""


@dataclass(frozen=True)
class Block:
    """One of the parts that cover an array without overlap.

    Attributes
    ----------
    index
        Row and column of the block among all.
    core
        What is made of this block; the cores of all blocks are the array.
    padded
        What is looked at for it: the core and what surrounds it.
    """

    index: tuple[int, int]
    core: Window
    padded: Window

    @property
    def name(self) -> str:
        """Text that names the block, for files and messages."""
        return f"{self.index[0]}-{self.index[1]}"


def blocks(shape: tuple[int, int], side: int, halo: int) -> list[Block]:
    """Cut an array into blocks, row by row.

    Parameters
    ----------
    shape
        Rows and columns of the array.
    side
        Side of a core in pixels; the last ones of a row or column may be smaller.
    halo
        Pixels around a core that are looked at too.
    """
    found = []
    for i, y in enumerate(range(0, shape[0], side)):
        for j, x in enumerate(range(0, shape[1], side)):
            core = Window(y, x, min(side, shape[0] - y), min(side, shape[1] - x))
            found.append(Block((i, j), core, core.widened(halo, shape)))
    return found


def is_large(grid: Grid | tuple[int, int]) -> bool:
    """Whether an array on a grid, or of a shape, is too large to be held in one piece."""
    rows, columns = grid.shape if isinstance(grid, Grid) else grid
    return rows * columns > LARGEST_WHOLE
