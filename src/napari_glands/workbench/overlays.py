"""Results of large slides for the viewer: read as far as they are in view, and not edited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_glands.project.damage import DamagedResult

if TYPE_CHECKING:
    from napari_glands.project import Project
    from napari_glands.project.facts import ResultName
    from napari_glands.slides import Grid

__all__ = ["Overlay", "overlays_of"]

Role = Literal["clusters", "priors", "glands"]

# Of the glands all are shown where they are kept with their states, else those predicted.
_RESULTS: tuple[tuple[Role, tuple[ResultName, ...]], ...] = (
    ("clusters", ("exterior",)),
    ("priors", ("priors",)),
    ("glands", ("glands", "prediction")),
)


@dataclass(frozen=True)
class Overlay:
    """A label image of a large slide.

    Attributes
    ----------
    role
        Which layer it becomes.
    slide_id
        Of which slide it is.
    levels
        Its arrays on the disk, the finest first.
    grid
        How the finest lies on the slide.
    content
        Tells it from former ones.
    """

    role: Role
    slide_id: str
    levels: tuple[Any, ...]
    grid: Grid
    content: str


def overlays_of(project: Project, slide_id: str) -> Iterator[Overlay]:
    """Find the results of a large slide; nothing but their sizes is read."""
    for role, names in _RESULTS:
        found = ((name, project.sound_facts(slide_id, name)) for name in names)
        there = [(name, facts) for name, facts in found if facts is not None]
        for name, facts in there[:1]:
            with suppress(DamagedResult):  # the project's notice tells of it
                levels = project.label_levels(slide_id, name)
                if levels:
                    yield Overlay(role, slide_id, levels, facts["grid"], str(facts["content"]))
