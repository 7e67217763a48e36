"""The quality benchmark: every stage of the method and two plain peers, on the same images.

Masks are asked for only after the last label has been made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage as ndi
from skimage import filters

from napari_glands.evaluation.metrics import interior_precision
from napari_glands.evaluation.report import EvaluationReport, evaluate
from napari_glands.exterior import cluster_exterior, haematoxylin_preview
from napari_glands.priors import mine_priors
from napari_glands.priors.proposals import gland_area
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.segmentation import predict, train
from napari_glands.segmentation.instances import gland_instances
from napari_glands.settings import Settings
from napari_glands.slides import Slide
from napari_glands.slides.label_resampling import nearest

__all__ = ["QualityReport", "benchmark_quality"]


@dataclass(frozen=True)
class QualityReport:
    """Figures of one seed.

    Attributes
    ----------
    seed
        The seed.
    stages
        Evaluation of each stage and peer, by its name; ``"glands"`` is the method's result.
    interior_precision, interior_coverage
        Share of the prior interiors that is gland, and of the gland pixels that they cover.
    """

    seed: int
    stages: dict[str, EvaluationReport]
    interior_precision: float
    interior_coverage: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return {
            "seed": self.seed,
            "interior_precision": self.interior_precision,
            "interior_coverage": self.interior_coverage,
            "stages": {name: report.to_dict() for name, report in self.stages.items()},
        }


def benchmark_quality(
    slides: Sequence[Slide],
    read_truths: Callable[[], Sequence[np.ndarray]],
    settings: Settings,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> QualityReport:
    """Run the method without labels, and only then score it.

    Parameters
    ----------
    slides
        The images.
    read_truths
        Called once, after all labels are made: int (y, x) instance masks at level 0, in the
        order of the slides.
    settings
        Settings of all steps.
    report, cancel
        Progress and cancel request.
    """
    exteriors = cluster_exterior(slides, settings, report=report, cancel=cancel)
    pairs = list(zip(slides, exteriors, strict=True))
    priors = [mine_priors(slide, exterior, settings, cancel=cancel) for slide, exterior in pairs]
    model = train(slides, priors, settings, report=report, cancel=cancel)
    predictions = [predict(model, slide, settings, cancel=cancel) for slide in slides]
    masks = {
        "all foreground": [np.ones(e.grid.shape, bool) for e in exteriors],
        "haematoxylin, Otsu, filled": [_otsu_filled(slide, settings) for slide in slides],
        "exterior cluster, filled": [
            ndi.binary_fill_holes(e.clusters == e.cluster) for e in exteriors
        ],
        "priors with their exterior": [gland_area(p, settings) for p in priors],
    }
    # Every peer is split and cleaned as the method's own probability maps are.
    labels = {
        name: [
            gland_instances(mask.astype(np.float32), exterior.grid, settings.predict)
            for mask, exterior in zip(maps, exteriors, strict=True)
        ]
        for name, maps in masks.items()
    }
    labels["glands"] = [prediction.glands for prediction in predictions]
    report(Event("evaluate", 0.0, "Reading the masks and scoring"))
    truths = read_truths()
    names = [slide.name for slide in slides]
    stages = {
        stage: evaluate(
            [nearest(m, truth.shape) for m, truth in zip(maps, truths, strict=True)],
            truths,
            names=names,
            mpp=slides[0].mpp,
        )
        for stage, maps in labels.items()
    }
    interior = interior_precision([p.used for p in priors], truths)
    return QualityReport(settings.general.seed, stages, interior.precision, interior.coverage)


def _otsu_filled(slide: Slide, settings: Settings) -> np.ndarray:
    stain = haematoxylin_preview(slide.read(settings.general.working_mpp))
    return ndi.binary_fill_holes(stain > filters.threshold_otsu(stain))
