"""Everything a user can ask of a project, each with what is seen: a result, or a sentence."""

from __future__ import annotations

import hashlib
import json
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Seen", "look", "tell"]

Seen = tuple[str, str]
"""``("value", digest)``, ``("sentence", text)`` or ``("trace", traceback)``."""

RESULTS = ("exterior", "priors", "prediction", "glands")


def look(project: Path, names: dict[str, str]) -> dict[str, Seen]:
    """Look at all of a project, read only; return what was seen by what was looked at.

    Parameters
    ----------
    project
        Its folder.
    names
        Names of the slides by id, as they were before any damage.
    """
    from napari_glands.project import Project

    opened: list[Any] = []
    seen = {"open": tell(lambda: opened.append(Project.open(project, read_only=True)) or "open")}
    if opened:
        for what, ask in _questions(opened[0], names):
            seen[what] = tell(ask)
    return seen


def tell(ask: Callable[[], Any]) -> Seen:
    """Ask, and tell what came of it."""
    from napari_glands.errors import GlandsError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "value", _digest(ask())
    except GlandsError as error:
        return "sentence", str(error)
    except Exception:
        return "trace", traceback.format_exc()


def _questions(project: Any, names: dict[str, str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    from napari_glands.project.replacing import replaced_by
    from napari_glands.project.restoring import versions
    from napari_glands.project.rounds import describe_change
    from napari_glands.project.summary import summarise

    yield "slides", lambda: [entry.id for entry in project.slides]
    for slide in names:
        for result in ("exterior", "priors", "prediction", "glands"):
            load = getattr(project, f"load_{result}")
            yield f"{slide}/{result}", lambda load=load, slide=slide: _arrays(load(slide))
            yield (
                f"{slide}/{result}/levels",
                lambda slide=slide, result=result: [
                    np.asarray(level[...]) for level in project.label_levels(slide, result)[:1]
                ],
            )
        yield f"{slide}/pixels", lambda slide=slide: _corner(project.slide(slide))
        yield (
            f"{slide}/measurements",
            lambda slide=slide: project.load_measurements(slide).to_csv(index=False),
        )
        yield (
            f"{slide}/versions",
            lambda slide=slide: sorted(
                (v.path.name, _arrays(project.load_backup(slide, v.path)))
                for v in versions(project, slide)
            ),
        )
        yield f"{slide}/change", lambda slide=slide: describe_change(project, slide)
    for model in ("glands", "glands-previous", "other"):
        yield f"models/{model}", lambda model=model: _model(project.load_model(model))
        yield (
            f"models/{model}/facts",
            lambda model=model: [project.model_facts(model), project.start_model_name(model)],
        )
    yield "summary", lambda: [asdict(row) | {"seconds": 0} for row in summarise(project).rows]
    yield "replaced", lambda: str(replaced_by(project, "all", project.settings))


def _corner(slide: Any) -> list[Any]:
    from napari_glands.slides import Window

    grid = slide.grid(1.24)
    try:
        return [slide.shape, slide.mpp, slide.read_window(grid, Window(0, 0, 16, 16))]
    finally:
        slide.close()


def _model(model: Any) -> list[Any]:
    weights = model.network().state_dict()
    total = [float(tensor.double().abs().sum()) for tensor in weights.values()]
    return [model.checksum, model.name, total]


def _arrays(result: Any) -> list[Any]:
    """Return what is in a result: its arrays whole, its rows, where it lies."""
    planes = {
        name: np.asarray(getattr(result, name)[...])
        for name in ("clusters", "memberships", "labels", "marks", "probability", "glands")
        if hasattr(result, name)
    }
    if not hasattr(result, "memberships") and hasattr(result, "exterior"):
        planes["exterior"] = np.asarray(result.exterior[...])
    rows = [asdict(row) for row in getattr(result, "table", ())]
    grid = result.grid
    place = [grid.shape, grid.slide_shape, grid.slide_mpp, grid.origin]
    own = [getattr(result, name, None) for name in ("slide_id", "cluster", "model")]
    return [planes, rows, place, own]


def _digest(value: Any) -> str:
    digest = hashlib.sha256()

    def plain(thing: Any) -> Any:
        if isinstance(thing, np.ndarray):
            digest.update(np.ascontiguousarray(thing).tobytes())
            return [str(thing.dtype), list(thing.shape)]
        return thing.item() if hasattr(thing, "item") else str(thing)

    text = json.dumps(value, default=plain, sort_keys=True)
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
