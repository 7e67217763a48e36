"""Images that are not where they were: what is said, and how they are found again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.jobs import Outcome
from napari_glands.project import Project
from napari_glands.project.damage import RESTORE, headline
from napari_glands.project.missing import find_missing
from napari_glands.settings import Settings
from napari_glands.workbench.state import SlideFacts

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["describe_damaged", "describe_missing", "find_images_in"]

_NAMED = 4


def describe_missing(slides: Sequence[SlideFacts]) -> str:
    """Return what to tell about slides whose image is missing; empty for none."""
    if not slides:
        return ""
    folders: dict[Path, list[str]] = {}
    for slide in slides[:_NAMED]:
        folders.setdefault(Path(slide.missing).parent, []).append(Path(slide.missing).name)
    shown = "; ".join(f"{', '.join(names)} in {folder}" for folder, names in folders.items())
    more = f"; and {len(slides) - _NAMED} more" if len(slides) > _NAMED else ""
    one = len(slides) == 1
    head = "1 image is" if one else f"{len(slides)} images are"
    return (
        f"{head} not where {'it was' if one else 'they were'}: {shown}{more}. "
        f"Where {'is it' if one else 'are they'} now? Until then, all steps go on without "
        f"{'it' if one else 'them'}."
    )


def describe_damaged(slides: Sequence[SlideFacts], shown: Sequence[str] = ()) -> tuple[str, str]:
    """Return what to tell about results that are not what was saved, and all of it in full.

    Parameters
    ----------
    slides
        Of the project.
    shown
        What turned out to be damaged of the slide on show, a sentence each.

    Returns
    -------
    text, details : str
        Both empty for none.
    """
    found = list(dict.fromkeys([*shown, *(told for slide in slides for told in slide.damaged)]))
    if not found:
        return "", ""
    more = f" (And {len(found) - _NAMED} more.)" if len(found) > _NAMED else ""
    copies = any(RESTORE in told for told in found)
    remedy = f" {RESTORE} goes back to the newest copy." if copies else ""
    text = " ".join(map(headline, found[:_NAMED])) + more + remedy
    return f"{text} Steps go on without it. Rest the pointer here for more.", "\n".join(found)


def find_images_in(session: Session, place: Path) -> None:
    """Look for the missing images in a folder, or beside one of them."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        return find_missing(project, place, report=report, cancel=cancel)

    def finished(outcome: Outcome[Any]) -> None:
        found, left = outcome.result or ([], [])
        session.say("slides", _told(len(found), [e.name for e in left]), problem=bool(left))
        session.refresh(create=True)

    session.start("slides", job, finished)


def _told(found: int, left: Sequence[str]) -> str:
    names = ", ".join(left[:_NAMED]) + (f" and {len(left) - _NAMED} more" if left[_NAMED:] else "")
    if not left:
        return "The missing image is found." if found == 1 else f"All {found} images are found."
    if not found:
        return f"None of the missing images is there: still missing {names}."
    return f"{found} found; still missing: {names}."
