"""Reading slides and results into memory, for the viewer; never on the interface's thread."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.project import Project
from napari_glands.project.damage import DamagedResult
from napari_glands.project.facts import ResultName
from napari_glands.project.rounds import describe_change
from napari_glands.slides import ImagePath, Slide, is_large, open_slide
from napari_glands.slides.finding import why_unreadable
from napari_glands.slides.pictures import SeveralPictures
from napari_glands.slides.remarks import open_with_remarks
from napari_glands.workbench.overlays import overlays_of
from napari_glands.workbench.state import Shown

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.segmentation.result import Prediction

__all__ = ["load_shown", "open_file", "open_layer"]

# Slides up to this many pixels are held in memory, so that the viewer never waits for the disk.
_IN_MEMORY_PIXELS = 40_000_000
_AT_ONCE_PIXELS = 4_000_000


def open_layer(layer: Any, default_mpp: float) -> Slide:
    """Open a viewer's layer as a slide: from its file where that shows the same, else its data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        slide = open_slide(layer, default_mpp=default_mpp)
        path = layer.source.path
        if path is None or layer.source.sample is not None:
            return slide
        try:
            filed = open_slide(path, default_mpp=default_mpp)
        except GlandsError:
            return slide
        if slide.mpp_source == "metadata" and not math.isclose(filed.mpp, slide.mpp, rel_tol=1e-6):
            filed = filed.with_mpp(slide.mpp)  # the layer's scale, which the user may have set
    return filed if filed.shape == slide.shape else slide


def load_shown(project: Project, slide_id: str, held: Shown | None) -> Shown:
    """Load a slide and its results; what `held` has of the same content is taken from there."""
    facts, _ = project.all_facts(slide_id)
    contents: dict[str, str] = {
        name: str(found["content"]) for name, found in facts.items() if found
    }
    if facts["exterior"]:
        contents["clusters"] = str(facts["exterior"]["fingerprint"])
    if facts["prediction"]:
        contents["probability"] = str(facts["prediction"]["probability"])
    same = held if held is not None and held.slide.id == slide_id else None
    slide = same.slide if same else project.slide(slide_id)
    large = is_large(slide.grid(project.settings.general.working_mpp))

    def result(name: ResultName) -> Any:
        saved = facts[name]
        if saved is None or (name != "exterior" and (large or is_large(saved["grid"]))):
            return None
        held_now = getattr(same, name, None)
        if held_now is not None and same is not None and same.contents[name] == contents[name]:
            return held_now
        try:
            return getattr(project, f"load_{name}")(slide_id)
        except DamagedResult as error:
            damage.append(str(error))
            return None

    damage: list[str] = []

    glands = result("glands")
    return Shown(
        slide=slide,
        pyramid=_held_pyramid(held, slide) or _pyramid(slide.whole),
        exterior=result("exterior"),
        priors=result("priors"),
        prediction=_recounted(same, glands, contents) or result("prediction"),
        glands=glands,
        contents=contents,
        change=describe_change(project, slide_id),
        damage=tuple(damage),
        large=large,
        overlays=tuple(overlays_of(project, slide_id)) if large else (),
    )


def _held_pyramid(held: Shown | None, slide: Slide) -> list[Any]:
    """Return what is in the viewer, if it is of the same slide or of another region of it."""
    return held.pyramid if held is not None and held.slide.whole == slide.whole else []


def _recounted(
    held: Shown | None, glands: Glands | None, contents: dict[str, str]
) -> Prediction | None:
    """Return the held prediction with other glands; None where that is not what there is now.

    The probability of a large slide is not read again with every edit of its glands.
    """
    if held is None or held.prediction is None or glands is None:
        return None
    if held.contents.get("probability") != contents["probability"]:
        return None
    if held.contents.get("prediction") == contents["prediction"]:
        return held.prediction
    counted = np.where(glands.used, glands.labels, 0).astype(np.int32)
    return replace(held.prediction, glands=counted)


def _pyramid(slide: Slide) -> list[Any]:
    """Return the levels for the viewer; in memory of a small slide all, of a large one the small.

    A large slide is on show before all that would fit could be read.
    """
    levels = slide.arrays()
    held = [level.shape[0] * level.shape[1] for level in levels]
    most = _IN_MEMORY_PIXELS if held[0] <= _IN_MEMORY_PIXELS else _AT_ONCE_PIXELS
    return [
        np.asarray(level) if pixels <= most else level
        for level, pixels in zip(levels, held, strict=True)
    ]


def open_file(
    path: ImagePath, default_mpp: float, picture: int | None = None
) -> tuple[Slide, list[str]]:
    """Open an image file; return what is to be said about it, too.

    One without a pixel size gets the default: the step asks for it.

    Raises
    ------
    GlandsError
        When it cannot be read.
    """
    try:
        return open_with_remarks(path, default_mpp=default_mpp, picture=picture)
    except SeveralPictures:
        raise
    except GlandsError as error:
        raise GlandsError(why_unreadable(path, error)) from error
