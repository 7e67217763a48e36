"""The glands of a large slide: split block by block, numbered once, never put together by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_glands.priors.curated import DECIDED, USED
from napari_glands.priors.gland import Glands
from napari_glands.project.whole_slide.building import (
    Building,
    Stage,
    digest_of,
    joined_digest,
    open_array,
)
from napari_glands.segmentation.curation import COVERED
from napari_glands.segmentation.instances import INSTANCE_HALO_UM, block_instances
from napari_glands.settings import PredictSettings
from napari_glands.slides import Block, Grid, Window, blocks
from napari_glands.slides.label_resampling import nearest_within
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
    former: Glands | None = None,
) -> tuple[Path, int, str]:
    """Split a probability map into glands.

    First every block numbers its glands by where their peaks lie on the slide, so that two blocks
    call one gland the same; then the numbers become 1..n. What the user decided on `former`
    glands, at whatever resolution, stands above what is found, as in `carry_over`: what was
    accepted or edited is there as it was, and what was rejected is not there.

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
    decided = _Decided.of(former, grid) if former is not None else None
    if decided is not None:
        compare = Stage(
            building,
            f"covered-{decided.name}",
            "predict",
            f"Keeping your decisions on {slide_name}",
        )
        shares = compare.run(_CompareBlock(places, decided, numbers), parts, crew)
        covered, pixels = (sum(facts[name] for facts in shares) for name in ("covered", "pixels"))
        numbers = numbers[covered <= COVERED * pixels]
        number = replace(number, name=f"number-{decided.name}")
    facts = number.run(_NumberBlock(places, glands, numbers, decided), parts, crew)
    count = len(np.unique(np.concatenate([known["labels"] for known in facts])))
    return glands, count, joined_digest(facts)


@dataclass(frozen=True, eq=False)
class _Decided:
    """What the user decided on glands of the slide.

    Attributes
    ----------
    labels
        int32 (y, x): their numbers, at the resolution at which they were decided on.
    used
        int32 (n,): the numbers of those that count, in ascending order.
    shape
        Rows and columns of the slide at the resolution of now.
    name
        Tells these decisions from others.
    """

    labels: np.ndarray
    used: np.ndarray
    shape: tuple[int, int]
    name: str

    @classmethod
    def of(cls, glands: Glands, grid: Grid) -> _Decided:
        """Take the decisions from glands."""
        labels = np.where(glands.decided, glands.labels, 0).astype(np.int32)
        used = np.array(glands.ids(DECIDED & USED), np.int32)
        return cls(labels, used, grid.shape, digest_of(labels, used).item()[:8])

    def within(self, window: Window) -> np.ndarray:
        """Return int32 (y, x): the numbers in a window of the slide."""
        return nearest_within(self.labels, self.shape, window)


@dataclass(frozen=True, eq=False)
class _CompareBlock:
    """Count the pixels of each gland, and those on what was decided, in one block."""

    places: Path
    decided: _Decided
    numbers: np.ndarray

    def read(self, block: Block) -> np.ndarray:
        return open_array(self.places)[block.core.slices]

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        inside, count = data > 0, len(self.numbers)
        index = np.searchsorted(self.numbers, data[inside])
        on = self.decided.within(block.core)[inside] > 0
        return {
            "covered": np.bincount(index[on], minlength=count),
            "pixels": np.bincount(index, minlength=count),
        }


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
    """Call the glands of one block 1..n, and those that were decided on n + 1, ...."""

    places: Path
    glands: Path
    numbers: np.ndarray
    decided: _Decided | None

    def read(self, block: Block) -> np.ndarray:
        return open_array(self.places)[block.core.slices]

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        labels = _ranks(self.numbers, data)
        if self.decided is not None:
            stands = self.decided.within(block.core)
            used = _ranks(self.decided.used, stands)
            used[used > 0] += np.int32(len(self.numbers))
            labels = np.where(stands > 0, used, labels)
        open_array(self.glands, "r+")[block.core.slices] = labels
        return {"digest": digest_of(labels), "labels": np.unique(labels[labels > 0])}


def _ranks(numbers: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return int32 like `data`: 1 for the first of some numbers, …; 0 for what is none of them."""
    if not len(numbers):
        return np.zeros(data.shape, np.int32)
    place = np.minimum(np.searchsorted(numbers, data), len(numbers) - 1)
    return np.where(numbers[place] == data, place + 1, 0).astype(np.int32)
