"""Reading slides and results into memory, for the viewer; never on the interface's thread."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.project import Project
from napari_glands.slides import Slide, open_slide
from napari_glands.workbench.state import Shown

__all__ = ["load_shown", "open_file", "open_layer"]

# Slides up to this many pixels are held in memory, so that the viewer never waits for the disk.
_IN_MEMORY_PIXELS = 40_000_000


def open_layer(layer: Any, default_mpp: float) -> Slide:
    """Open a viewer's layer as a slide: from its file where that shows the same, else its data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        slide = open_slide(layer, default_mpp=default_mpp)
        path = layer.source.path
        if path is None or layer.source.sample is not None:
            return slide
        try:
            mpp = slide.mpp if slide.mpp_source == "metadata" else None
            filed = open_slide(path, mpp=mpp, default_mpp=default_mpp)
        except GlandsError:
            return slide
    return filed if filed.shape == slide.shape else slide


def load_shown(project: Project, slide_id: str, held: Shown | None) -> Shown:
    """Load a slide and its results; what `held` has of the same content is taken from there."""
    names = ("exterior", "priors", "prediction", "glands")
    facts = {name: project.facts(slide_id, name) for name in names}
    contents = {name: str(found["content"]) for name, found in facts.items() if found}
    if facts["exterior"]:
        contents["clusters"] = str(facts["exterior"]["fingerprint"])
    if facts["prediction"]:
        contents["probability"] = str(facts["prediction"]["probability"])
    same = held if held is not None and held.slide.id == slide_id else None
    slide = same.slide if same else project.slide(slide_id)

    def result(name: str) -> Any:
        if name not in contents:
            return None
        if same is not None and same.contents.get(name) == contents[name]:
            return getattr(same, name)
        return getattr(project, f"load_{name}")(slide_id)

    return Shown(
        slide=slide,
        pyramid=same.pyramid if same else _pyramid(slide),
        exterior=result("exterior"),
        priors=result("priors"),
        prediction=result("prediction"),
        glands=result("glands"),
        contents=contents,
    )


def _pyramid(slide: Slide) -> list[Any]:
    """Return the levels for the viewer, in memory where they are small."""
    return [
        np.asarray(level) if level.shape[0] * level.shape[1] <= _IN_MEMORY_PIXELS else level
        for level in slide.pyramid()
    ]


def open_file(path: Path, default_mpp: float) -> Slide:
    """Open an image file; one without a pixel size gets the default without a word."""
    with warnings.catch_warnings():  # the step asks for the pixel size instead
        warnings.simplefilter("ignore", UserWarning)
        return open_slide(path, default_mpp=default_mpp)
