"""What a step leaves out because it cannot be used, so that all else goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_glands.errors import GlandsError
from napari_glands.progress import Event, Report
from napari_glands.project.damage import DamagedResult

if TYPE_CHECKING:
    from napari_glands.project.facts import ResultName
    from napari_glands.project.folder import Project
    from napari_glands.project.schema import SlideEntry
    from napari_glands.slides import Slide

__all__ = ["LeftOut"]


class LeftOut:
    """The slides that a step goes on without.

    Parameters
    ----------
    step
        Its name.
    report
        Told of each.

    Attributes
    ----------
    sentences
        Which slides, and why.
    """

    def __init__(self, step: str, report: Report) -> None:
        self.sentences: list[str] = []
        self._step, self._report = step, report
        self._ids: set[str] = set()

    def __contains__(self, entry: SlideEntry) -> bool:
        return entry.id in self._ids

    def add(self, entry: SlideEntry, error: GlandsError) -> None:
        """Leave a slide out."""
        if entry not in self:
            self._ids.add(entry.id)
            self.sentences.append(str(error))
            self._report(Event(self._step, 0, f"Left out: {error}"))

    @contextmanager
    def on_damage(self, entry: SlideEntry) -> Iterator[None]:
        """Leave a slide out when what is used of it turns out to be damaged."""
        try:
            yield
        except DamagedResult as error:
            self.add(entry, error)

    def sound(
        self, project: Project, entries: Sequence[SlideEntry], results: Sequence[ResultName]
    ) -> list[SlideEntry]:
        """Return the slides of which no such result is seen to be damaged, and not left out yet."""
        for entry in entries:
            with self.on_damage(entry):
                for name in results:
                    project.facts(entry.id, name)
        return [entry for entry in entries if entry not in self]

    def opened(self, project: Project, entry: SlideEntry) -> Slide | None:
        """Open a slide; None where it is left out because it cannot be opened."""
        try:
            return project.slide(entry.id)
        except GlandsError as error:
            self.add(entry, error)
            return None

    def raise_if_all(self, made: Sequence[str], kept: Sequence[str]) -> None:
        """Raise where nothing could be done because everything was left out.

        Raises
        ------
        GlandsError
            Of the first slide.
        """
        if self.sentences and not made and not kept:
            more = len(self.sentences) - 1
            raise GlandsError(
                self.sentences[0] + (f" (And {more} more slides cannot be used.)" if more else "")
            )
