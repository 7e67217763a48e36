"""Where the tiles of a prediction lie, and how much each says about a pixel."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from napari_glands.segmentation.network import STRIDE
from napari_glands.settings import PredictSettings
from napari_glands.slides import Window, is_large

__all__ = ["Axis", "Lattice", "Tile"]

_LARGEST_CORE = 4096  # pixels: about 1 GB of work for a block, and few tiles that two blocks share


@dataclass(frozen=True)
class Axis:
    """Tiles one after the other along one axis of a slide.

    Attributes
    ----------
    tile
        Pixels of a tile, a multiple of the network's stride.
    stride
        Pixels from the start of a tile to that of the next.
    count
        Number of tiles; the last one may reach beyond the slide.
    """

    tile: int
    stride: int
    count: int

    @classmethod
    def regular(cls, length: int, tile: int, overlap: int) -> Axis:
        """Lay tiles at fixed places, wherever the far end is; one tile for what fits into one."""
        if length <= tile:
            side = _ceil(length, STRIDE) * STRIDE
            return cls(side, side, 1)
        stride = tile - overlap
        return cls(tile, stride, _ceil(length - overlap, stride))

    @classmethod
    def even(cls, length: int, tile: int, overlap: int) -> Axis:
        """Lay as many tiles as needed, and make them no larger than needed."""
        count = cls.regular(length, tile, overlap).count
        if count == 1:
            return cls.regular(length, tile, overlap)
        stride = _ceil(_ceil(length - overlap, count), STRIDE) * STRIDE
        return cls.regular(length, stride + overlap, overlap)

    def start(self, index: int) -> int:
        """First pixel of a tile."""
        return index * self.stride

    def touching(self, start: int, stop: int) -> range:
        """Return the tiles that hold any of the pixels from `start` to before `stop`."""
        first = max(0, (start - self.tile) // self.stride + 1)
        return range(first, min(self.count, _ceil(stop, self.stride)))

    def weights(self, index: int) -> np.ndarray:
        """Share of a tile in the answer for each of its pixels, float32.

        The shares of all tiles add up to 1 at every pixel: 1 where a tile is alone, and a slope
        across what two tiles share.
        """
        place = np.arange(self.tile)
        overlap = max(1, self.tile - self.stride)

        def slope(k: int) -> np.ndarray:
            inside = place + (index - k) * self.stride  # in pixels of tile k
            return np.clip((np.minimum(inside, self.tile - 1 - inside) + 0.5) / overlap, 0, 1)

        reach = _ceil(self.tile, self.stride) - 1
        others = range(max(0, index - reach), min(self.count, index + reach + 1))
        return (slope(index) / sum(slope(k) for k in others)).astype(np.float32)


@dataclass(frozen=True)
class Tile:
    """One tile of a lattice.

    Attributes
    ----------
    index
        Row and column among the tiles of the slide.
    window
        Its pixels; it may reach beyond the slide.
    """

    index: tuple[int, int]
    window: Window


@dataclass(frozen=True)
class Lattice:
    """The tiles of one slide.

    They lie where they lie whatever part of the slide is predicted, so the answer for a pixel does
    not depend on which part that was.

    Attributes
    ----------
    rows, columns
        The two axes.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def over(cls, shape: tuple[int, int], settings: PredictSettings, mpp: float) -> Lattice:
        """Lay tiles over an array of some rows and columns and µm per pixel.

        What is predicted in one piece is divided evenly, which is less work; what is predicted
        block by block has square tiles, for square blocks to fit on.
        """
        lay = cls.square if is_large(shape) else cls.even
        return lay(shape, settings, mpp)

    @classmethod
    def even(cls, shape: tuple[int, int], settings: PredictSettings, mpp: float) -> Lattice:
        """Divide both axes of an array evenly."""
        size = _tile_and_overlap(settings, mpp)
        return cls(Axis.even(shape[0], *size), Axis.even(shape[1], *size))

    @classmethod
    def square(cls, shape: tuple[int, int], settings: PredictSettings, mpp: float) -> Lattice:
        """Lay square tiles, of the size at which the least lies beyond the array."""
        largest, overlap = _tile_and_overlap(settings, mpp)
        smallest = max(overlap + STRIDE, _ceil(largest * 3 // 4, STRIDE) * STRIDE)
        sizes = range(largest, smallest - 1, -STRIDE)
        lattices = [
            cls(Axis.regular(shape[0], side, overlap), Axis.regular(shape[1], side, overlap))
            for side in sizes
        ]
        return min(lattices, key=lambda lattice: lattice.pixels)

    @property
    def pixels(self) -> int:
        """Pixels of all tiles together."""
        return self.rows.count * self.columns.count * self.rows.tile * self.columns.tile

    @property
    def core_side(self) -> int:
        """Side in pixels of the blocks to work in: their borders are those of tiles."""
        stride = self.rows.stride
        return max(1, _LARGEST_CORE // stride) * stride

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a tile."""
        return self.rows.tile, self.columns.tile

    def tiles(self, core: Window) -> list[Tile]:
        """Return the tiles that say something about a window, row by row."""
        indices = itertools.product(
            self.rows.touching(core.y, core.bottom), self.columns.touching(core.x, core.right)
        )
        return [Tile((i, j), self._window(i, j)) for i, j in indices]

    def extent(self, core: Window, shape: tuple[int, int]) -> Window:
        """Return what the tiles of a window look at of an array of some rows and columns."""
        tiles = self.tiles(core)
        top, left = tiles[0].window.y, tiles[0].window.x
        bottom = min(shape[0], tiles[-1].window.bottom)
        right = min(shape[1], tiles[-1].window.right)
        return Window(top, left, bottom - top, right - left)

    def _window(self, i: int, j: int) -> Window:
        return Window(self.rows.start(i), self.columns.start(j), *self.tile)


def _tile_and_overlap(settings: PredictSettings, mpp: float) -> tuple[int, int]:
    """Pixels of a tile and of what it shares with the next, multiples of the network's stride."""
    tile = max(1, round(settings.tile_um / mpp / STRIDE)) * STRIDE
    overlap = round(tile * settings.overlap / STRIDE) * STRIDE
    return tile, min(overlap, tile - STRIDE)


def _ceil(a: int, b: int) -> int:
    """Divide and round up."""
    return -(-a // b)
