"""The steps of the method over a project, each taking up where an earlier run was cut off.

A step does only what is missing or out of date, tells so, and saves every slide as soon as it is
finished: stopped at any point, by a cancel request or a kill, the same call goes on from there.
A cancelled step returns what it finished.

- Priors that the user accepted, edited or rejected are kept unless `replace_curated` is set.
- Glands that the user accepted, edited or rejected stay when their slide is predicted again.
- Priors grown from predictions are kept as long as the step that mined the others has nothing to
  do anew.
- A slide without a prior is not an error: it teaches from the second round of training on, and is
  predicted like any other. No prior in any slide is one: there is nothing to learn from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_glands.errors import GlandsError
from napari_glands.live import LiveView
from napari_glands.progress import Cancelled, CancelToken, Event, Report, ignore, part_of
from napari_glands.project.damage import DamagedResult
from napari_glands.project.elsewhere import MapSlide, MineSlide, PredictSlide
from napari_glands.project.facts import ResultName
from napari_glands.project.folder import Project
from napari_glands.project.left_out import LeftOut
from napari_glands.project.missing import reachable, same_exterior, same_model
from napari_glands.project.rounds import record_change
from napari_glands.project.runs import end_killed_run, recorded_run
from napari_glands.project.schema import SlideEntry
from napari_glands.project.summary import RunSummary, summarise
from napari_glands.project.taking_part import entries_for, is_large_entry
from napari_glands.project.teaching import decided_glands
from napari_glands.settings import Settings
from napari_glands.slides.blocks import is_large
from napari_glands.workers import Crew, InProcess

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.priors.prior import Priors
    from napari_glands.segmentation import Model
    from napari_glands.slides import Slide
    from napari_glands.workers import Made, Workers

__all__ = [
    "DEFAULT_MODEL",
    "StepResult",
    "run_all",
    "run_exterior",
    "run_grow",
    "run_measure",
    "run_predict",
    "run_priors",
    "run_train",
]

DEFAULT_MODEL = "glands"
# Share of the exterior step's progress bar that the shared network's training takes.
_FIT_SHARE = 0.7


@dataclass(frozen=True)
class StepResult:
    """What a step did.

    Attributes
    ----------
    step
        Its name.
    made
        Ids of the slides (the name of the model for training) that were made now.
    kept
        The ones that were finished before, or carry decisions of the user.
    seconds
        How long it took.
    left_out
        What could not be done and why, a sentence for each slide: the others went on.
    """

    step: str
    made: tuple[str, ...]
    kept: tuple[str, ...]
    seconds: float
    left_out: tuple[str, ...] = ()


def run_exterior(
    project: Project,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
    workers: Workers | None = None,
) -> StepResult:
    """Map the exterior of all slides (stage 1).

    Parameters
    ----------
    project
        Open for writing.
    settings
        Saved as the project's; its own when not given.
    report, cancel
        Progress and cancel request.
    live
        Tells which part of which slide somebody looks at while the step runs.
    workers
        Who works on slides, and on the blocks of those that are too large for memory; this
        process when not given.

    Raises
    ------
    GlandsError
        When the project has no slides or cannot be written to, an image is missing, the device
        is not there, or the exterior cluster does not exist.
    """
    from napari_glands.exterior import (
        apply_exterior,
        check_cluster,
        choose_device,
        fit_exterior,
    )
    from napari_glands.project.whole_slide.saving import save_large_exterior

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    check_cluster(settings.exterior)
    left = LeftOut("exterior", report)
    there = reachable(project, entries_for(project, "exterior"), "exterior", report)
    kept, todo = _split(
        project, lambda entry: same_exterior(project, settings, entry, there), there
    )
    for entry in kept:
        with left.on_damage(entry):
            _choose_again(project, entry.id, settings)
    if not todo:
        return _nothing_to_do("exterior", kept, report, left)
    there = [entry for entry in there if _opens(project, entry, left)]
    todo = [entry for entry in todo if entry not in left]
    left.raise_if_all(_ids(todo), _ids(kept))
    if not todo:
        return _nothing_to_do("exterior", kept, report, left)
    device = choose_device(settings.general.device)
    shared = settings.exterior.network == "shared"
    those = workers or InProcess()
    fingerprint = project.exterior_fingerprint(settings, todo[0].id, there)
    clock = time.perf_counter()
    with recorded_run(
        project,
        "exterior",
        settings,
        fingerprint,
        report,
        cancel,
        device=f"{device.name}: {device.reason}",
    ) as run:
        _say_kept("exterior", kept, run.report)
        start = _FIT_SHARE if shared else 0.0
        model = None
        try:
            if shared:
                fit_report = part_of(run.report, 0, start)
                with _opened(project, there) as slides:
                    model = fit_exterior(
                        slides, settings, report=fit_report, cancel=cancel, live=live
                    )
        except Cancelled:
            return _cut_off("exterior", kept, clock, left)

        def work(slide: Slide, report: Report, begun: Made | None) -> None:
            began = time.perf_counter()
            own = project.exterior_fingerprint(settings, slide.id, there)
            if begun:
                mapped = begun(slide.id)
            else:
                fitted = model or fit_exterior(
                    [slide], settings, report=report, cancel=cancel, live=live
                )
                if is_large(slide.grid(settings.general.working_mpp)):
                    crew = Crew(those, report, cancel)
                    save_large_exterior(project, slide, fitted, own, crew)
                    return
                mapped = apply_exterior(fitted, slide, cancel=cancel)
            seconds = time.perf_counter() - began
            project.save_exterior(mapped, fingerprint=own, seconds=seconds)

        make = MapSlide(project.path, settings, model)
        made = _each(project, "exterior", todo, work, those, make, run.report, cancel, left, start)
    return _ended("exterior", made, kept, clock, left)


def run_priors(
    project: Project,
    settings: Settings | None = None,
    *,
    replace_curated: bool = False,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    workers: Workers | None = None,
) -> StepResult:
    """Mine the priors of all slides that have an exterior map.

    Parameters
    ----------
    project, settings, report, cancel, workers
        As for `run_exterior`.
    replace_curated
        Whether priors with decisions of the user, or grown from predictions, are replaced too
        (after a backup).

    Raises
    ------
    GlandsError
        When no slide has an exterior map, and as for `run_exterior`.
    """
    from napari_glands.priors import mine_priors
    from napari_glands.project.whole_slide.saving import save_large_priors

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    those = workers or InProcess()
    left = LeftOut("priors", report)
    having = _having(project, "exterior", report, "priors", left)
    if not replace_curated:
        having = left.sound(project, having, ["priors"])
        left.raise_if_all(_ids(having), ())
    mapped = reachable(project, having, "priors", report)
    saved = {e.id: project.sound_facts(e.id, "priors") for e in mapped}
    curated = {e.id for e in mapped if saved[e.id] and project.has_curated_priors(e.id)}
    grown = {e.id for e in mapped if saved[e.id] and project.has_grown_priors(e.id)}

    def finished(entry: SlideEntry) -> bool:
        if replace_curated and entry.id in curated | grown:
            return False
        if entry.id in curated:
            return True
        made_of = (saved[entry.id] or {}).get("fingerprint")
        return made_of == project.priors_fingerprint(settings, entry.id)

    kept, todo = _split(project, finished, mapped)
    if curated and not replace_curated:
        names = ", ".join(e.name for e in kept if e.id in curated)
        report(Event("priors", 0, f"Kept your decisions on the priors of {names}"))
    if not todo:
        return _nothing_to_do("priors", kept, report, left)
    fingerprint = project.priors_fingerprint(settings, todo[0].id)
    clock = time.perf_counter()

    def work(slide: Slide, report: Report, begun: Made | None) -> None:
        began = time.perf_counter()
        if begun:
            found = begun(slide.id)
        else:
            exterior = project.load_exterior(slide.id)
            if is_large(exterior.grid):
                own = project.priors_fingerprint(settings, slide.id)
                crew = Crew(those, report, cancel)
                save_large_priors(
                    project, slide, exterior, settings, own, crew, replace_curated=replace_curated
                )
                return
            found = mine_priors(slide, exterior, settings, report=report, cancel=cancel)
        if not replace_curated and project.has_curated_priors(slide.id):  # edited meanwhile
            report(Event("priors", 1, f"Kept your decisions on the priors of {slide.name}"))
            return
        if slide.id in grown:
            text = f"Replaced the priors of {slide.name} that were taken from predictions"
            report(Event("priors", 1, f"{text} (a copy is kept)"))
        project.save_priors(
            found,
            replace_curated=replace_curated,
            fingerprint=project.priors_fingerprint(settings, slide.id),
            seconds=time.perf_counter() - began,
        )

    told = {"replace_curated": replace_curated}
    with recorded_run(
        project, "priors", settings, fingerprint, report, cancel, arguments=told
    ) as run:
        _say_kept("priors", kept, run.report)
        make = MineSlide(project.path, settings)
        made = _each(project, "priors", todo, work, those, make, run.report, cancel, left)
    return _ended("priors", made, kept, clock, left)


def run_train(
    project: Project,
    settings: Settings | None = None,
    *,
    name: str = DEFAULT_MODEL,
    go_on: bool = False,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
) -> StepResult:
    """Train a model on the slides that have priors (stage 2), and on what the user decided.

    A run that was cut off goes on from its last checkpoint. A cancelled one saves the best model
    so far, which can be used, and goes on when it is run again. A former model of that name is
    kept as ``<name>-previous``.

    Parameters
    ----------
    project, settings, report, cancel, live
        As for `run_exterior`.
    name
        Of the model; a former one of that name is replaced.
    go_on
        Whether to go on from the weights of the model of that name, for as many further rounds as
        the settings say, instead of training a new one.

    Raises
    ------
    GlandsError
        When no slide has priors, all are empty or rejected, there is no model to go on from, and
        as for `run_exterior`.
    """
    from napari_glands.exterior import choose_device
    from napari_glands.priors.decisions import has_taken
    from napari_glands.segmentation import train

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    left = LeftOut("train", report)
    having = _having(project, "priors", report, "train", left)
    having = left.sound(project, having, ["glands"])
    left.raise_if_all(_ids(having), ())
    entries = reachable(project, having, "train", report)
    saved = project.model_facts(name)
    if (_just_trained if go_on else same_model)(project, settings, name, having):
        report(Event("train", 1, f"Trained before and up to date: model {name}"))
        return StepResult("train", (), (name,), 0.0, tuple(left.sentences))
    entries, priors, glands = _taught(project, entries, left)
    start, base = _start(project, name) if go_on else (None, "")
    fingerprint = project.train_fingerprint(settings, _ids(entries), base)
    if not (start or any(p.used.any() for p in priors) or any(map(has_taken, glands))):
        raise GlandsError(
            f"No priors to learn from in {_count(entries)}. Look at the exterior map "
            "and choose another exterior cluster, lower the smallest solidity or area of priors, "
            "or draw a few by hand."
        )
    device = choose_device(settings.general.device)
    clock = time.perf_counter()
    with recorded_run(
        project,
        "train",
        settings,
        fingerprint,
        report,
        cancel,
        device=f"{device.name}: {device.reason}",
        resume=True,
        arguments={"name": name, "go_on": go_on},
    ) as run:
        try:
            with _opened(project, entries) as slides:
                model = train(
                    slides,
                    priors,
                    settings,
                    glands=glands,
                    start=start,
                    run_dir=run.folder,
                    name=name,
                    report=run.report,
                    cancel=cancel,
                    live=live,
                )
        except Cancelled:  # before there was a model
            return _cut_off("train", (), clock, left)
        if saved and saved["fingerprint"] != fingerprint:
            project.keep_model(name)
        stopped = cancel.cancelled or model.metrics.get("stopped") == "cancelled"
        project.save_model(model, name, fingerprint=fingerprint, finished=not stopped, start=base)
        if not stopped:
            run.drop_checkpoints()
    return _ended("train", (name,), (), clock, left)


def run_predict(
    project: Project,
    settings: Settings | None = None,
    *,
    name: str = DEFAULT_MODEL,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
    workers: Workers | None = None,
) -> StepResult:
    """Predict the glands of all slides with a saved model.

    Parameters
    ----------
    project, settings, report, cancel, live, workers
        As for `run_exterior`.
    name
        Of the model.

    Raises
    ------
    GlandsError
        When there is no such model, and as for `run_exterior`.
    """
    from napari_glands.exterior import choose_device
    from napari_glands.project.whole_slide.saving import save_large_prediction
    from napari_glands.segmentation import predict

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    those = workers or InProcess()
    saved = project.model_facts(name)
    content = saved["content"] if saved else ""
    left = LeftOut("predict", report)
    kept, todo = _split(
        project,
        lambda entry: (
            (project.whole_facts(entry.id, "prediction") or {}).get("fingerprint")
            == project.prediction_fingerprint(settings, entry.id, content)
        ),
        reachable(project, entries_for(project, "predict"), "predict", report),
    )
    if saved and not todo:
        return _nothing_to_do("predict", kept, report, left)
    model = project.load_model(name)
    device = choose_device(settings.general.device)
    clock = time.perf_counter()

    def work(slide: Slide, report: Report, begun: Made | None) -> None:
        began = time.perf_counter()
        own = project.prediction_fingerprint(settings, slide.id, content)
        project.former_glands(slide.id)  # before the work: without them it could not be saved
        before = _reviewable(project, slide.id)
        if begun:
            prediction = begun(slide.id)
        elif is_large(slide.grid(model.settings.general.working_mpp)):
            crew = Crew(those, report, cancel)
            save_large_prediction(project, slide, model, settings, own, crew)
            return
        else:
            prediction = predict(model, slide, settings, report=report, cancel=cancel, live=live)
        project.save_prediction(
            prediction,
            fingerprint=own,
            seconds=time.perf_counter() - began,
        )
        record_change(project, slide.id, before, model, run.folder)
        if project.has_curated_glands(slide.id):
            report(Event("predict", 1, f"Kept your decisions on the glands of {slide.name}"))

    fingerprint = project.prediction_fingerprint(settings, todo[0].id, content)
    with recorded_run(
        project,
        "predict",
        settings,
        fingerprint,
        report,
        cancel,
        device=f"{device.name}: {device.reason}",
        arguments={"name": name},
    ) as run:
        _say_kept("predict", kept, run.report)
        make = PredictSlide(project.path, settings, name)
        made = _each(project, "predict", todo, work, those, make, run.report, cancel, left)
    return _ended("predict", made, kept, clock, left)


def run_grow(
    project: Project,
    settings: Settings | None = None,
    *,
    name: str = DEFAULT_MODEL,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> StepResult:
    """Add the predicted glands that the network is sure of to the priors, as proposals.

    What the user accepted, edited or rejected stays as it is. The prediction of a slide is taken
    in once: where it and the smallest score are the same as before, nothing is done.

    Parameters
    ----------
    project, settings, report, cancel
        As for `run_exterior`.
    name
        Of the model that predicted.

    Raises
    ------
    GlandsError
        When no slide has priors and a prediction that is up to date, and as for `run_exterior`.
    """
    from napari_glands.project.growing import grow_saved_priors

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    left = LeftOut("grow", report)
    predicted = _having_current_prediction(project, settings, name, report, left)
    kept, todo = _split(
        project,
        lambda entry: (
            (project.facts(entry.id, "priors") or {}).get("grown")
            == project.grow_fingerprint(settings, entry.id)
        ),
        predicted,
    )
    if not todo:
        return _nothing_to_do("grow", kept, report, left)
    fingerprint = project.grow_fingerprint(settings, todo[0].id)
    clock = time.perf_counter()
    made: list[str] = []
    told = {"name": name}
    with recorded_run(
        project, "grow", settings, fingerprint, report, cancel, arguments=told
    ) as run:
        _say_kept("grow", kept, run.report)
        for n, entry in enumerate(todo):
            if cancel.cancelled:
                break
            with left.on_damage(entry):
                before, after = grow_saved_priors(project, entry.id, settings)
            if entry in left:
                continue
            if after is before:
                kept.append(entry)
            else:
                made.append(entry.id)
            text = f"Priors of {entry.name}: {len(before.table)} before, {len(after.table)} now"
            run.report(Event("grow", (n + 1) / len(todo), text))
    return _ended("grow", tuple(made), kept, clock, left)


def run_measure(
    project: Project,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> StepResult:
    """Measure the glands of all slides that have a prediction.

    Parameters
    ----------
    project, settings, report, cancel
        As for `run_exterior`.

    Raises
    ------
    GlandsError
        When no slide has a prediction, and as for `run_exterior`.
    """
    from napari_glands.measurement import measure

    settings, cancel = _begin(project, settings), cancel or CancelToken()
    left = LeftOut("measure", report)
    predicted = _having(project, "prediction", report, "measure", left)
    contents = {e.id: (project.facts(e.id, "prediction") or {})["content"] for e in predicted}
    kept, todo = _split(project, lambda e: project.measured(e.id) == contents[e.id], predicted)
    if not todo:
        return _nothing_to_do("measure", kept, report, left)
    clock = time.perf_counter()
    made = []
    with recorded_run(project, "measure", settings, contents[todo[0].id], report, cancel) as run:
        _say_kept("measure", kept, run.report)
        for n, entry in enumerate(todo):
            if cancel.cancelled:
                break
            try:
                table = measure(project.load_prediction(entry.id), cancel=cancel)
            except Cancelled:
                break
            except DamagedResult as error:
                left.add(entry, error)
                continue
            project.save_measurements(entry.id, table, content=contents[entry.id])
            made.append(entry.id)
            run.report(Event("measure", (n + 1) / len(todo), f"Measured {entry.name}"))
    return _ended("measure", tuple(made), kept, clock, left)


def run_all(
    project: Project,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
    workers: Workers | None = None,
) -> RunSummary:
    """Run all steps in order; a cancelled run returns the summary of what there is.

    Parameters
    ----------
    project, settings, report, cancel, live, workers
        As for `run_exterior`.

    Raises
    ------
    GlandsError
        As the steps.
    """
    cancel = cancel or CancelToken()
    _check_devices(settings or project.settings)  # refused now, not after the first steps
    steps: tuple[Callable[..., StepResult], ...] = (
        partial(run_exterior, live=live, workers=workers),
        partial(run_priors, workers=workers),
        partial(run_train, live=live),
        partial(run_predict, live=live, workers=workers),
        run_measure,
    )
    left_out: dict[str, None] = {}  # what one step goes on without, the next one may too
    for run_step in steps:
        if cancel.cancelled:
            break
        result = run_step(project, settings, report=report, cancel=cancel)
        left_out |= dict.fromkeys(result.left_out)
    return summarise(project, list(left_out))


# ---- what the steps have in common


def _check_devices(settings: Settings) -> None:
    """Refuse a training on more devices than there are."""
    if settings.general.devices > 1:  # what trains on several takes a second to import
        from napari_glands.exterior import choose_device
        from napari_glands.segmentation.devices import check_devices

        check_devices(settings, choose_device(settings.general.device))


def _begin(project: Project, settings: Settings | None) -> Settings:
    project.require_writable()
    if not project.slides:
        raise GlandsError(
            f"The project {project.path} has no slides: add images with `napari-glands new`."
        )
    if settings is not None:
        project.set_settings(settings)
    return project.settings


def _choose_again(project: Project, slide_id: str, settings: Settings) -> None:
    """Follow a changed wish for the exterior cluster on a finished clustering.

    The wish that the saved map was made with is compared, not its cluster: a cluster that the
    user clicked on that map stays.
    """
    facts = project.facts(slide_id, "exterior") or {}
    wished = settings.exterior.exterior_cluster
    if facts["settings"].exterior.exterior_cluster == wished:
        return
    saved = project.load_exterior(slide_id)
    chosen = wished or max(saved.evidence, key=lambda cue: cue.score).cluster
    project.save_exterior(replace(saved.with_cluster(chosen), settings=settings))


def _start(project: Project, name: str) -> tuple[Model, str]:
    """Load the model that a training goes on from, with its content."""
    start = project.start_model_name(name)
    return project.load_model(start), (project.model_facts(start) or {})["content"]


def _just_trained(
    project: Project, settings: Settings, name: str, having: Sequence[SlideEntry]
) -> bool:
    """Tell whether a training that goes on was killed between saving its model and its end.

    The same call does nothing more then; the next one goes on from that model.
    """
    saved = project.model_facts(name)
    if saved is None or not saved["finished"] or not saved.get("start"):
        return False
    wanted = project.train_fingerprint(settings, _ids(having), saved["start"])
    return saved["fingerprint"] == wanted and end_killed_run(project, "train", wanted)


def _having_current_prediction(
    project: Project, settings: Settings, name: str, report: Report, left: LeftOut
) -> list[SlideEntry]:
    """Return the slides with priors and a prediction that fits them; say which are left out."""
    having = left.sound(
        project, _having(project, "priors", report, "grow", left), ["prediction", "glands"]
    )
    left.raise_if_all(_ids(having), ())
    saved = project.model_facts(name)

    def current(entry: SlideEntry) -> bool:
        priors = project.facts(entry.id, "priors") or {}
        prediction = project.facts(entry.id, "prediction") or {}
        wanted = saved and project.prediction_fingerprint(settings, entry.id, saved["content"])
        return prediction.get("fingerprint") == wanted and prediction["grid"] == priors["grid"]

    large = [e for e in having if is_large_entry(e, settings)]
    if large:
        names = ", ".join(e.name for e in large)
        report(Event("grow", 0, f"Left out, because whole slides only grow in regions: {names}"))
    having = [e for e in having if e not in large]
    predicted = [e for e in having if project.facts(e.id, "prediction")]
    if not predicted:
        raise GlandsError(
            "There is no prediction to take into the priors yet: run the steps `train` and "
            "`predict` first."
        )
    fitting, others = _split(project, current, predicted)
    if not fitting:
        raise GlandsError(
            f"The predictions are not those of the model {name!r} as it is now with these "
            "settings, at the working resolution of the priors: run the step `predict` again (or "
            "`priors`, where the working resolution has changed)."
        )
    absent = [e for e in having if e not in predicted]
    for entries, why in ((absent, "missing"), (others, "out of date")):
        if entries:
            names = ", ".join(e.name for e in entries)
            report(Event("grow", 0, f"Left out, because the prediction is {why}: {names}"))
    return fitting


def _having(
    project: Project, result: ResultName, report: Report, step: str, left: LeftOut
) -> list[SlideEntry]:
    """Return the slides that have a result; say which are left out."""
    taking_part = left.sound(project, entries_for(project, step), [result])
    left.raise_if_all(_ids(taking_part), ())
    having = [e for e in taking_part if project.facts(e.id, result) is not None]
    before = "predict" if result == "prediction" else result
    if not having:
        raise GlandsError(f"No slide has a result of the step `{before}` yet: run it first.")
    missing = [e.name for e in taking_part if e not in having]
    if missing:
        names = ", ".join(missing)
        report(Event(step, 0, f"Left out, because the step {before} is missing: {names}"))
    return having


def _taught(
    project: Project, entries: Sequence[SlideEntry], left: LeftOut
) -> tuple[list[SlideEntry], list[Priors], list[Glands | None]]:
    """Load what slides teach; return the slides that can be used, with that."""
    priors, glands, used = [], [], []
    for entry in entries:
        if not _opens(project, entry, left):
            continue
        with left.on_damage(entry):
            of_slide = project.load_priors(entry.id), decided_glands(project, entry.id)
            priors.append(of_slide[0])
            glands.append(of_slide[1])
            used.append(entry)
    left.raise_if_all(_ids(used), ())
    return used, priors, glands


def _opens(project: Project, entry: SlideEntry, left: LeftOut) -> bool:
    """Tell whether the image of a slide can be opened; leave the slide out otherwise."""
    slide = left.opened(project, entry)
    if slide is not None:
        slide.close()
    return slide is not None


def _reviewable(project: Project, slide_id: str) -> Glands | None:
    """Load the glands of a slide, where there are any that can be looked through one by one."""
    facts = project.sound_facts(slide_id, "glands")
    if facts is None or is_large(facts["grid"]):
        return None
    try:
        return project.load_glands(slide_id)
    except DamagedResult:
        return None


def _split(
    project: Project,
    finished: Callable[[SlideEntry], bool],
    entries: Sequence[SlideEntry] | None = None,
) -> tuple[list[SlideEntry], list[SlideEntry]]:
    """Split slides into the finished ones and the others."""
    kept: list[SlideEntry] = []
    todo: list[SlideEntry] = []
    for entry in project.slides if entries is None else entries:
        (kept if finished(entry) else todo).append(entry)
    return kept, todo


@contextmanager
def _opened(project: Project, entries: Sequence[SlideEntry]) -> Iterator[list[Slide]]:
    """Open slides for as long as they are needed together."""
    slides = [project.slide(entry.id) for entry in entries]
    try:
        yield slides
    finally:
        for slide in slides:
            slide.close()


def _each(
    project: Project,
    step: str,
    todo: Sequence[SlideEntry],
    work: Callable[[Slide, Report, Made | None], None],
    workers: Workers,
    make: Callable[[str], Any],
    report: Report,
    cancel: CancelToken,
    left: LeftOut,
    start: float = 0.0,
) -> tuple[str, ...]:
    """Work through slides, until done or cancelled; return the ids of the finished ones.

    What others make of small slides meanwhile is handed to `work`, for it to save.
    """
    made: list[str] = []
    share = (1 - start) / len(todo)
    small = [entry.id for entry in todo if not is_large_entry(entry, project.settings)]
    with workers.ahead(make, small, cancel) as begun:
        for n, entry in enumerate(todo):
            if cancel.cancelled:
                break
            slide = left.opened(project, entry)
            if slide is None:
                continue
            try:
                there = begun if entry.id in small else None
                with left.on_damage(entry):
                    work(slide, part_of(report, start + n * share, share), there)
            except Cancelled:
                break
            finally:
                slide.close()
            if entry in left:
                continue
            made.append(entry.id)
            done = f"Finished {entry.name} ({n + 1} of {len(todo)})"
            report(Event(step, start + (n + 1) * share, done))
    return tuple(made)


def _nothing_to_do(
    step: str, kept: Sequence[SlideEntry], report: Report, left: LeftOut
) -> StepResult:
    report(Event(step, 1, f"Finished before and up to date: {_count(kept)}"))
    return StepResult(step, (), _ids(kept), 0.0, tuple(left.sentences))


def _cut_off(step: str, kept: Sequence[SlideEntry], clock: float, left: LeftOut) -> StepResult:
    """Return what a step did that was cancelled before it had made anything."""
    return StepResult(step, (), _ids(kept), time.perf_counter() - clock, tuple(left.sentences))


def _ended(
    step: str, made: tuple[str, ...], kept: Sequence[SlideEntry], clock: float, left: LeftOut
) -> StepResult:
    """Return what a step did since a moment."""
    left.raise_if_all(made, _ids(kept))
    return StepResult(step, made, _ids(kept), time.perf_counter() - clock, tuple(left.sentences))


def _say_kept(step: str, kept: Sequence[SlideEntry], report: Report) -> None:
    if kept:
        report(Event(step, 0, f"Finished before and up to date: {_count(kept)}"))


def _count(entries: Sequence[SlideEntry]) -> str:
    return "1 slide" if len(entries) == 1 else f"{len(entries)} slides"


def _ids(entries: Sequence[SlideEntry]) -> tuple[str, ...]:
    return tuple(entry.id for entry in entries)
