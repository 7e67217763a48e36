"""A small finished project in which everything occurs once, made by the quickest settings."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_glands.settings import Settings

__all__ = ["FAST", "LIMIT", "Material", "make_material", "small_blocks", "write_images"]

LIMIT = 20_000
"""Pixels at the working resolution above which slides are made block by block here."""

FAST = Settings.model_validate(
    {
        "general": {"device": "cpu"},
        "exterior": {"iterations": 3, "channels": 4, "layers": 1, "batch_size": 2, "crop_um": 60},
        "priors": {
            "levels": 4, "min_area_um2": 60, "min_solidity": 0.3, "min_ring": 0.2,
            "min_score": 0, "min_stain_score": 0,
        },
        "train": {
            "encoder": "mobilenet_v2", "depth": 3, "iterations": 2, "rounds": 1,
            "weights": "none", "batch_size": 2, "crop_um": 80,
        },
        "predict": {"flips": False, "tile_um": 120.0, "min_gland_um2": 60, "threshold": 0.4},
    }
)  # fmt: skip


def small_blocks() -> None:
    """Let this process work on all but small slides block by block, in small blocks."""
    for name in ("napari_glands.slides.blocks", "napari_glands.slides"):
        import_module(name)  # the package has a function of the module's name
        vars(sys.modules[name])["LARGEST_WHOLE"] = LIMIT
    for module in ("exterior", "glands", "priors"):
        with contextlib.suppress(ImportError):
            found = import_module(f"napari_glands.project.whole_slide.{module}")
            for name, value in (("_SIDE", 96), ("_CHUNK", 48)):
                if hasattr(found, name):
                    setattr(found, name, value)


@dataclass(frozen=True)
class Material:
    """Where the finished project and its images are.

    Attributes
    ----------
    folder
        Holds ``study.glands`` and ``images``.
    names
        Names of the slides by id.
    stages
        What every command of the way found and left; empty unless somebody asks for them.
    """

    folder: Path
    names: dict[str, str]
    stages: tuple[Any, ...] = ()

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.folder / "study.glands"

    def copy(self, to: Path) -> Material:
        """Return a copy that may be damaged; `to` must not exist."""
        shutil.copytree(self.folder, to, symlinks=True)
        return replace(self, folder=to)


def make_material(folder: Path) -> dict[str, str]:
    """Make the project; return the names of its slides by id. Trains: to be run in a child."""
    from napari_glands.project import Project

    small_blocks()
    write_images(folder / "images")
    with _unchecked(), Project.create(folder / "study.glands", FAST) as project:
        return _filled(project, folder / "images")


def write_images(folder: Path) -> None:
    """Write the three images of the project; the last is too broad to be worked on whole."""
    from napari_glands.sample_data import gland_field

    folder.mkdir(parents=True)
    sizes = {"one": (180, 200), "two": (230, 210), "broad": (300, 420)}
    for seed, (name, shape) in enumerate(sizes.items()):
        Image.fromarray(gland_field(shape, seed=seed).image).save(folder / f"{name}.png")


def _filled(project: Any, images: Path) -> dict[str, str]:
    from napari_glands.progress import CancelToken
    from napari_glands.project import steps
    from napari_glands.slides import Region

    entries = project.add_slides([images / f"{n}.png" for n in ("one", "two", "broad")], mpp=0.62)
    project.add_regions(entries[1].id, [Region(10, 15, 180, 170)])
    steps.run_exterior(project)
    steps.run_priors(project)
    _decide_priors(project, entries[0].id)
    steps.run_train(project)
    steps.run_predict(project)
    _decide_glands(project, entries[0].id)
    with contextlib.suppress(Exception):
        steps.run_grow(project)
    steps.run_train(project, go_on=True)
    steps.run_predict(project)
    steps.run_measure(project)
    _cut_off(
        lambda cancel, report: steps.run_train(project, name="other", cancel=cancel, report=report),
        "loss",
        CancelToken(),
    )
    other = FAST.updated("predict", threshold=0.35)
    _cut_off(
        lambda cancel, report: steps.run_predict(project, other, cancel=cancel, report=report),
        "",
        CancelToken(),
        after=6,
    )
    project.set_settings(FAST)
    steps.run_predict(project)
    steps.run_measure(project)
    project.back_up(entries[0].id, "priors")
    project.back_up(entries[0].id, "glands")
    return {entry.id: entry.name for entry in project.slides}


def _cut_off(run: Any, value: str, cancel: Any, after: int = 1) -> None:
    """Run a step and stop it at one of its events, so that what it would go on from stays."""
    seen = 0

    def report(event: Any) -> None:
        nonlocal seen
        seen += not value or any(value in name for name in event.values)
        if seen >= after:
            cancel.cancel()

    run(cancel, report)


def _decide_priors(project: Any, slide_id: str) -> None:
    priors = project.load_priors(slide_id)
    marks = np.zeros_like(priors.marks)
    marks[:6, :9] = 1
    project.save_edited_priors(replace(_decided(priors), marks=marks))


def _decide_glands(project: Any, slide_id: str) -> None:
    """Let there be glands of all states, whatever so small a network finds."""
    glands = project.load_glands(slide_id)
    labels = np.zeros_like(glands.labels)
    for number, (y, x) in enumerate(((5, 5), (5, 40), (40, 5), (40, 50)), start=1):
        labels[y : y + 24, x : x + 24] = number
    area = float(24 * 24 * glands.grid.pixel_area_um2)
    rows = tuple(replace(glands.drawn(n), area_um2=area) for n in (1, 2, 3, 4))
    project.save_edited_glands(_decided(replace(glands, labels=labels, table=rows)))


def _decided(curated: Any) -> Any:
    states = ("accepted", "rejected", "edited")
    table = tuple(
        replace(row, state=states[n % 3]) if n < 3 else row for n, row in enumerate(curated.table)
    )
    return replace(curated, table=table)


@contextlib.contextmanager
def _unchecked() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
