"""The method on one split, stage by stage: nothing here knows of a mask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from scipy import ndimage as ndi

from napari_glands.errors import GlandsError
from napari_glands.evaluation.records import Labels
from napari_glands.evaluation.split import Split
from napari_glands.exterior import ExteriorMap, apply_exterior, fit_exterior
from napari_glands.priors import Priors, grow_priors, mine_priors
from napari_glands.priors.decisions import gland_area
from napari_glands.progress import CancelToken, Report, ignore
from napari_glands.segmentation import Model, Prediction, predict, train
from napari_glands.segmentation.instances import gland_instances
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["METHOD", "Labeller", "Stopwatch", "instances_of"]

METHOD = (
    "exterior cluster, filled",
    "prior interiors",
    "priors with their exterior",
    "glands",
    "grown prior interiors",
)
"""The stages of the method, in their order."""

# What a step makes depends on its own settings and on those before it.
_STEPS = ("general", "exterior", "priors", "train", "predict")

T = TypeVar("T")


class Stopwatch:
    """Seconds by name of the work; the same name adds up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the time that the block takes."""
        clock = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - clock


class Labeller:
    """Learns from the pixels of the images that teach, and labels all images of a split.

    What was made last with given settings is kept, so that runs which differ in a later step
    only share the earlier ones.

    Parameters
    ----------
    slides
        All images.
    split
        Which of them teach.
    scored
        Positions of the images to label; all when not given.
    report, cancel
        Progress and cancel request.
    """

    def __init__(
        self,
        slides: Sequence[Slide],
        split: Split,
        *,
        scored: Sequence[int] | None = None,
        report: Report = ignore,
        cancel: CancelToken | None = None,
    ) -> None:
        self.slides = slides
        self.split = split
        self.scored = range(len(slides)) if scored is None else scored
        self.watch = Stopwatch()
        self.report = report
        self.cancel = cancel or CancelToken()
        self._kept: dict[str, tuple[str, object]] = {}

    def labels(self, stage: str, settings: Settings) -> Labels:
        """Label the images with one of the stages in `METHOD`."""
        if stage == "glands":
            return {i: p.glands for i, p in self.predictions(settings).items()}
        if stage == "grown prior interiors":
            return self._grown(settings)
        if stage == "prior interiors":
            return {i: _interiors(self.priors(settings)[i]) for i in self.scored}
        if stage == "priors with their exterior":
            priors = self.priors(settings)
            masks = {i: gland_area(priors[i], settings) for i in self.scored}
        else:
            maps = self.exteriors(settings)
            masks = {
                i: ndi.binary_fill_holes(maps[i].clusters == maps[i].cluster) for i in self.scored
            }
        return {i: instances_of(mask, self.slides[i], settings) for i, mask in masks.items()}

    def exteriors(self, settings: Settings) -> list[ExteriorMap]:
        """Run stage 1 on the images that teach and map all images with it."""

        def make() -> list[ExteriorMap]:
            model = fit_exterior(
                self._teachers(self.slides), settings, report=self.report, cancel=self.cancel
            )
            return [apply_exterior(model, slide, cancel=self.cancel) for slide in self.slides]

        if settings.exterior.network != "shared":
            raise GlandsError(
                "A network per image cannot be applied to the images that are left out: choose "
                "--network shared for a benchmark."
            )
        return self._once("exterior", settings, make)

    def priors(self, settings: Settings) -> list[Priors]:
        """Mine the priors of all images."""
        maps = self.exteriors(settings)

        def make() -> list[Priors]:
            return [
                mine_priors(slide, found, settings, cancel=self.cancel)
                for slide, found in zip(self.slides, maps, strict=True)
            ]

        return self._once("priors", settings, make)

    def model(self, settings: Settings) -> Model:
        """Train stage 2 on the images that teach."""
        priors = self.priors(settings)

        def make() -> Model:
            model = train(
                self._teachers(self.slides),
                self._teachers(priors),
                settings,
                report=self.report,
                cancel=self.cancel,
            )
            self.cancel.check()  # a cancelled training returns what it has; that is no result
            return model

        return self._once("train", settings, make)

    def predictions(self, settings: Settings) -> dict[int, Prediction]:
        """Predict the images."""
        model = self.model(settings)

        def make() -> dict[int, Prediction]:
            return {
                i: predict(model, self.slides[i], settings, cancel=self.cancel) for i in self.scored
            }

        return self._once("predict", settings, make)

    def _grown(self, settings: Settings) -> Labels:
        priors = self.priors(settings)
        found = {
            i: grow_priors(priors[i], p.probability, p.glands, settings)
            for i, p in self.predictions(settings).items()
        }
        return {i: _interiors(p) for i, p in found.items()}

    def _teachers(self, items: Sequence[T]) -> list[T]:
        return [items[i] for i in self.split.taught]

    def _once(self, step: str, settings: Settings, make: Callable[[], T]) -> T:
        """Make something, unless it was what was made last with settings that agree."""
        key = settings.model_dump_json(include=set(_STEPS[: _STEPS.index(step) + 1]))
        if step not in self._kept or self._kept[step][0] != key:
            with self.watch.timing(step):
                self._kept[step] = (key, make())
        return self._kept[step][1]  # type: ignore[return-value]


def _interiors(priors: Priors) -> np.ndarray:
    """Labels of the priors in use."""
    return np.where(priors.used, priors.labels, 0)


def instances_of(mask: np.ndarray, slide: Slide, settings: Settings) -> np.ndarray:
    """Split and clean a mask (y, x) at the working resolution, as the method's own maps are."""
    grid = slide.grid(settings.general.working_mpp)
    return gland_instances(mask.astype(np.float32), grid, settings.predict)
