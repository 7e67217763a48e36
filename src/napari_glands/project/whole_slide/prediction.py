"""The prediction of a large slide, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_glands.export.labels import build_label_pyramid
from napari_glands.priors.gland import Glands
from napari_glands.progress import Event
from napari_glands.project.whole_slide.building import (
    Building,
    Stage,
    digest_of,
    joined_digest,
    open_array,
)
from napari_glands.project.whole_slide.glands import split_glands
from napari_glands.segmentation import Model, predict
from napari_glands.segmentation.result import Prediction
from napari_glands.segmentation.whole_slides import BlockPredictor
from napari_glands.settings import Settings
from napari_glands.slides import Block, Grid, Slide, blocks, is_large
from napari_glands.slides.spreading import with_tissue
from napari_glands.stored import digest
from napari_glands.workers import Check, Crew, Facts

__all__ = ["LargePrediction", "predict_large", "predicted_in"]

_CHUNKS_PER_SIDE = 8  # so that no two blocks write to one chunk
_SPLIT_FROM = 0.7  # share of the progress bar at which the splitting starts


@dataclass(frozen=True, eq=False)
class LargePrediction:
    """A prediction whose arrays lie in a building.

    Attributes
    ----------
    prediction
        The prediction.
    glands
        Folder of its glands' label image, beside that of the prediction.
    count
        Number of glands.
    content
        Digest of probability and glands.
    """

    prediction: Prediction
    glands: Path
    count: int
    content: str


def predict_large(
    model: Model,
    slide: Slide,
    settings: Settings,
    building: Building,
    crew: Crew,
    former: Glands | None = None,
) -> LargePrediction:
    """Predict a large slide and split its glands; decisions on `former` ones stand.

    Raises
    ------
    GlandsError, Cancelled
        As `Stage.run`.
    """
    predictor = BlockPredictor.of(model, slide, settings, lambda _: crew.cancel.check())
    grid = slide.grid(predictor.mpp)

    probability, said = _predict_probability(
        predictor, slide, building, crew.part(0.0, _SPLIT_FROM)
    )
    splitting = crew.part(_SPLIT_FROM, 1 - _SPLIT_FROM)
    glands, count, found = split_glands(
        probability, grid, settings.predict, building, slide.name, splitting, former
    )
    for folder in (building.result, glands.parent):
        build_label_pyramid(folder, grid, cancel=crew.cancel)
    name = f"{model.name}@{model.checksum}"
    arrays = open_array(probability), open_array(glands)
    prediction = Prediction(slide.id, slide.name, grid, *arrays, name, settings, slide.mpp_source)
    crew.report(Event("predict", 1.0, f"{count} glands in {slide.name}"))
    return LargePrediction(prediction, glands.parent, count, digest([said, found]))


@contextmanager
def predicted_in(
    out: Path,
    model: Model,
    slide: Slide,
    settings: Settings,
    crew: Crew,
) -> Iterator[Prediction]:
    """Predict a slide of any size that belongs to no project.

    What a large slide needs meanwhile lies in a hidden folder of `out`; it goes at the end, and is
    gone on with when the work was cut off.
    """
    if not is_large(slide.grid(model.settings.general.working_mpp)):
        yield predict(model, slide, settings, report=crew.report, cancel=crew.cancel)
        return
    wish = [model.checksum, slide.checksum, slide.mpp, settings.predict.model_dump(mode="json")]
    building = Building.of(out / f".{slide.id}", "prediction", digest(wish))
    made = predict_large(model, slide, settings, building, crew)
    yield made.prediction
    building.drop()


def _predict_probability(
    predictor: BlockPredictor,
    slide: Slide,
    building: Building,
    crew: Crew,
) -> tuple[Path, str]:
    """Predict every pixel of a large slide.

    Returns
    -------
    probability : Path
        float16 (y, x) zarr array in [0, 1]; beside it lies ``0``, uint8: 1 above the threshold.
    content : str
        Digest of the two.

    Raises
    ------
    GlandsError, Cancelled
        As `Stage.run`.
    """
    grid, side = slide.grid(predictor.mpp), predictor.core_side
    tile = (side // _CHUNKS_PER_SIDE,) * 2
    probability = building.array("prediction/probability", grid.shape, np.float16, tile)
    mask = building.array("prediction/0", grid.shape, np.uint8, tile)
    work = _PredictBlock(slide, grid, predictor, probability, mask)
    stage = Stage(building, "predict", "predict", f"Predicting {slide.name}", slide.path)
    parts = with_tissue(slide, grid, blocks(grid.shape, side, 0))
    facts = stage.run(work, parts, crew)
    return probability, joined_digest(facts)


@dataclass(frozen=True, eq=False)
class _PredictBlock:
    """Predict one block."""

    slide: Slide
    grid: Grid
    predictor: BlockPredictor
    probability: Path
    mask: Path

    def read(self, block: Block) -> np.ndarray:
        return self.slide.read_window(self.grid, self.predictor.window(block.core))

    def __call__(self, block: Block, data: np.ndarray, check: Check) -> Facts:
        around = self.predictor.window(block.core)
        found = self.predictor.probability(
            lambda window: data[window.within(around).slices], block.core, lambda _: check()
        ).astype(np.float16)
        mask = (found > self.predictor.settings.predict.threshold).astype(np.uint8)
        open_array(self.probability, "r+")[block.core.slices] = found
        open_array(self.mask, "r+")[block.core.slices] = mask
        return {"digest": digest_of(found, mask)}
