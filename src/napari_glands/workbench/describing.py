"""Plain sentences on what a slide has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_glands.project.models import previous_name

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.workbench.state import Shown

__all__ = ["describe_glands", "describe_large", "describe_models"]


def describe_models(names: Sequence[str], shown: Shown | None) -> str:
    """Say which models there are, and what the last one changed in the slide on show."""
    kept = [previous_name(name) for name in names if previous_name(name) in names]
    present = ", ".join(name for name in names if name not in kept)
    if not names:
        return ""
    text = f"Trained: {present or ', '.join(names)}."
    if kept:
        text += f" The model before is kept as {', '.join(kept)}."
    return f"{text} {shown.change if shown else ''}".rstrip()


def describe_large(shown: Shown | None, result: str) -> str:
    """Say why there is nothing to review in a large slide, and what to do; empty for others."""
    if shown is None or not shown.large:
        return ""
    seen = "What was found is shown, but cannot be edited. " if result in shown.contents else ""
    return f"This slide is large. {seen}Draw regions to review and correct (step Slides)."


def describe_glands(glands: Glands) -> str:
    """Say how many glands count, how much of the slide they cover, and what is left to look at."""
    from napari_glands.priors.curated import USED

    count = len(glands.ids(USED))
    noun = "gland" if count == 1 else "glands"
    text = f"This slide: {count} {noun}, {glands.coverage:.0%} of its area."
    doubtful = len(glands.ids(["doubtful"]))
    return f"{text} {doubtful} more in doubt, not counted." if doubtful else text
