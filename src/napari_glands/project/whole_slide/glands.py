"""The glands of a large slide: split block by block, numbered once, never put together by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_glands.project.whole_slide.building import (
    Building,
    Stage,
    digest_of,
    joined_digest,
    open_array,
)
from napari_glands.segmentation.instances import INSTANCE_HALO_UM, block_instances
from napari_glands.settings import PredictSettings
from napari_glands.slides import Block, Grid, blocks
from napari_glands.workers import Check, Crew, Facts

__all__ = ["split_glands"]

_SIDE = 2048
_CHUNK = 512


def split_glands(
    probability: Path,
    grid: Grid,
    settings: PredictSettings,
    building: Building,
    slide_name: str,
    crew: Crew,
) -> tuple[Path, int, str]:
    """Split a probability map into glands.

    First every block numbers its glands by where their peaks lie on the slide, so that two blocks
    call one gland the same; then the numbers become 1..n.

    Returns
    -------
    glands : Path
        int32 (y, x) zarr array.
    count : int
        Number of glands.
    content : str
        Digest of the labels.

    Raises
    ------
    GlandsError, Cancelled
        As `Stage.run`.
    """
    tile = (_CHUNK, _CHUNK)
    places = building.array("places", grid.shape, np.int64, tile)
    glands = building.array("glands/0", grid.shape, np.int32, tile)
    halo = round(grid.pixels(INSTANCE_HALO_UM))
    split = Stage(building, "split", "predict", f"Splitting the glands of {slide_name}")
    number = Stage(building, "number", "predict", f"Numbering the glands of {slide_name}")
    parts = blocks(grid.shape, _SIDE, halo)
    work = _SplitBlock(probability, places, grid, settings)
    found = split.run(work, parts, crew)
    numbers = np.unique(np.concatenate([facts["numbers"] for facts in found]))
    facts = number.run(_NumberBlock(places, glands, numbers), parts, crew)
    return glands, len(numbers), joined_digest(facts)


@dataclass(frozen=True, eq=False)
class _SplitBlock:
    """Split the glands of one block."""

    probability: Path
    places: Path
    grid: Grid
    settings: PredictSettings

    def read(self, block: Block) -> np.ndarray:
        return open_array(self.probability)[block.padded.slices].astype(np.float32)

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        glands = block_instances(
            data, block.padded, block.core, self.grid.shape, self.grid, self.settings
        )
        open_array(self.places, "r+")[block.core.slices] = glands
        return {"numbers": np.unique(glands[glands > 0])}


@dataclass(frozen=True, eq=False)
class _NumberBlock:
    """Call the glands of one block 1..n."""

    places: Path
    glands: Path
    numbers: np.ndarray

    def read(self, block: Block) -> np.ndarray:
        return open_array(self.places)[block.core.slices]

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        labels = np.searchsorted(self.numbers, data).astype(np.int32) + np.int32(1)
        labels[data == 0] = 0
        open_array(self.glands, "r+")[block.core.slices] = labels
        return {"digest": digest_of(labels)}
