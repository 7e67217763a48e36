"""Stage 1 against the published recipe: seconds per image, and the priors that come of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from napari_glands.evaluation.metrics import interior_precision
from napari_glands.evaluation.peers import PUBLISHED_RECIPE
from napari_glands.exterior import ExteriorMap, choose_device, cluster_exterior
from napari_glands.priors import mine_priors
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["prior_quality", "published_exterior", "stage1_speedup"]


def stage1_speedup(
    slides: Sequence[Slide],
    settings: Settings,
    truths: Sequence[np.ndarray] | None = None,
    seeds: int = 3,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Measure how much faster stage 1 is than the published recipe, and what priors both give.

    At each seed both run in turn, with all their iterations, down to the exterior maps. Ours is
    timed with one network for all images, and for the first image alone.

    Parameters
    ----------
    slides
        Images of one size.
    settings
        Settings of all steps; the seed is replaced.
    truths
        Instance masks (y, x) of the images, for scoring only. With them the published recipe runs
        on every image, not only on the first, and its maps are mined for priors as ours are.
    seeds
        Number of repeats, each with another seed.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    dict
        Median seconds per image, ratios, the conditions and, with masks, precision and coverage of
        the prior interiors over all images and seeds.

    Raises
    ------
    Cancelled
        On a cancel request.
    """
    cancel = cancel or CancelToken()
    shared, alone, published = _Runs(), _Runs(), _Runs()
    for seed in range(seeds):
        report(Event("speed", seed / seeds, f"Stage 1 and the published recipe, seed {seed}"))
        wishes = settings.updated("general", seed=seed)

        def ours(images: Sequence[Slide], wishes: Settings = wishes) -> list[ExteriorMap]:
            return cluster_exterior(images, wishes, cancel=cancel)

        def theirs(images: Sequence[Slide], wishes: Settings = wishes) -> list[ExteriorMap]:
            return [published_exterior(image, wishes, cancel=cancel) for image in images]

        shared.time(ours, slides)
        published.time(theirs, slides if truths is not None else slides[:1])
        alone.time(ours, slides[:1])
    result = {
        "device": choose_device(settings.general.device).reason,
        "threads": torch.get_num_threads(),
        "images": len(slides),
        "image_shape": list(slides[0].shape),
        "seeds": seeds,
        "published_iterations": PUBLISHED_RECIPE["iterations"],
        "stage1_seconds_per_image": round(shared.seconds, 2),
        "stage1_seconds_one_image_alone": round(alone.seconds, 2),
        "published_recipe_seconds_per_image": round(published.seconds, 2),
        "stage1_speedup": round(published.seconds / shared.seconds, 1),
        "stage1_speedup_one_image_alone": round(published.seconds / alone.seconds, 1),
    }
    if truths is not None:
        for name, runs in (("stage1", shared), ("published_recipe", published)):
            found = prior_quality(slides, runs.maps, truths)
            result |= {f"{name}_prior_{figure}": value for figure, value in found.items()}
    return result


def published_exterior(
    slide: Slide, settings: Settings, *, cancel: CancelToken | None = None
) -> ExteriorMap:
    """Map one image by the published recipe: full resolution, a network of its own, 3 × 128.

    The exterior is its darkest cluster of at least the smallest area.
    """
    recipe = settings.updated("general", working_mpp=slide.mpp).updated(
        "exterior", **PUBLISHED_RECIPE, exterior_cluster=None
    )
    found = cluster_exterior([slide], recipe, cancel=cancel)[0]
    # Clusters are numbered from the darkest.
    large = [e.cluster for e in found.evidence if e.area >= recipe.exterior.min_cluster_area]
    return found.with_cluster(large[0]) if large else found


def prior_quality(
    slides: Sequence[Slide], maps: Sequence[Sequence[ExteriorMap]], truths: Sequence[np.ndarray]
) -> dict[str, float]:
    """Mine the maps of every run, and score the prior interiors over all of them.

    Parameters
    ----------
    slides
        The images.
    maps
        By run, the exterior maps of the images in their order.
    truths
        Instance masks (y, x) of the images.

    Returns
    -------
    dict
        ``precision`` and ``coverage``: means over the runs; ``..._spread``: largest less smallest.
    """
    scores = []
    for run in maps:
        priors = [mine_priors(slide, found) for slide, found in zip(slides, run, strict=True)]
        scores.append(interior_precision([np.where(p.used, p.labels, 0) for p in priors], truths))
    figures = {}
    for name in ("precision", "coverage"):
        values = [getattr(score, name) for score in scores]
        figures[name] = round(float(np.mean(values)), 4)
        figures[f"{name}_spread"] = round(float(np.ptp(values)), 4)
    return figures


class _Runs:
    """The maps of some runs, and the time they took."""

    def __init__(self) -> None:
        self.maps: list[list[ExteriorMap]] = []
        self._per_image: list[float] = []

    def time(
        self, work: Callable[[Sequence[Slide]], list[ExteriorMap]], slides: Sequence[Slide]
    ) -> None:
        clock = time.perf_counter()
        self.maps.append(work(slides))
        self._per_image.append((time.perf_counter() - clock) / len(slides))

    @property
    def seconds(self) -> float:
        """Median seconds per image."""
        return median(self._per_image)
