"""The exterior map of a large slide, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_glands.exterior import ExteriorModel, choose_device
from napari_glands.exterior.maps import ExteriorMap
from napari_glands.exterior.sampling import Stain, stain_of
from napari_glands.exterior.stage1 import Clustering
from napari_glands.project.whole_slide.building import (
    Building,
    Stage,
    digest_of,
    joined_digest,
    open_array,
)
from napari_glands.slides import Block, Grid, Slide, blocks
from napari_glands.slides.spreading import with_tissue
from napari_glands.workers import Check, Crew, Facts

__all__ = ["map_exterior"]

_SIDE = 2048
_CHUNK = 512


def map_exterior(
    model: ExteriorModel,
    slide: Slide,
    building: Building,
    crew: Crew,
) -> tuple[ExteriorMap, str]:
    """Map a large slide with a trained model.

    Returns
    -------
    exterior : ExteriorMap
        Its arrays lie in the building.
    pixels : str
        Digest of the arrays.

    Raises
    ------
    GlandsError, Cancelled
        As `Stage.run`.
    """
    mpp, name = model.settings.general.working_mpp, building.name
    grid, clustering = slide.grid(mpp), model.clustering(slide)
    tile, planes = (_CHUNK, _CHUNK), (len(clustering.centres), *grid.shape)
    clusters = building.array(f"{name}/0", grid.shape, np.uint8, tile)
    memberships = building.array(f"{name}/memberships", planes, np.uint8, (1, *tile))
    wish = model.settings.general.device
    work = _MapBlock(slide, grid, clustering, wish, stain_of(slide, mpp), clusters, memberships)
    stage = Stage(building, "map", "exterior", f"Mapping {slide.name}", slide.path)
    parts = with_tissue(slide, grid, blocks(grid.shape, _SIDE, clustering.halo))
    facts = stage.run(work, parts, crew)
    arrays = open_array(clusters), open_array(memberships)
    chosen = model.chosen(clustering)
    exterior = ExteriorMap(slide.id, grid, *arrays, chosen, clustering.evidence, model.settings)
    return exterior, joined_digest(facts)


@dataclass(frozen=True, eq=False)
class _MapBlock:
    """Map one block."""

    slide: Slide
    grid: Grid
    clustering: Clustering
    device: str
    stain: Stain
    clusters: Path
    memberships: Path

    def read(self, block: Block) -> np.ndarray:
        return self.slide.read_window(self.grid, block.padded)

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        inner = block.core.within(block.padded).slices
        device = choose_device(self.device)
        clusters, memberships = self.clustering.map(data, self.stain, device, check)
        clusters, memberships = clusters[inner], memberships[:, *inner]
        open_array(self.clusters, "r+")[block.core.slices] = clusters
        open_array(self.memberships, "r+")[:, *block.core.slices] = memberships
        return {"digest": digest_of(clusters, memberships)}
