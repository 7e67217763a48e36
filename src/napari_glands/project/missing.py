"""Images that are not where the project expects them, and how they are found again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.project.folder import Project
from napari_glands.project.registry import has_pixels
from napari_glands.project.schema import SlideEntry
from napari_glands.settings import Settings
from napari_glands.slides.checksums import file_checksum

__all__ = [
    "find_missing",
    "image_path",
    "missing_images",
    "reachable",
    "same_exterior",
    "same_model",
]


def image_path(project: Project, entry: SlideEntry) -> Path:
    """Return where the image of a slide is expected."""
    return Path(os.path.normpath(project.path / entry.path))


def missing_images(project: Project) -> list[SlideEntry]:
    """Return the slides whose image is not where it was, and not copied into the project."""
    return [entry for entry in project.slides if not has_pixels(entry, project.path)]


def reachable(
    project: Project, entries: Sequence[SlideEntry], step: str, report: Report
) -> list[SlideEntry]:
    """Return the slides whose image is where it should be; say which are left out.

    Raises
    ------
    GlandsError
        When none is.
    """
    gone = [entry for entry in entries if not has_pixels(entry, project.path)]
    there = [entry for entry in entries if entry not in gone]
    if entries and not there:
        raise GlandsError(
            f"The image of slide {gone[0].name} is not at {image_path(project, gone[0])} any more"
            + (f", and {len(gone) - 1} more are missing" if len(gone) > 1 else "")
            + ": put it back, or say where it is now (Project.relocate, or the workbench)."
        )
    if gone:
        names = ", ".join(entry.name for entry in gone)
        report(Event(step, 0, f"Left out, because the image is missing: {names}"))
    return there


def same_exterior(
    project: Project, settings: Settings, entry: SlideEntry, among: Sequence[SlideEntry]
) -> bool:
    """Tell whether a slide's exterior map is what `among` these slides, or all, it would be."""
    saved = (project.whole_facts(entry.id, "exterior") or {}).get("fingerprint")
    return saved in (
        project.exterior_fingerprint(settings, entry.id),
        project.exterior_fingerprint(settings, entry.id, among),
    )


def same_model(
    project: Project, settings: Settings, name: str, having: Sequence[SlideEntry]
) -> bool:
    """Tell whether a model is what slides having priors, with or without the missing, teach."""
    saved = project.model_facts(name)
    if saved is None or not saved["finished"]:
        return False
    there = [entry for entry in having if has_pixels(entry, project.path)]
    return saved["fingerprint"] in (
        project.train_fingerprint(settings, [entry.id for entry in having]),
        project.train_fingerprint(settings, [entry.id for entry in there]),
    )


def find_missing(
    project: Project,
    place: Path,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> tuple[list[SlideEntry], list[SlideEntry]]:
    """Look for missing images and note where they are now.

    Images are told by their content: a renamed one is found, another one of the same name is not
    taken for it.

    Parameters
    ----------
    project
        Open for writing.
    place
        A folder, looked through with all below it; or one of the images: the others are looked for
        beside it, and wherever the same move has brought them.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    tuple of list of SlideEntry
        The ones found, and the ones still missing.
    """
    project.require_writable()
    search = _Search(project, report, cancel or CancelToken())
    if place.is_file() or not _is_plain_folder(place):
        search.try_all([place])
        search.follow_moves()
        search.try_all(_files_in(place.parent))
    else:
        search.try_all(_files_below(place, search.cancel))
    search.follow_moves()
    return search.found, search.left


class _Search:
    """The missing images, one less with each that is found."""

    def __init__(self, project: Project, report: Report, cancel: CancelToken) -> None:
        self.project, self.report, self.cancel = project, report, cancel
        # Regions are where their slide is; also images of which the project has a copy are found.
        self.left = [
            entry
            for entry in project.slides
            if entry.region is None and not image_path(project, entry).exists()
        ]
        self.found: list[SlideEntry] = []
        self._moves: list[tuple[Path, Path]] = []
        self._count = len(self.left)

    def try_all(self, paths: Iterable[Path]) -> None:
        """Try files and image folders: first where the name is the same, then by content alone."""
        others = []
        for path in paths:
            if self.cancel.cancelled or not self.left:
                return
            namesakes = [e for e in self.left if Path(e.path).name == path.name]
            if not any(self._take(entry, path) for entry in namesakes) and path.is_file():
                others.append(path)
        self._try_renamed(others)

    def follow_moves(self) -> None:
        """Try where the moves of found images would have brought the missing ones."""
        for former, present in self._moves:
            for entry in list(self.left):
                path = image_path(self.project, entry)
                if path.is_relative_to(former):
                    moved = present / path.relative_to(former)
                    if moved.exists():
                        self._take(entry, moved)

    def _try_renamed(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if self.cancel.cancelled or not self.left:
                return
            endings = {Path(e.path).suffix.lower() for e in self.left}
            if path.suffix.lower() not in endings:
                continue
            self._say(f"Comparing {path.name}")
            try:
                checksum = file_checksum(path)
            except OSError:
                continue
            for entry in [e for e in self.left if e.checksum == checksum]:
                self._take(entry, path)

    def _take(self, entry: SlideEntry, path: Path) -> bool:
        """Note the place of a slide's image, if the file is the same image."""
        former = image_path(self.project, entry)
        self._say(f"Comparing {path.name}")
        try:
            self.project.relocate(entry.id, path)
        except GlandsError:
            return False
        self.left.remove(entry)
        self.found.append(entry)
        self._moves.append(_move(former, path.resolve()))
        return True

    def _say(self, text: str) -> None:
        self.report(Event("slides", len(self.found) / max(1, self._count), text))


def _move(former: Path, present: Path) -> tuple[Path, Path]:
    """Return the two folders that were exchanged: what follows them is the same."""
    while former.name == present.name and former.parent != former:
        former, present = former.parent, present.parent
    return former, present


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() != ".zarr"


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError:
        return []


def _files_below(folder: Path, cancel: CancelToken) -> Iterator[Path]:
    """Walk through files and image folders; other projects and hidden folders are left out."""
    for here, folders, files in os.walk(folder):
        if cancel.cancelled:
            return
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(here) / name
        # An image may be a folder too; into those of zarr nobody needs to look.
        yield from (Path(here) / name for name in sorted(folders))
        closed = (".zarr", ".glands", ".backups")
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not f.endswith(closed))
