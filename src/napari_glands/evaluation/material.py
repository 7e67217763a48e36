"""What a benchmark is run on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_glands.errors import GlandsError
from napari_glands.evaluation.split import Split
from napari_glands.exterior import choose_device
from napari_glands.slides import Slide

__all__ = ["Material"]

# What labels and counts come from; the tables can change without a new run.
_CODE = (
    "slides",
    "exterior",
    "priors",
    "segmentation",
    "evaluation/labelling.py",
    "evaluation/metrics.py",
    "evaluation/objects.py",
    "evaluation/peers.py",
    "evaluation/quality.py",
    "evaluation/records.py",
)


@dataclass(frozen=True, eq=False)
class Material:
    """Images, their grades, and the way to their masks.

    Attributes
    ----------
    slides
        The images.
    read_truths
        Returns the masks, int (y, x) instances at level 0, in the order of the slides. It is
        called once, through `truths`.
    grades
        The grade of every image; images without grades are of one group.
    masks
        Something that changes when the masks do, such as their files' times; never their pixels.
    """

    slides: Sequence[Slide]
    read_truths: Callable[[], Sequence[np.ndarray]]
    grades: Sequence[str] = ()
    masks: Any = None

    def __post_init__(self) -> None:
        if not self.grades:
            object.__setattr__(self, "grades", ("all",) * len(self.slides))
        if len(self.grades) != len(self.slides):
            raise GlandsError(f"There are {len(self.grades)} grades for {len(self.slides)} images.")
        if len({slide.name for slide in self.slides}) < len(self.slides):
            raise GlandsError("Two images have the same name, which figures go by: rename one.")

    @cached_property
    def truths(self) -> Sequence[np.ndarray]:
        """The masks, to be asked for only after all labels of a run, or of a row, were made."""
        return self.read_truths()

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that figures are given for: all images, and each grade where there are some."""
        grades = sorted(set(self.grades))
        return ("all", *grades) if len(grades) > 1 else ("all",)

    def names(self, positions: Sequence[int]) -> list[str]:
        """Names of the images at some positions."""
        return [self.slides[i].name for i in positions]

    def fingerprint(self, device: str = "auto") -> dict[str, Any]:
        """Return what saved results depend on, besides settings and split.

        Parameters
        ----------
        device
            The wish of the settings; it counts what comes of it on this machine.
        """
        chosen = choose_device(device)
        return {
            "code": _code_digest(),
            "device": chosen.name,
            "bf16": chosen.bf16,
            "torch": torch.__version__,
            "slides": [[slide.id, slide.mpp] for slide in self.slides],
            "grades": list(self.grades),
            "masks": hashlib.sha256(repr(self.masks).encode()).hexdigest(),
        }

    def split_names(self, split: Split) -> dict[str, list[str]]:
        """Return the names of the images that teach and of those left out."""
        return {"taught": self.names(split.taught), "left_out": self.names(split.left_out)}


def _code_digest() -> str:
    """Return a digest of the source that results depend on."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for name in _CODE:
        place = root / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.read_bytes())
    return digest.hexdigest()
