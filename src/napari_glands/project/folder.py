"""A project: a folder with slides, their results, models and the record of runs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from napari_glands.atomic import remove, staging_folder
from napari_glands.errors import GlandsError
from napari_glands.project import curation, models, registry, schema, tables
from napari_glands.project.damage import DamagedResult, damaged
from napari_glands.project.facts import RESULTS, ResultName
from napari_glands.project.fingerprint import step_fingerprint
from napari_glands.project.gland_store import joined_facts
from napari_glands.project.lock import ProjectLock
from napari_glands.project.paths import inside
from napari_glands.project.schema import ProjectFile, SlideEntry, StepRecord
from napari_glands.project.store import SlideStore
from napari_glands.project.stored_files import CheckedArray, Owner
from napari_glands.project.taking_part import entries_for
from napari_glands.project.teaching import train_fingerprint
from napari_glands.project.versions import keep_version
from napari_glands.settings import Settings
from napari_glands.slides.blocks import is_large
from napari_glands.system_errors import refusal

if TYPE_CHECKING:
    import pandas as pd

    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.gland import Glands
    from napari_glands.priors.prior import Priors
    from napari_glands.project.whole_slide.building import Building
    from napari_glands.segmentation import Model
    from napari_glands.segmentation.result import Prediction
    from napari_glands.slides import Grid, Region, Slide

__all__ = ["Project"]

T = TypeVar("T", "ExteriorMap", "Priors", "Prediction", "Glands")


class Project:
    """A project folder, open for reading and, in one process at a time, for writing.

    Made by `Project.create` or `Project.open`; `close` it, or use it in a ``with`` statement, to
    let others write.

    Attributes
    ----------
    path
        The folder.
    read_only_reason
        Why nothing can be changed; None when it can.
    """

    def __init__(
        self, path: Path, content: ProjectFile, lock: ProjectLock | None, reason: str | None
    ) -> None:
        self.path = path
        self.read_only_reason = reason
        self._content = content
        self._lock = lock
        # The workbench saves edits while a job saves results.
        self._saving = threading.RLock()

    # ---- opening and closing

    @classmethod
    def create(cls, path: str | Path, settings: Settings | None = None) -> Self:
        """Make a new project folder and open it.

        Parameters
        ----------
        path
            A folder that does not exist or is empty.
        settings
            For its runs.

        Raises
        ------
        GlandsError
            When there is a project or something else already, or the folder cannot be made.
        """
        path = Path(path).expanduser().resolve()
        if (path / "project.json").exists():
            raise GlandsError(f"There is a project in {path} already: open it, or name another.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise GlandsError(f"{path} exists and is not empty: name a new folder for the project.")
        try:
            # First: a process killed right after it leaves a project, not a folder in the way.
            schema.write_project_file(
                path / "project.json", ProjectFile(settings=settings or Settings())
            )
            for name in ("slides", "models", "runs"):
                (path / name).mkdir(exist_ok=True)
        except OSError as error:
            raise GlandsError(refusal(f"Cannot make a project in {path}", error)) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool | None = None) -> Self:
        """Open a project folder.

        Parameters
        ----------
        path
            The folder, or its ``project.json``.
        read_only
            None: writable unless another process has it open (see `read_only_reason`).
            True: read only. False: writable or not at all.

        Raises
        ------
        GlandsError
            When there is no project, its file is damaged or newer than this program, or
            `read_only` is False and it cannot be written to.
        """
        path = Path(path).expanduser().resolve()
        if path.name == "project.json":
            path = path.parent
        file = path / "project.json"
        # Before a lock file is put into some other folder.
        content, _ = schema.read_project_file(file, tell=bool(read_only))
        if read_only:
            return cls(path, content, None, "The project was opened for reading only.")
        lock = ProjectLock(path)
        reason = lock.acquire()
        if reason is not None and read_only is False:
            raise GlandsError(reason)
        try:
            content, version = schema.read_project_file(file)
            project = cls(path, content, None if reason else lock, reason)
            if not project.read_only:
                project._recover(version)
        except BaseException:
            lock.release()
            raise
        return project

    @classmethod
    def create_or_open(cls, path: str | Path, settings: Settings | None = None) -> Self:
        """Open the project in a folder for writing, or make one where there is none.

        Parameters
        ----------
        path
            The folder.
        settings
            For its runs; None keeps those of an existing project.
        """
        if not (Path(path).expanduser() / "project.json").exists():
            return cls.create(path, settings)
        project = cls.open(path, read_only=False)
        if settings is not None:
            project.set_settings(settings)
        return project

    def close(self) -> None:
        """Let other processes write; this object can still be read."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            self.read_only_reason = "The project was closed."

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r}, {len(self.slides)} slides)"

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self.read_only_reason is not None

    def require_writable(self) -> None:
        """Raise `GlandsError` when the project cannot be changed, saying why."""
        if self.read_only_reason is not None:
            raise GlandsError(f"Cannot change the project {self.path}: {self.read_only_reason}")

    # ---- settings and provenance

    @property
    def settings(self) -> Settings:
        """Settings for the next run."""
        return self._content.settings

    def set_settings(self, settings: Settings) -> None:
        """Save the settings for the next run."""
        if settings != self.settings:
            self._update(settings=settings)

    @property
    def steps(self) -> dict[str, StepRecord]:
        """Provenance of the latest run of each step."""
        return dict(self._content.steps)

    def record_step(self, step: str, record: StepRecord) -> None:
        """Save the provenance of a run."""
        with self._saving:
            self._update(steps={**self._content.steps, step: record})

    # ---- slides

    @property
    def slides(self) -> tuple[SlideEntry, ...]:
        """The slides, in the order in which they were added."""
        return tuple(self._content.slides)

    def entry(self, slide_id: str) -> SlideEntry:
        """Return the record of a slide.

        Raises
        ------
        GlandsError
            When the project has no such slide.
        """
        for entry in self._content.slides:
            if entry.id == slide_id:
                return entry
        raise GlandsError(f"The project {self.path} has no slide {slide_id!r}.")

    def add_slides(
        self, sources: Iterable[str | Path | Slide], mpp: float | None = None
    ) -> list[SlideEntry]:
        """Add slides; one that is there already, by its content, is not added twice.

        Parameters
        ----------
        sources
            Image files, or open slides. Slides without a file (arrays, layers) are copied into
            the project.
        mpp
            µm per level-0 pixel of image files; None takes what they state.

        Returns
        -------
        list of SlideEntry
            One per source, new or found.

        Raises
        ------
        GlandsError
            When a file is no readable image; the ones before it are added.
        """
        self.require_writable()
        entries = []
        for source in sources:
            slide = registry.opened(source, mpp, self.settings)
            with self._saving:
                entries.append(self._added(slide))
        return entries

    def slide(self, slide_id: str) -> Slide:
        """Open a slide.

        Raises
        ------
        GlandsError
            When its file is missing or its content has changed.
        """
        entry = self.entry(slide_id)
        if entry.region is None:
            return registry.reopen(entry, self.path)
        whole = registry.reopen(self.entry(entry.region.of), self.path)
        return whole.crop(entry.region.place, entry.name)

    def relocate(self, slide_id: str, path: str | Path) -> SlideEntry:
        """Say where the file of a slide is now.

        Raises
        ------
        GlandsError
            When the file is another image.
        """
        self.require_writable()
        entry = self.entry(slide_id)
        whole = entry if entry.region is None else self.entry(entry.region.of)
        moved = registry.relocated(whole, Path(path), self.path)
        self._change_with_regions(whole.id, path=moved.path)
        return self.entry(slide_id)

    # ---- regions of slides

    def regions_of(self, slide_id: str) -> list[SlideEntry]:
        """Return the regions of a slide, by their number; none for a region."""
        slides = self._content.slides
        return [e for e in slides if e.region is not None and e.region.of == slide_id]

    def add_regions(self, slide_id: str, regions: Iterable[Region]) -> list[SlideEntry]:
        """Add regions of a slide, to be worked on like slides of their own.

        What is made of them lies in the coordinates of the whole slide. One that is there already
        is not added twice; one that was removed comes back with all that was made of it.

        Parameters
        ----------
        slide_id
            A slide that is no region itself.
        regions
            In level-0 pixels of the slide.

        Returns
        -------
        list of SlideEntry
            One per region, new or found.

        Raises
        ------
        GlandsError
            When a region is not inside the slide, smaller than 100 × 100 µm, or too large to be
            worked on in one piece; none is added then.
        """
        self.require_writable()
        entry, regions = self.entry(slide_id), list(regions)
        if entry.region is not None:
            raise GlandsError(f"{entry.name} is a region: add regions to its whole slide.")
        slide = self.slide(slide_id)
        try:
            for region in regions:
                registry.require_fit(slide, region, self.settings.general.working_mpp)
            with self._saving:
                return [self._added_region(slide, entry, region) for region in regions]
        finally:
            slide.close()

    def remove_region(self, slide_id: str) -> None:
        """Take a region out of the project.

        What was made of it stays on the disk, and is there again when the same region is added.

        Raises
        ------
        GlandsError
            When it is a whole slide.
        """
        entry = self.entry(slide_id)
        if entry.region is None:
            raise GlandsError(f"{entry.name} is a whole slide: only regions can be removed.")
        with self._saving:
            kept = [e for e in self._content.slides if e.id != slide_id]
            self._update(slides=kept, removed=[*self._content.removed, entry])

    # ---- results of one slide

    def facts(self, slide_id: str, name: ResultName) -> dict[str, Any] | None:
        """Return the saved facts of a result: its fingerprint, content, seconds and more.

        Parameters
        ----------
        slide_id
            Which slide.
        name
            ``"exterior"``, ``"priors"``, ``"prediction"`` (of its glands, those that count) or
            ``"glands"`` (all of them, with their states).

        Returns
        -------
        dict or None
            None when there is no such result. See `napari_glands.project.facts`.

        Raises
        ------
        DamagedResult
            When they are not what was saved.
        """
        entry = self.entry(slide_id)
        with self._undamaged(slide_id, name), self._saving:
            store = self._store(slide_id)
            special = {"prediction": store.prediction_facts, "glands": store.gland_facts}
            facts = special[name]() if name in special else store.facts(name)
            if facts is not None:
                _check_belonging(facts["slide_id"], facts["grid"], entry)
            return facts

    def sound_facts(self, slide_id: str, name: ResultName) -> dict[str, Any] | None:
        """Return the same; None also when they are damaged: see `all_facts`."""
        try:
            return self.facts(slide_id, name)
        except DamagedResult:
            return None

    def whole_facts(self, slide_id: str, name: ResultName) -> dict[str, Any] | None:
        """Return the same; None also when a file of the result is missing or cut off.

        So a step that can make it again does.
        """
        parts: tuple[ResultName, ...] = ("prediction", "glands")  # belong together
        try:
            for part in parts if name in parts else (name,):
                self.label_levels(slide_id, part)
            return self.facts(slide_id, name)
        except DamagedResult:
            return None

    def all_facts(
        self, slide_id: str
    ) -> tuple[dict[ResultName, dict[str, Any] | None], list[DamagedResult]]:
        """Return the facts of all results of a slide, each read once.

        Returns
        -------
        facts : dict
            By name as `facts`; None also for what is damaged.
        damage : list of DamagedResult
            What is seen to be damaged without reading its pixels, or looking at seals, as is done
            when a result is used.
        """
        entry, damage = self.entry(slide_id), []
        found: dict[ResultName, dict[str, Any] | None] = dict.fromkeys(RESULTS)
        try:
            store = self._store(slide_id)
        except GlandsError as error:
            return found, [damaged(self, slide_id, RESULTS[0], error)]
        for name in RESULTS:
            try:
                with self._saving:
                    saved = store.facts(name, trusting=True)
                if saved is not None:
                    _check_belonging(saved["slide_id"], saved["grid"], entry)
                found[name] = saved
            except GlandsError as error:
                damage.append(damaged(self, slide_id, name, error))
        found["prediction"], found["glands"] = joined_facts(found["prediction"], found["glands"])
        return found, damage

    def label_levels(self, slide_id: str, name: ResultName) -> tuple[CheckedArray, ...]:
        """Return the label image of a result as arrays on the disk, finest first.

        Parameters
        ----------
        slide_id, name
            As for `facts`.

        Returns
        -------
        tuple of CheckedArray
            Integers (y, x), read and checked where they are looked at; empty when there is no such
            result.

        Raises
        ------
        DamagedResult
            When a file of it is missing or cut off.
        """
        with self._undamaged(slide_id, name), self._saving:
            levels = self._store(slide_id).levels(name)
        for level in levels:
            level.belongs_to(Owner(slide_id, self.entry(slide_id).name, name))
        return levels

    def save_exterior(
        self, result: ExteriorMap, *, fingerprint: str | None = None, seconds: float | None = None
    ) -> None:
        """Save an exterior map.

        Parameters
        ----------
        result
            The map.
        fingerprint
            Of what it depends on; None works it out from the settings in `result` and the
            slides there are now. Give the saved one to change the chosen cluster only.
        seconds
            How long it took; None keeps what is saved.
        """
        if fingerprint is None:
            fingerprint = self.exterior_fingerprint(result.settings, result.slide_id)
        self._save("exterior", result, fingerprint, seconds)

    def load_exterior(self, slide_id: str) -> ExteriorMap:
        """Load the exterior map of a slide.

        Raises
        ------
        GlandsError
            When there is none.
        DamagedResult
            When it is not what was saved.
        """
        return self._loaded(SlideStore.load_exterior, slide_id, "exterior")

    def save_priors(
        self,
        result: Priors,
        *,
        replace_curated: bool = False,
        fingerprint: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Save priors that the method found.

        Parameters
        ----------
        result
            The priors; those that were there are kept in ``slides/<id>.backups``.
        replace_curated
            Whether priors that the user has accepted, edited or rejected may be replaced.
        fingerprint, seconds
            As for `save_exterior`.

        Raises
        ------
        GlandsError
            When the saved priors carry decisions of the user and `replace_curated` is False.
        """
        self.keep_former_priors(result.slide_id, replace_curated=replace_curated)
        if fingerprint is None:
            fingerprint = self.priors_fingerprint(result.settings, result.slide_id)
        self._save("priors", result, fingerprint, seconds, curated=False, grown="")

    def keep_former_priors(self, slide_id: str, *, replace_curated: bool) -> None:
        """Copy the priors of a slide to ``slides/<id>.backups`` before others take their place.

        Those of a whole slide, which take much room, only where somebody's work is in them.

        Raises
        ------
        GlandsError
            When they carry decisions of the user, or are damaged so that nobody knows, and
            `replace_curated` is False.
        """
        self.require_writable()
        try:
            curated = self.has_curated_priors(slide_id)
            made_by_hand = curated or self.has_grown_priors(slide_id)
        except DamagedResult:
            if not replace_curated:
                raise
            curated = made_by_hand = True  # who knows: the copy is kept for good
        if curated and not replace_curated:
            raise GlandsError(
                f"The priors of {self.entry(slide_id).name} carry your decisions and were "
                "not overwritten: ask for it with --replace-curated (they are backed up)."
            )
        large = is_large((self.sound_facts(slide_id, "priors") or {}).get("grid", (0, 0)))
        if made_by_hand or not large:
            with self._saving:
                self._store(slide_id).back_up("priors", passing=not made_by_hand)

    def save_edited_priors(self, result: Priors, *, base: str | None = None) -> str:
        """Save priors as the user left them; the method will not overwrite them.

        Parameters
        ----------
        result
            The priors.
        base
            Content of the priors that the user edited, where others may have been saved since;
            None takes them for those that are saved.

        Returns
        -------
        str
            Content of what was saved, whatever is saved over it right afterwards.
        """
        fingerprint = self.priors_fingerprint(result.settings, result.slide_id)
        with self._saving:
            saved = self.sound_facts(result.slide_id, "priors") or {}
            # An edit of what was there before growing undoes it: then it can be done again.
            grown = saved.get("grown", "") if base in (None, saved.get("content")) else ""
            self._save("priors", result, fingerprint, None, curated=True, grown=grown)
            return str((self.facts(result.slide_id, "priors") or {}).get("content", ""))

    def grow_priors(
        self, slide_id: str, grow: Callable[[Priors], Priors], *, fingerprint: str
    ) -> tuple[Priors, Priors]:
        """Add to the saved priors of a slide, without an edit of the user coming in between.

        They stay what they are to the step that mined them; those with decisions of the user are
        copied to ``slides/<id>.backups`` first.

        Parameters
        ----------
        slide_id
            Which slide.
        grow
            Makes the new priors of the saved ones; the same object where there is nothing to add.
            It is called again when the user has edited them in the meantime.
        fingerprint
            Of what they are grown from (`grow_fingerprint`).

        Returns
        -------
        tuple of Priors
            The former and the new ones.
        """
        self.require_writable()
        while True:
            with self._saving:
                former, base = self.load_priors(slide_id), self.facts(slide_id, "priors") or {}
            grown = grow(former)  # takes a while, in which the window reads and the user edits
            if grown is former:
                return former, grown
            with self._saving:
                facts = self.facts(slide_id, "priors") or {}
                if facts.get("content") != base.get("content"):
                    continue
                if self.has_curated_priors(slide_id):
                    self.back_up(slide_id, "priors")
                kept = {"curated": facts["curated"], "grown": fingerprint}
                self._save("priors", grown, facts["fingerprint"], None, **kept)
                return former, grown

    def load_priors(self, slide_id: str) -> Priors:
        """Load the priors of a slide, like `load_exterior`."""
        return self._loaded(SlideStore.load_priors, slide_id, "priors")

    def keep_version(self, slide_id: str, name: str) -> None:
        """Keep a copy of what a slide has, at most one per five minutes and the last five.

        Parameters
        ----------
        slide_id
            Which slide.
        name
            ``"priors"`` or ``"glands"``.
        """
        self.require_writable()
        with self._saving:
            keep_version(self._store(slide_id).folder, self._staging, name)

    def has_curated_priors(self, slide_id: str) -> bool:
        """Whether the saved priors of a slide carry decisions of the user."""
        facts = self.facts(slide_id, "priors")
        if facts is None:
            return False
        # A prior that the user deleted leaves no row behind: `curated` remembers that.
        return facts["curated"] or _decided(facts["table"])

    def has_grown_priors(self, slide_id: str) -> bool:
        """Whether predictions were taken into the saved priors of a slide."""
        return bool((self.facts(slide_id, "priors") or {}).get("grown"))

    def save_prediction(
        self,
        result: Prediction,
        *,
        fingerprint: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Save a prediction; what the user decided on former glands stays (`carry_over`).

        Former glands are copied to ``slides/<id>.backups`` first.

        Parameters
        ----------
        result
            The prediction.
        fingerprint, seconds
            As for `save_exterior`.
        """
        self.require_writable()
        if fingerprint is None:
            fingerprint = self.prediction_fingerprint(
                result.settings, result.slide_id, result.model
            )
        store = self._store(result.slide_id)
        while True:
            with self._undamaged(result.slide_id, "glands"), self._saving:
                base, former = store.facts("glands") or {}, store.load_former_glands()
                others = store.other_probabilities(result)
            glands = curation.taken_over(result, former, others)  # takes a while
            with self._saving:
                if (store.facts("glands") or {}).get("content") != base.get("content"):
                    continue  # edited in the meantime
                if former is not None or not is_large(base.get("grid", (0, 0))):
                    store.back_up("glands", passing=former is None)
                self._save("prediction", result, fingerprint, seconds, glands=glands)
                return

    def load_prediction(self, slide_id: str) -> Prediction:
        """Load the prediction of a slide, like `load_exterior`.

        Its glands are those that count: without what the user rejected, and what is doubtful.
        """
        loaded = self._loaded(SlideStore.load_prediction, slide_id, "prediction")
        return replace(loaded, mpp_source=self.entry(slide_id).mpp_source)

    def load_glands(self, slide_id: str) -> Glands:
        """Load all glands of a slide with their states, like `load_exterior`.

        Raises
        ------
        GlandsError
            Also for a slide that is too large to be looked through gland by gland.
        """
        if self.too_large_to_review(slide_id):
            raise GlandsError(
                f"{self.entry(slide_id).name} is too large to look through gland by gland: draw "
                "regions on it, and look through those."
            )
        return self._loaded(SlideStore.load_glands, slide_id, "glands")

    def too_large_to_review(self, slide_id: str) -> bool:
        """Whether the saved prediction of a slide is too large to be held in memory."""
        facts = self.facts(slide_id, "prediction")
        return facts is not None and is_large(facts["grid"])

    def save_edited_glands(self, result: Glands, *, base: str | None = None) -> str:
        """Save glands as the user left them; the next prediction respects the decisions.

        Parameters
        ----------
        result
            The glands.
        base
            Content of the glands that the user edited, where others may have been saved since;
            None takes them for those that are saved. Where a new prediction came in between, or
            one of another resolution, the decisions are carried over to its glands.

        Returns
        -------
        str
            Content of what was saved; empty when it is not `result` itself.

        Raises
        ------
        GlandsError
            When the slide has no prediction.
        """
        self.require_writable()
        with self._saving:
            store = self._store(result.slide_id)
            saved, glands = self._glands_to_edit(result), result
            known = saved["content"]
            if (known and base not in (None, known)) or saved["grid"] != result.grid:
                glands = curation.brought_up_to_date(result, self.load_glands(result.slide_id))
            self._save("glands", glands, saved["fingerprint"], None, curated=True)
            content = (store.facts("glands") or {})["content"]
            return str(content) if glands is result else ""

    def _glands_to_edit(self, result: Glands) -> dict[str, Any]:
        """Return the facts of the glands that are about to be saved over.

        Where they are damaged, and the prediction is not, a copy of them is kept: what the user
        holds takes their place.
        """
        slide_id, store = result.slide_id, self._store(result.slide_id)
        try:
            saved = self.facts(slide_id, "glands")
        except DamagedResult as error:
            with self._undamaged(slide_id, "prediction"):
                prediction = store.facts("prediction")
            if prediction is None or prediction["grid"] != result.grid:
                raise GlandsError(
                    f"{error} These are of another resolution than its prediction: run the step "
                    "`predict` after that, and save or restore them then."
                ) from error
            store.back_up("glands")
            return {**prediction, "content": None}
        if saved is None:
            raise GlandsError(_missing(self.entry(slide_id).name, "prediction"))
        return saved

    def former_glands(self, slide_id: str) -> Glands | None:
        """Load the glands that a new prediction of a slide has to respect.

        Returns
        -------
        Glands or None
            Those that the user decided on, at the resolution of then; None where there are none.

        Raises
        ------
        DamagedResult
            When they are not what was saved.
        """
        with self._undamaged(slide_id, "glands"), self._saving:
            return self._store(slide_id).load_former_glands()

    def has_curated_glands(self, slide_id: str) -> bool:
        """Whether the saved glands of a slide carry decisions of the user."""
        facts = self.facts(slide_id, "glands")
        return facts is not None and (facts["curated"] or _decided(facts["table"]))

    # ---- results that grow block by block

    def building(self, slide_id: str, name: str, fingerprint: str) -> Building:
        """Return the folder in which a result of a large slide grows, new or gone on with."""
        from napari_glands.project.whole_slide.building import Building

        self.require_writable()
        return Building.of(self._store(slide_id).folder, name, fingerprint)

    @contextmanager
    def saving(self, slide_id: str, name: str) -> Iterator[SlideStore]:
        """Give the results of a slide to change; nobody else reads or changes them meanwhile.

        Raises
        ------
        GlandsError
            When the project cannot be written to.
        """
        self.require_writable()
        try:
            with self._saving:
                yield self._store(slide_id)
        except OSError as error:
            what = f"Cannot save the {name} of {self.entry(slide_id).name} in {self.path}"
            raise GlandsError(refusal(what, error)) from error

    # ---- copies of what the user made

    def back_up(self, slide_id: str, name: Literal["priors", "glands"]) -> Path | None:
        """Copy the priors or glands of a slide to ``slides/<id>.backups``.

        Parameters
        ----------
        slide_id
            Which slide.
        name
            ``"priors"`` or ``"glands"``.

        Returns
        -------
        Path or None
            The copy; None when there is nothing to copy.
        """
        self.require_writable()
        with self._saving:
            return self._store(slide_id).back_up(name)

    def backups(self, slide_id: str, name: str) -> list[Path]:
        """Return the copies of the priors or glands of a slide, the latest first."""
        return self._store(slide_id).backups(name)

    def load_backup(self, slide_id: str, path: Path) -> Priors | Glands:
        """Load one of the `backups`; save it as edited to make it the present version."""
        store = self._store(slide_id)
        try:
            with self._saving:
                if path.name.startswith("glands"):
                    return store.load_gland_backup(path)
                return store.load_prior_backup(path)
        except GlandsError as error:
            raise GlandsError(f"The copy {path} cannot be used: {str(error).rstrip('.')}.") from (
                error
            )

    def put_back(self, slide_id: str, name: Literal["priors", "glands"], path: Path) -> None:
        """Put one of the `backups` of a result in its place as it is, whatever its size."""
        with self.saving(slide_id, name) as store:
            store.put_back(name, path)

    # ---- measurements

    def measurements_path(self, slide_id: str) -> Path:
        """Return where the table of a slide's glands is kept: ``slides/<id>.csv``."""
        return inside(self.path, "slides", f"{self.entry(slide_id).id}.csv")

    def save_measurements(self, slide_id: str, table: pd.DataFrame, *, content: str) -> None:
        """Save the table of a slide's glands.

        Parameters
        ----------
        slide_id
            Which slide.
        table
            One row per gland.
        content
            Content of the prediction it was made from (`facts`).
        """
        self.require_writable()
        with self._saving:
            digest = tables.write(table, self.measurements_path(slide_id))
            self._update(
                measurements={**self._content.measurements, slide_id: content},
                tables={**self._content.tables, slide_id: digest},
            )

    def load_measurements(self, slide_id: str) -> pd.DataFrame:
        """Load the table of a slide's glands.

        Raises
        ------
        GlandsError
            When there is none, or it is not what was saved.
        """
        path = self.measurements_path(slide_id)
        if not path.exists():
            raise GlandsError(_missing(self.entry(slide_id).name, "measure"))
        return tables.read(path, self._content.tables.get(slide_id))

    def measured(self, slide_id: str) -> str | None:
        """Return the content of the prediction a slide's table was made from, or None."""
        exists = self.measurements_path(slide_id).exists()
        return self._content.measurements.get(slide_id) if exists else None

    # ---- models

    @property
    def model_names(self) -> list[str]:
        """The names of the saved models."""
        return models.names(inside(self.path, "models"))

    def save_model(
        self,
        model: Model,
        name: str,
        *,
        fingerprint: str = "",
        finished: bool = True,
        start: str = "",
    ) -> None:
        """Save a trained model.

        Parameters
        ----------
        model
            The model.
        name
            Its folder below ``models/``.
        fingerprint
            Of what it was trained on.
        finished
            Whether training came to its end; False makes the next run train on.
        start
            Content of the model that it goes on from; empty for none.
        """
        self.require_writable()
        models.check_name(name)
        target = inside(self.path, "models", name)
        with staging_folder(self._staging) as staging:
            models.save(model, target, staging / name, fingerprint, finished, start)

    def keep_model(self, name: str) -> None:
        """Keep a copy of a model as ``<name>-previous``, before another takes its place."""
        self.require_writable()
        with staging_folder(self._staging) as staging:
            models.keep(inside(self.path, "models"), name, staging / name)

    def start_model_name(self, name: str) -> str:
        """Return the name of the model from which a training of some name goes on."""
        return models.start_name(inside(self.path, "models"), name)

    def load_model(self, name: str) -> Model:
        """Load a saved model; `GlandsError` when there is none of that name."""
        return models.load(inside(self.path, "models"), name)

    def model_facts(self, name: str) -> dict[str, Any] | None:
        """Return fingerprint, content, ``finished`` and start of a model; None when absent."""
        return models.facts(inside(self.path, "models"), name)

    # ---- fingerprints of what would be made now

    def exterior_fingerprint(
        self, settings: Settings, slide_id: str, among: Sequence[SlideEntry] | None = None
    ) -> str:
        """Return the fingerprint of a slide's exterior map: of all slides' for a shared network.

        Parameters
        ----------
        settings, slide_id
            Of what.
        among
            The slides that a shared network is trained on; None for all that take part.
        """
        shared = settings.exterior.network == "shared"
        taking_part = entries_for(self, "exterior") if among is None else among
        slides = taking_part if shared else (self.entry(slide_id),)
        return step_fingerprint("exterior", settings, slides, [self.entry(slide_id).checksum])

    def priors_fingerprint(self, settings: Settings, slide_id: str) -> str:
        """Return the fingerprint of what mining a slide's saved exterior map would give."""
        exterior = (self.sound_facts(slide_id, "exterior") or {}).get("content", "")
        return step_fingerprint("priors", settings, [self.entry(slide_id)], [exterior])

    def train_fingerprint(
        self, settings: Settings, slide_ids: Sequence[str], start: str = ""
    ) -> str:
        """Return the fingerprint of the model that slides with what is known of them would give.

        Parameters
        ----------
        settings
            Of all steps.
        slide_ids
            The slides, all with priors.
        start
            Content of the model that it goes on from; empty for none.
        """
        return train_fingerprint(self, settings, slide_ids, start)

    def prediction_fingerprint(self, settings: Settings, slide_id: str, model: str) -> str:
        """Return the fingerprint of a slide's prediction by a model of some content."""
        return step_fingerprint("predict", settings, [self.entry(slide_id)], [model])

    def grow_fingerprint(self, settings: Settings, slide_id: str) -> str:
        """Return the fingerprint of what a slide's saved prediction would add to its priors."""
        prediction = (self.sound_facts(slide_id, "prediction") or {}).get("content", "")
        return step_fingerprint("grow", settings, [self.entry(slide_id)], [prediction])

    # ---- inside

    @property
    def _staging(self) -> Path:
        return inside(self.path, ".staging")

    def _store(self, slide_id: str) -> SlideStore:
        place = inside(self.path, "slides", f"{self.entry(slide_id).id}.zarr")
        return SlideStore(place, self._staging)

    @contextmanager
    def _undamaged(self, slide_id: str, name: ResultName) -> Iterator[None]:
        """Say of which slide and result it is when something saved is damaged."""
        try:
            yield
        except GlandsError as error:
            raise damaged(self, slide_id, name, error) from error

    def _save(
        self,
        name: ResultName,
        result: ExteriorMap | Priors | Prediction | Glands,
        fingerprint: str,
        seconds: float | None,
        **facts: Any,
    ) -> None:
        """Save one result with its facts."""
        self.require_writable()
        if seconds is None:
            seconds = (self.sound_facts(result.slide_id, name) or {}).get("seconds", 0.0)
        with self.saving(result.slide_id, name) as store:
            save = getattr(store, f"save_{name}")
            save(result, fingerprint=fingerprint, seconds=seconds, **facts)

    def _added(self, slide: Slide) -> SlideEntry:
        """Return the record of a slide, made if it is new."""
        for entry in self._content.slides:
            if entry.checksum == slide.checksum:
                new_mpp = slide.mpp_source == "given" and slide.mpp != entry.mpp
                return self._with_mpp(entry, slide) if new_mpp else entry
        entry = registry.enter(slide, self.path, self._staging)
        self._update(slides=[*self._content.slides, entry])
        return entry

    def _with_mpp(self, entry: SlideEntry, slide: Slide) -> SlideEntry:
        """Give a slide another pixel size, as long as nothing was made with the former one."""
        ids = [e.id for e in (entry, *self.regions_of(entry.id))]
        results: tuple[ResultName, ...] = ("exterior", "priors", "prediction")
        if any(self.facts(slide_id, name) for slide_id in ids for name in results):
            raise GlandsError(
                f"{entry.name} has results made with {entry.mpp:g} µm/px ({entry.mpp_source}): to "
                f"work with {slide.mpp:g} µm/px, make a new project."
            )
        registry.enter(slide, self.path, self._staging)
        self._change_with_regions(entry.id, mpp=slide.mpp, mpp_source="given")
        return self.entry(entry.id)

    def _added_region(self, slide: Slide, entry: SlideEntry, region: Region) -> SlideEntry:
        """Return the record of a region, made if it is new."""
        same = [e for e in self.regions_of(entry.id) if e.region and e.region.place == region]
        if same:
            return same[0]
        removed = self._content.removed
        known = [e.region for e in (*self._content.slides, *removed) if e.region is not None]
        number = 1 + max((part.number for part in known if part.of == entry.id), default=0)
        back = [
            e for e in removed if e.region and (e.region.of, e.region.place) == (entry.id, region)
        ]
        added = (
            back[0]
            if back
            else registry.enter_region(slide, entry, region, number, self.path, self._staging)
        )
        self._update(
            slides=[*self._content.slides, added], removed=[e for e in removed if e not in back]
        )
        return added

    def _change_with_regions(self, slide_id: str, **changes: Any) -> None:
        """Change what a slide and its regions have in common."""

        def changed(entry: SlideEntry) -> SlideEntry:
            own = entry.id == slide_id or (entry.region is not None and entry.region.of == slide_id)
            return entry.model_copy(update=changes) if own else entry

        with self._saving:
            self._update(
                slides=[changed(entry) for entry in self._content.slides],
                removed=[changed(entry) for entry in self._content.removed],
            )

    def _loaded(self, load: Callable[[SlideStore], T | None], slide_id: str, name: ResultName) -> T:
        # A result is replaced by renaming folders: not while it is read.
        with self._undamaged(slide_id, name), self._saving:
            result = load(self._store(slide_id))
            if result is not None:
                entry = self.entry(slide_id)
                _check_belonging(result.slide_id, result.grid, entry)
                for plane in vars(result).values():
                    if isinstance(plane, CheckedArray):  # of a whole slide, read when it is used
                        plane.belongs_to(Owner(slide_id, entry.name, name))
        if result is None:
            step = "prediction" if name == "glands" else name
            raise GlandsError(_missing(self.entry(slide_id).name, step))
        return result

    def _update(self, **changes: Any) -> None:
        """Change fields of the project file, on the disk first."""
        self.require_writable()
        with self._saving:
            content = self._content.model_copy(update=changes)
            try:
                schema.write_project_file(self.path / "project.json", content)
            except OSError as error:
                raise GlandsError(
                    refusal(f"Cannot save {self.path / 'project.json'}", error)
                ) from error
            self._content = content
            if "slides" in changes:  # the copy must not be one without them
                with suppress(OSError, GlandsError):
                    schema.keep_previous(self.path / "project.json")

    def _recover(self, version: int) -> None:
        """Tidy up after a process that died, and bring an older project up to date."""
        remove(self._staging)
        models.recover(inside(self.path, "models"))
        for entry in self.slides:
            with suppress(GlandsError):  # told when its results are asked for
                self._store(entry.id).recover()
        with suppress(OSError, GlandsError):  # a safeguard, without which one can work too
            schema.keep_previous(self.path / "project.json")
        if version < schema.SCHEMA_VERSION:
            schema.back_up(self.path / "project.json", version)
            schema.write_project_file(self.path / "project.json", self._content)


def _check_belonging(slide_id: str, grid: Grid, entry: SlideEntry) -> None:
    """Refuse a result that was made of another slide, or with another pixel size."""
    if slide_id != entry.id:
        raise GlandsError(f"it is that of the slide {slide_id}")
    if not math.isclose(grid.slide_mpp, entry.mpp, rel_tol=1e-9):
        raise GlandsError(
            f"it was made with {grid.slide_mpp:g} µm/px, but the project says {entry.mpp:g} µm/px "
            "of the slide"
        )


def _decided(table: Iterable[dict[str, Any]]) -> bool:
    """Whether a table has a row that the user decided on."""
    return any(row["state"] not in ("proposed", "doubtful") for row in table)


def _missing(slide_name: str, step: str) -> str:
    command = {"prediction": "predict"}.get(step, step)
    return f"{slide_name} has no {step} yet: run the step `{command}` first."
