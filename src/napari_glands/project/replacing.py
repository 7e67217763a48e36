"""What a step would replace if it were run now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_glands.project.facts import ResultName
from napari_glands.project.folder import Project
from napari_glands.project.missing import missing_images, same_exterior, same_model
from napari_glands.project.schema import SlideEntry
from napari_glands.project.taking_part import entries_for
from napari_glands.settings import Settings

__all__ = ["Replaced", "replaced_by"]

_UNDECIDED = ("proposed", "doubtful")


@dataclass(frozen=True)
class Replaced:
    """Counts of what would be replaced.

    Attributes
    ----------
    exteriors
        Slides whose exterior map is made anew.
    priors, priors_in
        Priors, and the slides that they are in.
    decided
        How many of them the user accepted, edited or rejected.
    models
        Names of models.
    glands, glands_in
        Glands, and the slides that they are in; without those that the user decided on.
    kept
        Glands that the user decided on: they stay.
    """

    exteriors: int = 0
    priors: int = 0
    priors_in: int = 0
    decided: int = 0
    models: tuple[str, ...] = ()
    glands: int = 0
    glands_in: int = 0
    kept: int = 0

    def __bool__(self) -> bool:
        return bool(self.exteriors or self.priors or self.models or self.glands)

    def describe(self) -> str:
        """Return what would be replaced as a list in words, without a full stop."""
        parts = []
        if self.exteriors:
            parts.append(
                f"the exterior {_plural(self.exteriors, 'map')} of {_slides(self.exteriors)}"
            )
        if self.priors:
            own = f", {self.decided} of them with your decisions" if self.decided else ""
            parts.append(
                f"{self.priors} {_plural(self.priors, 'prior')} in {_slides(self.priors_in)}{own}"
            )
        parts += [f"the model {name}" for name in self.models]
        if self.glands:
            stay = f" ({self.kept} with your decisions stay)" if self.kept else ""
            parts.append(
                f"{self.glands} predicted {_plural(self.glands, 'gland')} in "
                f"{_slides(self.glands_in)}{stay}"
            )
        return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"


def replaced_by(
    project: Project,
    step: str,
    settings: Settings,
    *,
    replace_curated: bool = False,
    name: str = "glands",
) -> Replaced:
    """Count what a step would replace; reads small files, so not for the interface's thread.

    Parameters
    ----------
    project
        The project.
    step
        ``"exterior"``, ``"priors"``, ``"train"``, ``"predict"``, or ``"all"`` for one after the
        other.
    settings
        It would be run with.
    replace_curated
        As for `run_priors`.
    name
        Of the model.
    """
    return _Look(project, settings, replace_curated, name).at(step)


class _Look:
    def __init__(
        self, project: Project, settings: Settings, replace_curated: bool, name: str
    ) -> None:
        self.project, self.settings = project, settings
        self.replace_curated, self.name = replace_curated, name
        # The others are left out by the steps.
        gone = missing_images(project)
        self.there = [entry for entry in project.slides if entry not in gone]
        # Slides with regions leave the first steps to them.
        self.found_in = [e for e in entries_for(project, "exterior") if e not in gone]

    def at(self, step: str) -> Replaced:
        # With all steps, what comes before makes what comes after out of date.
        whole = step == "all"
        exteriors = self._exteriors() if step in ("exterior", "all") else []
        priors = self._priors(exteriors) if step in ("priors", "all") else []
        models = (
            self._models(whole and bool(exteriors or priors)) if step in ("train", "all") else ()
        )
        glands = self._glands(whole and bool(models)) if step in ("predict", "all") else []
        rows = [row for e in priors for row in self._facts(e, "priors")["table"]]
        found = [self._gland_count(entry) for entry in glands]
        return Replaced(
            exteriors=len(exteriors),
            priors=len(rows),
            priors_in=len(priors) if rows else 0,
            decided=sum(row["state"] not in _UNDECIDED for row in rows),
            models=models,
            glands=sum(count for count, _ in found),
            glands_in=sum(count > 0 for count, _ in found),
            kept=sum(kept for _, kept in found),
        )

    def _exteriors(self) -> list[SlideEntry]:
        project = self.project
        return [
            entry
            for entry in self.found_in
            if self._facts(entry, "exterior")
            and not same_exterior(project, self.settings, entry, self.found_in)
        ]

    def _priors(self, remapped: list[SlideEntry]) -> list[SlideEntry]:
        project = self.project
        wanted = partial(project.priors_fingerprint, self.settings)
        old = self._outdated("priors", lambda e: wanted(e.id), self.found_in)
        old += [e for e in remapped if e not in old and self._facts(e, "priors")]
        if not self.replace_curated:
            return [e for e in old if not project.has_curated_priors(e.id)]
        mine = (project.has_curated_priors, project.has_grown_priors)
        others = [e for e in self.found_in if e not in old and self._facts(e, "priors")]
        return old + [e for e in others if any(f(e.id) for f in mine)]

    def _models(self, upstream: bool) -> tuple[str, ...]:
        if self.project.model_facts(self.name) is None:
            return ()
        teaching = entries_for(self.project, "train")
        having = [e for e in teaching if self._facts(e, "priors")]
        same = same_model(self.project, self.settings, self.name, having)
        return () if same and not upstream else (self.name,)

    def _glands(self, upstream: bool) -> list[SlideEntry]:
        content = (self.project.model_facts(self.name) or {}).get("content", "")
        if upstream:
            return [e for e in self.there if self._facts(e, "prediction")]
        return self._outdated(
            "prediction",
            lambda e: self.project.prediction_fingerprint(self.settings, e.id, content),
            self.there,
        )

    def _gland_count(self, entry: SlideEntry) -> tuple[int, int]:
        """Return how many glands of a slide would be replaced, and how many would stay."""
        table = self._facts(entry, "glands").get("table")
        if not table:
            return self._facts(entry, "prediction").get("count", 0), 0
        kept = sum(row["state"] not in _UNDECIDED for row in table)
        return len(table) - kept, kept

    def _outdated(
        self, result: ResultName, wanted: Callable[[SlideEntry], str], entries: Sequence[SlideEntry]
    ) -> list[SlideEntry]:
        """Return which slides have a result that is not the one that would be made."""
        return [
            entry
            for entry in entries
            if self._facts(entry, result)
            and self._facts(entry, result).get("fingerprint") != wanted(entry)
        ]

    def _facts(self, entry: SlideEntry, result: ResultName) -> dict[str, Any]:
        return self.project.sound_facts(entry.id, result) or {}


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"


def _slides(count: int) -> str:
    return f"{count} {_plural(count, 'slide')}"
