"""Plain sentences on what a slide has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands

__all__ = ["describe_glands"]


def describe_glands(glands: Glands) -> str:
    """Say how many glands count, how much of the slide they cover, and what is left to look at."""
    from napari_glands.priors.curated import USED

    count = len(glands.ids(USED))
    noun = "gland" if count == 1 else "glands"
    text = f"This slide: {count} {noun}, {glands.coverage:.0%} of its area."
    doubtful = len(glands.ids(["doubtful"]))
    return f"{text} {doubtful} more in doubt, not counted." if doubtful else text
