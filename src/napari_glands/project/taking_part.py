"""Which slides and regions take part in which step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_glands.slides.blocks import is_large
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.project.folder import Project
    from napari_glands.project.schema import SlideEntry
    from napari_glands.settings import Settings

__all__ = ["entries_for", "is_large_entry", "takes_part"]

# What is taught is found and reviewed in the regions of a slide where there are any.
_OF_REGIONS = ("exterior", "priors", "train", "grow")


def entries_for(project: Project, step: str) -> list[SlideEntry]:
    """Return the slides and regions that a step works on, in the order of the project.

    A slide that has regions leaves finding and teaching to them. All slides and all regions are
    predicted, measured and exported.

    Parameters
    ----------
    project
        The project.
    step
        ``"exterior"``, ``"priors"``, ``"train"``, ``"grow"``, ``"predict"``, ``"measure"`` or
        ``"export"``.
    """
    return [entry for entry in project.slides if takes_part(project, entry, step)]


def takes_part(project: Project, entry: SlideEntry, step: str) -> bool:
    """Return whether a step works on a slide or region."""
    return step not in _OF_REGIONS or not project.regions_of(entry.id)


def is_large_entry(entry: SlideEntry, settings: Settings) -> bool:
    """Return whether a slide is too large to be worked on in one piece, without opening it."""
    return is_large(Grid.covering(entry.shape, entry.mpp, settings.general.working_mpp))
