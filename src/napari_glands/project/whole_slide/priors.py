"""The priors of a large slide: mined block by block, settled and painted over the whole slide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.exterior.maps import ExteriorMap
from napari_glands.priors.blockwise import mine_block, mining_halo, sampled_ranks
from napari_glands.priors.candidates import Candidate, paint, prior_rows, settle
from napari_glands.priors.prior import Priors
from napari_glands.priors.ranks import TissueRanks
from napari_glands.priors.scores import RingScores
from napari_glands.progress import Event
from napari_glands.project.whole_slide.building import (
    Building,
    Stage,
    digest_of,
    joined_digest,
    open_array,
)
from napari_glands.settings import Settings
from napari_glands.slides import Block, Grid, Slide, Window, blocks
from napari_glands.slides.spreading import with_tissue
from napari_glands.workers import Check, Crew, Facts

__all__ = ["mine_large"]

_SIDE = 2048
_CHUNK = 512
_COLUMNS = 11  # numbers that describe a candidate
_PAINT_FROM = 0.9  # share of the progress bar at which the painting starts


def mine_large(
    slide: Slide,
    exterior: ExteriorMap,
    settings: Settings,
    building: Building,
    crew: Crew,
) -> tuple[Priors, str]:
    """Mine the priors of a large slide.

    Returns
    -------
    priors : Priors
        Its arrays lie in the building.
    pixels : str
        Digest of the arrays.

    Raises
    ------
    GlandsError, Cancelled
        As `Stage.run`.
    """
    grid, tile, name = exterior.grid, (_CHUNK, _CHUNK), building.name
    parts = with_tissue(slide, grid, blocks(grid.shape, _SIDE, mining_halo(grid, settings)))
    source = _Source(slide, grid, exterior.memberships, exterior.cluster - 1)
    cores = [block.core for block in parts]
    crew.cancel.check()
    ranks = sampled_ranks(source.pixels, source.exterior, grid, settings, cores)

    found: list[Candidate] = []
    for kind in ("rings", "pieces") if settings.priors.compact else ("rings",):
        if not found:
            stage = Stage(building, kind, "priors", f"Sweeping {slide.name}", slide.path)
            work = _MineBlock(source, ranks, settings, compact=kind == "pieces")
            facts = stage.run(work, parts, crew.part(0.0, _PAINT_FROM))
            found = [candidate for known in facts for candidate in _unpacked(known)]
    kept = settle(found)
    labels = building.array(f"{name}/0", grid.shape, np.int32, tile)
    plane = building.array(f"{name}/exterior", grid.shape, np.uint8, tile)
    stage = Stage(building, "paint", "priors", f"Painting the priors of {slide.name}")
    painter = _PaintBlock(source, _packed(kept), labels, plane)
    facts = stage.run(painter, parts, crew.part(_PAINT_FROM, 1 - _PAINT_FROM))
    arrays = open_array(labels), prior_rows(kept, grid), settings
    priors = Priors(slide.id, grid, *arrays, exterior=open_array(plane))
    crew.report(Event("priors", 1.0, f"{len(kept)} priors in {slide.name}"))
    return priors, joined_digest(facts)


@dataclass(frozen=True, eq=False)
class _Source:
    """What the priors of a slide are mined from."""

    slide: Slide
    grid: Grid
    memberships: Any
    plane: int

    def pixels(self, window: Window) -> np.ndarray:
        return self.slide.read_window(self.grid, window)

    def exterior(self, window: Window) -> np.ndarray:
        return np.asarray(self.memberships[self.plane, *window.slices])


@dataclass(frozen=True, eq=False)
class _MineBlock:
    """Find the candidates of one block."""

    source: _Source
    ranks: tuple[TissueRanks, ...]
    settings: Settings
    compact: bool

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        return self.source.pixels(block.padded), self.source.exterior(block.padded)

    def __call__(self, block: Block, data: tuple[np.ndarray, np.ndarray], check: Check) -> Facts:
        found = mine_block(
            *data,
            block.padded,
            block.core,
            self.source.grid,
            self.ranks,
            self.settings,
            compact=self.compact,
            on_level=check,
        )
        return _packed(found)


@dataclass(frozen=True, eq=False)
class _PaintBlock:
    """Paint the settled candidates of one block."""

    source: _Source
    kept: Facts
    labels: Path
    exterior: Path

    def read(self, block: Block) -> np.ndarray:
        return self.source.exterior(block.core)

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        numbers, near = _near(self.kept, block.core)
        labels = numbers[paint(near, block.core)]
        open_array(self.labels, "r+")[block.core.slices] = labels
        open_array(self.exterior, "r+")[block.core.slices] = data
        return {"digest": digest_of(labels, data)}


def _packed(candidates: Sequence[Candidate]) -> Facts:
    """Return candidates as arrays: one row of numbers each, and the bits of all masks."""
    rows = [
        (c.channel, c.level, c.box.y, c.box.x, *c.box.shape, *vars(c.scores).values(), len(c.bits))
        for c in candidates
    ]
    bits = [candidate.bits for candidate in candidates]
    return {
        "rows": np.array(rows, np.float64).reshape(len(rows), _COLUMNS),
        "bits": np.concatenate([np.empty(0, np.uint8), *bits]),
    }


def _unpacked(facts: Facts, chosen: Iterable[int] | None = None) -> list[Candidate]:
    """Return all candidates, or the chosen ones, of arrays from `_packed`."""
    rows, bits = facts["rows"], facts["bits"]
    ends = np.cumsum(rows[:, -1] if len(rows) else []).astype(np.int64)
    return [
        Candidate(
            int(rows[i, 0]),
            float(rows[i, 1]),
            Window(*(int(v) for v in rows[i, 2:6])),
            bits[int(ends[i]) - int(rows[i, -1]) : int(ends[i])],
            RingScores(*(float(v) for v in rows[i, 6:10])),
        )
        for i in (range(len(rows)) if chosen is None else chosen)
    ]


def _near(facts: Facts, window: Window) -> tuple[np.ndarray, list[Candidate]]:
    """Return the candidates whose boxes reach into a window, and 0 with their numbers from 1."""
    rows = facts["rows"]
    if not len(rows):
        return np.zeros(1, np.int32), []
    y, x, height, width = rows[:, 2:6].T
    down = (y < window.bottom) & (y + height > window.y)
    across = (x < window.right) & (x + width > window.x)
    chosen = np.flatnonzero(down & across)
    return np.concatenate([[0], chosen + 1]).astype(np.int32), _unpacked(facts, chosen)
