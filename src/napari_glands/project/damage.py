"""Results that are not what was saved: which they are, and what is to be done about them."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from napari_glands.errors import GlandsError

if TYPE_CHECKING:
    from napari_glands.project.facts import ResultName
    from napari_glands.project.folder import Project

__all__ = ["RESTORE", "DamagedResult", "damaged", "headline"]

RESTORE = "Project > Restore previous version"
"""Where a copy is gone back to in the window."""

_STEPS = {"exterior": "exterior", "priors": "priors", "prediction": "predict", "glands": "predict"}
_WORDS = {"exterior": "exterior map", "decisions": "decisions"}


class DamagedResult(GlandsError):
    """A result of a slide is missing in part, or has changed since it was saved.

    Attributes
    ----------
    slide_id, name
        Of which slide which result.
    """

    def __init__(self, sentence: str, slide_id: str, name: str) -> None:
        super().__init__(sentence)
        self.slide_id, self.name = slide_id, name

    def __reduce__(self) -> tuple[type[DamagedResult], tuple[str, str, str]]:
        return type(self), (str(self), self.slide_id, self.name)


def headline(sentence: str) -> str:
    """Return what is damaged, without why and what to do, for where there is little room."""
    head, colon, _ = sentence.partition(" cannot be used:")
    return f"{head} cannot be used." if colon else sentence


def damaged(project: Project, slide_id: str, name: ResultName, error: GlandsError) -> DamagedResult:
    """Say that a result of a slide cannot be used, why, and what to do.

    Parameters
    ----------
    project, slide_id, name
        Of which slide which result.
    error
        What is wrong with its files.
    """
    if isinstance(error, DamagedResult):
        return error
    # A prediction and its glands are looked at together: the one at fault is named.
    for other in ("prediction", "glands"):
        if f"{os.sep}labels{os.sep}{other}{os.sep}" in str(error):
            name = other
    why, layer = str(error).rstrip("."), _WORDS.get(name, name)
    return DamagedResult(
        f"The {layer} of {project.entry(slide_id).name} cannot be used: {why}. "
        f"{_advice(project, slide_id, name)}",
        slide_id,
        name,
    )


def _advice(project: Project, slide_id: str, name: ResultName) -> str:
    from napari_glands.project.restoring import versions

    kept = [v for v in versions(project, slide_id) if v.name == name]
    if kept:
        words = ["napari-glands", "restore", "--project", str(project.path), "--slide", slide_id]
        words += ["--version", kept[0].path.name]
        return (
            "Copy the file from where the project came from, or go back to the newest copy, "
            f"{kept[0].describe()}: in the window with {RESTORE}, or with "
            f"`{shlex.join(words)}`."
        )
    folder = project.path / "slides" / f"{slide_id}.zarr" / "labels" / name
    return (
        "Copy the file from where the project came from, or delete the folder "
        f"{folder} and run the step `{_STEPS.get(name, 'predict')}` again."
    )
