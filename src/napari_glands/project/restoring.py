"""Going back to an earlier version of a slide's priors or glands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_glands.errors import GlandsError
from napari_glands.project.facts import read_facts
from napari_glands.project.stored_files import StoredFiles
from napari_glands.slides.blocks import is_large

if TYPE_CHECKING:
    from napari_glands.project.folder import Project

__all__ = ["Version", "restore", "versions"]

_NAMES: tuple[Literal["priors", "glands"], ...] = ("priors", "glands")


@dataclass(frozen=True)
class Version:
    """A copy of the priors or glands of a slide.

    Attributes
    ----------
    path
        Its folder.
    name
        Of what.
    saved
        When the result was saved that was copied.
    counts
        How many there are by state.
    """

    path: Path
    name: Literal["priors", "glands"]
    saved: datetime
    counts: dict[str, int]

    def describe(self) -> str:
        """Return one line for a menu, with the time as the clock on the wall shows it."""
        when = self.saved.astimezone().strftime("%d %b %Y, %H:%M:%S")
        total = sum(self.counts.values())
        noun = self.name.removesuffix("s") if total == 1 else self.name
        states = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n)
        return f"{total} {noun} of {when}" + (f" ({states})" if states else "")


def versions(project: Project, slide_id: str) -> list[Version]:
    """Return the copies kept of a slide's priors and glands, the latest first.

    Damaged ones are left out.
    """
    found = []
    for name in _NAMES:
        for path in project.backups(slide_id, name):
            try:
                facts = read_facts(path, name)
                StoredFiles(path, facts.get("files")).check_sizes()
                saved = datetime.fromisoformat(facts["saved"])
                counts = Counter(str(row["state"]) for row in facts.get("table", ()))
            except (GlandsError, KeyError, ValueError, TypeError):
                continue
            found.append(Version(path, name, saved, dict(counts)))
    return sorted(found, key=lambda version: (version.saved, version.path.name), reverse=True)


def restore(project: Project, slide_id: str, path: Path) -> Version:
    """Make a copy the present version; the present one is copied first.

    Parameters
    ----------
    project
        Open for writing.
    slide_id
        Which slide.
    path
        Of one of its `versions`.

    Returns
    -------
    Version
        What was restored.

    Raises
    ------
    GlandsError
        When there is no such version, or the project cannot be written to.
    """
    project.require_writable()
    chosen = next((v for v in versions(project, slide_id) if v.path.name == path.name), None)
    if chosen is None:
        raise GlandsError(f"There is no version {path.name} of this slide any more.")
    result = project.load_backup(slide_id, chosen.path)
    project.back_up(slide_id, chosen.name)
    if is_large(result.grid):
        project.put_back(slide_id, chosen.name, chosen.path)
    elif chosen.name == "priors":
        project.save_edited_priors(result)  # type: ignore[arg-type]
    else:
        project.save_edited_glands(result)  # type: ignore[arg-type]
    return chosen
