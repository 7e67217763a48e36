"""The steps on one large slide of a project: made block by block, then moved into place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_glands.export.labels import build_label_pyramid
from napari_glands.progress import CancelToken, Report
from napari_glands.project.folder import Project
from napari_glands.project.whole_slide.exterior import map_exterior
from napari_glands.project.whole_slide.prediction import predict_large
from napari_glands.project.whole_slide.priors import mine_large
from napari_glands.workers import Workers

if TYPE_CHECKING:
    from napari_glands.exterior import ExteriorModel
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.segmentation import Model
    from napari_glands.settings import Settings
    from napari_glands.slides import Slide

__all__ = ["save_large_exterior", "save_large_prediction", "save_large_priors"]


def save_large_exterior(
    project: Project,
    slide: Slide,
    model: ExteriorModel,
    fingerprint: str,
    workers: Workers,
    report: Report,
    cancel: CancelToken,
) -> None:
    """Map the exterior of a large slide, and save it.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    clock = time.perf_counter()
    building = project.building(slide.id, "exterior", fingerprint)
    exterior, pixels = map_exterior(model, slide, building, workers, report, cancel)
    build_label_pyramid(building.result, exterior.grid)
    facts = {"fingerprint": fingerprint, "seconds": time.perf_counter() - clock}
    with project.saving(slide.id, "exterior") as store:
        store.write_exterior_facts(building.result, exterior, pixels=pixels, **facts)
        store.publish(building.result)
    building.drop()


def save_large_priors(
    project: Project,
    slide: Slide,
    exterior: ExteriorMap,
    settings: Settings,
    fingerprint: str,
    workers: Workers,
    report: Report,
    cancel: CancelToken,
) -> None:
    """Mine the priors of a large slide, and save them.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    clock = time.perf_counter()
    building = project.building(slide.id, "priors", fingerprint)
    priors, pixels = mine_large(slide, exterior, settings, building, workers, report, cancel)
    build_label_pyramid(building.result, priors.grid)
    facts = {"fingerprint": fingerprint, "seconds": time.perf_counter() - clock}
    with project.saving(slide.id, "priors") as store:
        store.write_prior_facts(building.result, priors, pixels=pixels, **facts)
        store.publish(building.result)
    building.drop()


def save_large_prediction(
    project: Project,
    slide: Slide,
    model: Model,
    settings: Settings,
    fingerprint: str,
    workers: Workers,
    report: Report,
    cancel: CancelToken,
) -> None:
    """Predict the glands of a large slide, and save them.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    clock = time.perf_counter()
    building = project.building(slide.id, "prediction", fingerprint)
    made = predict_large(model, slide, settings, building, workers, report, cancel)
    facts = {"fingerprint": fingerprint, "seconds": time.perf_counter() - clock}
    with project.saving(slide.id, "prediction") as store:
        store.publish_large_prediction(
            made.prediction,
            building.result,
            made.glands,
            made.content,
            {**facts, "count": made.count},
        )
    building.drop()
