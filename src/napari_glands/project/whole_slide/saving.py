"""The steps on one large slide of a project: made block by block, then moved into place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_glands.export.labels import build_label_pyramid
from napari_glands.project.folder import Project
from napari_glands.project.whole_slide.building import Building
from napari_glands.project.whole_slide.exterior import map_exterior
from napari_glands.project.whole_slide.prediction import predict_large
from napari_glands.project.whole_slide.priors import mine_large
from napari_glands.workers import Crew

if TYPE_CHECKING:
    from napari_glands.exterior import ExteriorModel
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.segmentation import Model
    from napari_glands.settings import Settings
    from napari_glands.slides import Slide

__all__ = ["save_large_exterior", "save_large_prediction", "save_large_priors"]


def save_large_exterior(
    project: Project, slide: Slide, model: ExteriorModel, fingerprint: str, crew: Crew
) -> None:
    """Map the exterior of a large slide, and save it.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    with _made(project, slide, "exterior", fingerprint) as (building, facts):
        exterior, pixels = map_exterior(model, slide, building, crew)
        build_label_pyramid(building.result, exterior.grid, cancel=crew.cancel)
        with project.saving(slide.id, "exterior") as store:
            store.write_exterior_facts(building.result, exterior, pixels=pixels, **facts())
            building.forget_blocks()
            store.publish(building.result)


def save_large_priors(
    project: Project,
    slide: Slide,
    exterior: ExteriorMap,
    settings: Settings,
    fingerprint: str,
    crew: Crew,
    *,
    replace_curated: bool = False,
) -> None:
    """Mine the priors of a large slide, and save them; a copy of the former ones is kept.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    with _made(project, slide, "priors", fingerprint) as (building, facts):
        priors, pixels = mine_large(slide, exterior, settings, building, crew)
        build_label_pyramid(building.result, priors.grid, cancel=crew.cancel)
        project.keep_former_priors(slide.id, replace_curated=replace_curated)
        with project.saving(slide.id, "priors") as store:
            store.write_prior_facts(building.result, priors, pixels=pixels, **facts())
            building.forget_blocks()
            store.publish(building.result)


def save_large_prediction(
    project: Project,
    slide: Slide,
    model: Model,
    settings: Settings,
    fingerprint: str,
    crew: Crew,
) -> None:
    """Predict the glands of a large slide, and save them; what the user decided on stays.

    Raises
    ------
    GlandsError, Cancelled
        What is finished is kept, and gone on with by the same call.
    """
    with _made(project, slide, "prediction", fingerprint) as (building, facts):
        while True:
            base, former = _decided(project, slide.id), project.former_glands(slide.id)
            made = predict_large(model, slide, settings, building, crew, former)
            with project.saving(slide.id, "prediction") as store:
                if _decided(project, slide.id) != base:
                    continue  # edited in the meantime: only the last passes are made again
                if (store.facts("glands") or {}).get("stateful"):  # of a coarser resolution
                    store.back_up("glands", passing=former is None)
                store.publish_large_prediction(
                    made.prediction,
                    building.result,
                    made.glands,
                    made.content,
                    {**facts(), "count": made.count},
                    former,
                    before=building.forget_blocks,
                )
                return


def _decided(project: Project, slide_id: str) -> str:
    """Return the content of a slide's glands, which changes with every decision on them."""
    return str((project.sound_facts(slide_id, "glands") or {}).get("content", ""))


@contextmanager
def _made(
    project: Project, slide: Slide, name: str, fingerprint: str
) -> Iterator[tuple[Building, Callable[[], dict[str, Any]]]]:
    """Give where a result grows, and what is said of it when it is finished; tidy up then."""
    began = time.perf_counter()
    building = project.building(slide.id, name, fingerprint)
    yield (
        building,
        lambda: {"fingerprint": fingerprint, "seconds": time.perf_counter() - began},
    )
    building.drop()
